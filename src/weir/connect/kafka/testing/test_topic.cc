#include "weir/connect/kafka/testing/test_topic.h"

#include <utility>

#include "weir/connect/kafka/kafka_handle.h"

namespace weir::connect::testing {

namespace {

constexpr int kWaitMs = 20'000;

class ProducedTopic : public TestTopic {
 public:
  explicit ProducedTopic(std::string name) : name_(std::move(name)) {}

  Status Open(const std::string& servers, int partitions) {
    KafkaProperties properties;
    properties.client = {{"bootstrap.servers", servers}, {"linger.ms", "1"}};
    WEIR_ASSIGN_OR_RETURN(producer_,
                          KafkaHandle::Open(RealEnv(), KafkaHandle::Kind::kProducer, properties, {},
                                            [this](const rd_kafka_message_t& message) {
                                              if (message.err != 0) failed_ = message.err;
                                            }));
    return Create(partitions);
  }

  Status Produce(int32_t partition, const std::vector<std::string>& values) override {
    for (const std::string& value : values) {
      const auto code = rd_kafka_producev(
          producer_->get(), RD_KAFKA_V_TOPIC(name_.c_str()), RD_KAFKA_V_PARTITION(partition),
          RD_KAFKA_V_VALUE(const_cast<char*>(value.data()), value.size()),
          RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
      if (code != 0) return producer_->MakeError(code, "producing to " + name_);
    }
    const auto code = rd_kafka_flush(producer_->get(), kWaitMs);
    if (code != 0) return producer_->MakeError(code, "producing to " + name_);
    if (failed_ != 0) return producer_->MakeError(failed_, "producing to " + name_);
    return Status::Ok();
  }

 private:
  struct NewTopicDelete {
    void operator()(rd_kafka_NewTopic_t* topic) const { rd_kafka_NewTopic_destroy(topic); }
  };
  struct TopicDelete {
    void operator()(rd_kafka_topic_t* topic) const { rd_kafka_topic_destroy(topic); }
  };

  Status Create(int partitions) {
    char why[256];
    const std::unique_ptr<rd_kafka_NewTopic_t, NewTopicDelete> topic(
        rd_kafka_NewTopic_new(name_.c_str(), partitions, 1, why, sizeof(why)));
    if (!topic) return Error::Bug(why);
    const RdKafkaPtr<rd_kafka_queue_t> queue(rd_kafka_queue_new(producer_->get()));
    rd_kafka_NewTopic_t* topics[] = {topic.get()};
    rd_kafka_CreateTopics(producer_->get(), topics, 1, nullptr, queue.get());
    const RdKafkaPtr<rd_kafka_event_t> event(rd_kafka_queue_poll(queue.get(), kWaitMs));
    if (!event) return Error::Retry(ErrorCode::kIo, "creating topic " + name_ + ": no answer");
    if (rd_kafka_event_error(event.get()) != 0) {
      return producer_->MakeError(rd_kafka_event_error(event.get()), "creating topic " + name_);
    }
    size_t count = 0;
    const auto* const results = rd_kafka_CreateTopics_result_topics(
        rd_kafka_event_CreateTopics_result(event.get()), &count);
    for (size_t i = 0; i < count; ++i) {
      const auto code = rd_kafka_topic_result_error(results[i]);
      if (code != 0) return producer_->MakeError(code, "creating topic " + name_);
    }
    return Know();
  }

  // Makes the producer ask for the topic now, and not when its timer of a second next rings.
  Status Know() {
    const std::unique_ptr<rd_kafka_topic_t, TopicDelete> topic(
        rd_kafka_topic_new(producer_->get(), name_.c_str(), nullptr));
    const rd_kafka_metadata_t* raw = nullptr;
    const auto code = rd_kafka_metadata(producer_->get(), 0, topic.get(), &raw, kWaitMs);
    const RdKafkaPtr<const rd_kafka_metadata_t> metadata(raw);
    if (code != 0) return producer_->MakeError(code, "asking for topic " + name_);
    return Status::Ok();
  }

  const std::string name_;
  rd_kafka_resp_err_t failed_ = RD_KAFKA_RESP_ERR_NO_ERROR;
  std::unique_ptr<KafkaHandle> producer_;
};

}  // namespace

Result<std::unique_ptr<TestTopic>> TestTopic::Make(const std::string& servers,
                                                   const std::string& name, int partitions) {
  auto topic = std::make_unique<ProducedTopic>(name);
  WEIR_RETURN_IF_ERROR(topic->Open(servers, partitions));
  return topic;
}

}  // namespace weir::connect::testing
