// One administrative request of librdkafka's, and the wait for its answer.
//
// Thread rule: thread-safe, as the handle is.
#pragma once

#include <functional>
#include <string>

#include "weir/base/result.h"
#include "weir/connect/kafka/kafka_handle.h"

namespace weir::connect {

// `send` hands the request to librdkafka with these options and this queue. Errors are those of the
// whole request; those of single topics or groups are in the answer.
Result<RdKafkaPtr<rd_kafka_event_t>> AskAdmin(
    const KafkaHandle& handle, rd_kafka_admin_op_t operation, const std::string& doing,
    const std::function<void(rd_kafka_AdminOptions_t*, rd_kafka_queue_t*)>& send);

}  // namespace weir::connect
