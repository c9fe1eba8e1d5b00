// KafkaTopics: topics of a cluster through Kafka's administration, behind the port TopicAdmin.
//
// Thread rule: one thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "weir/base/env.h"
#include "weir/base/result.h"
#include "weir/columnar/ports.h"
#include "weir/connect/kafka/kafka_handle.h"

namespace weir::connect {

// How many partitions a topic has. With `grace_ms` an unknown topic may be one that the question
// itself makes (a producer's does, if the cluster lets it): it is asked for so long. kNotFound.
Result<int> CountPartitions(const KafkaHandle& handle, const std::string& topic, int64_t grace_ms);

// kAlreadyExists if it is there.
Status CreateTopic(const KafkaHandle& handle, const columnar::TopicSpec& topic);

struct TopicSettings {
  std::map<std::string, std::string> all;
  std::map<std::string, std::string> own;  // set for this topic
};
Result<TopicSettings> ReadTopicSettings(const KafkaHandle& handle, const std::string& topic);

// The largest batch that the topic takes; none if this user may not know.
std::optional<uint64_t> BatchBytesMax(const TopicSettings& settings);

class KafkaTopics : public columnar::TopicAdmin {
 public:
  explicit KafkaTopics(std::unique_ptr<KafkaHandle> handle) : handle_(std::move(handle)) {}

  Result<std::optional<columnar::TopicSpec>> Describe(const std::string& name) override;
  Status Create(const columnar::TopicSpec& topic) override { return CreateTopic(*handle_, topic); }
  Status SetConfigs(const std::string& name,
                    const std::map<std::string, std::string>& configs) override;
  Status AddPartitions(const std::string& name, int new_total) override;
  std::string cluster() const override { return handle_->servers(); }

 private:
  const std::unique_ptr<KafkaHandle> handle_;
};

}  // namespace weir::connect
