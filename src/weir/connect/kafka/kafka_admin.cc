#include "weir/connect/kafka/kafka_admin.h"

namespace weir::connect {

Result<RdKafkaPtr<rd_kafka_event_t>> AskAdmin(
    const KafkaHandle& handle, rd_kafka_admin_op_t operation, const std::string& doing,
    const std::function<void(rd_kafka_AdminOptions_t*, rd_kafka_queue_t*)>& send) {
  const RdKafkaPtr<rd_kafka_queue_t> queue(rd_kafka_queue_new(handle.get()));
  const RdKafkaPtr<rd_kafka_AdminOptions_t> options(
      rd_kafka_AdminOptions_new(handle.get(), operation));
  const int limit_ms = static_cast<int>(handle.limit_ms());
  char why[256];
  if (rd_kafka_AdminOptions_set_request_timeout(options.get(), limit_ms, why, sizeof why) !=
      RD_KAFKA_RESP_ERR_NO_ERROR) {
    return Error::Bug(doing + ": " + why);
  }
  send(options.get(), queue.get());
  // A bit longer than librdkafka's own limit: it gives up first, and knows why.
  RdKafkaPtr<rd_kafka_event_t> event(rd_kafka_queue_poll(queue.get(), limit_ms + 2'000));
  handle.Poll(0);
  WEIR_RETURN_IF_ERROR(handle.Fatal());
  if (!event) return handle.MakeError(RD_KAFKA_RESP_ERR__TIMED_OUT, doing);
  if (const auto code = rd_kafka_event_error(event.get()); code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    const char* text = rd_kafka_event_error_string(event.get());
    return handle.MakeError(code, text != nullptr ? text : rd_kafka_err2str(code), doing);
  }
  return event;
}

}  // namespace weir::connect
