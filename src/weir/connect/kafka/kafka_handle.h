// KafkaHandle: one librdkafka instance, consumer or producer, with its errors as Status.
//
// An error of the cluster says who must act: the user (no such topic), the operator (not allowed,
// a broken TLS set-up), or nobody but time (a broker that is away: Retry). A call that timed out
// carries the last thing librdkafka logged, which is usually the reason ("Connection refused").
// Nothing that librdkafka logs reaches stderr. Administration (rd_kafka_CreateTopics and the like)
// goes through a producer's or consumer's handle.
//
//   WEIR_ASSIGN_OR_RETURN(auto consumer, KafkaHandle::Open(env, KafkaHandle::Kind::kConsumer,
//                                                          properties, {}));
//   Status done = consumer->Retry("reading the offsets of orders/0", [&](int timeout_ms) {
//     return rd_kafka_query_watermark_offsets(consumer->get(), "orders", 0, &low, &high,
//                                             timeout_ms);
//   });
//
// Thread rule: thread-safe, as librdkafka's handle is.
#pragma once

#include <librdkafka/rdkafka.h>

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "weir/base/env.h"
#include "weir/base/result.h"
#include "weir/connect/kafka/kafka_properties.h"

namespace weir::connect {

struct RdKafkaDelete {
  void operator()(rd_kafka_topic_partition_list_t* list) const {
    rd_kafka_topic_partition_list_destroy(list);
  }
  void operator()(rd_kafka_message_t* message) const { rd_kafka_message_destroy(message); }
  void operator()(rd_kafka_queue_t* queue) const { rd_kafka_queue_destroy(queue); }
  void operator()(rd_kafka_error_t* error) const { rd_kafka_error_destroy(error); }
  void operator()(rd_kafka_event_t* event) const { rd_kafka_event_destroy(event); }
  void operator()(rd_kafka_AdminOptions_t* options) const {
    rd_kafka_AdminOptions_destroy(options);
  }
  void operator()(rd_kafka_headers_t* headers) const { rd_kafka_headers_destroy(headers); }
  void operator()(const rd_kafka_metadata_t* metadata) const {
    rd_kafka_metadata_destroy(metadata);
  }
};
// RdKafkaPtr<rd_kafka_event_t> event(rd_kafka_queue_poll(queue.get(), 100));
template <typename T>
using RdKafkaPtr = std::unique_ptr<T, RdKafkaDelete>;

class KafkaHandle {
 public:
  enum class Kind { kConsumer, kProducer };
  // Called for every record of a producer that was delivered or given up (message->err), from
  // within Poll and Retry.
  using OnDelivery = std::function<void(const rd_kafka_message_t& message)>;
  // `more` are properties that win over the others, in librdkafka's names. Does not connect yet.
  static Result<std::unique_ptr<KafkaHandle>> Open(Env& env, Kind kind,
                                                   const KafkaProperties& properties,
                                                   const std::map<std::string, std::string>& more,
                                                   OnDelivery on_delivery = nullptr);
  ~KafkaHandle();
  KafkaHandle(const KafkaHandle&) = delete;
  KafkaHandle& operator=(const KafkaHandle&) = delete;

  rd_kafka_t* get() const { return handle_; }
  int64_t limit_ms() const { return limit_ms_; }
  const std::string& servers() const { return servers_; }
  Env& env() const { return env_; }
  // As the cluster tells it.
  Result<std::string> ClusterId() const;

  // "listing topics: Broker: Topic authorization failed". Not for RD_KAFKA_RESP_ERR_NO_ERROR.
  Error MakeError(rd_kafka_resp_err_t code, const std::string& doing) const;
  // The same with librdkafka's own text where it has one (transactions, administration).
  Error MakeError(rd_kafka_resp_err_t code, const std::string& text,
                  const std::string& doing) const;
  // Calls `attempt` with a time limit of its own until it succeeds, fails for good, or the handle's
  // limit is over. Errors of login and TLS end it at once: trying again does not help; and so,
  // soon, does a listener that hangs up on how this client speaks.
  Status Retry(const std::string& doing,
               const std::function<rd_kafka_resp_err_t(int timeout_ms)>& attempt) const;
  // Serves librdkafka's events: errors, deliveries. Records come through partition queues
  // (rd_kafka_queue_get_partition) and are not touched.
  void Poll(int timeout_ms) const { rd_kafka_poll(handle_, timeout_ms); }
  // The error of login, TLS or idempotence that librdkafka reported, after which nothing works.
  Status Fatal() const;

 private:
  explicit KafkaHandle(Env& env) : env_(env) {}
  static void OnLog(const rd_kafka_t* handle, int level, const char* facility, const char* line);
  static void OnMessage(rd_kafka_t* handle, const rd_kafka_message_t* message, void* opaque);
  static void OnError(rd_kafka_t* handle, int code, const char* reason, void* opaque);
  void Note(const std::string& line);
  // For how long the last problem was a listener that speaks another protocol; 0: it is not.
  int64_t SpeaksOtherwiseMs() const;

  Env& env_;
  rd_kafka_t* handle_ = nullptr;
  int64_t limit_ms_ = 30'000;
  std::string servers_;
  OnDelivery on_delivery_;

  mutable std::mutex mutex_;  // guards the four below
  std::string last_problem_;  // the last line that said something was wrong
  int64_t speaks_otherwise_since_ms_ = 0;
  rd_kafka_resp_err_t fatal_ = RD_KAFKA_RESP_ERR_NO_ERROR;
  std::string fatal_reason_;
};

}  // namespace weir::connect
