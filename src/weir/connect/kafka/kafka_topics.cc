#include "weir/connect/kafka/kafka_topics.h"

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <utility>
#include <vector>

#include "weir/connect/kafka/kafka_admin.h"

namespace weir::connect {

namespace {

struct RdConfigDelete {
  void operator()(rd_kafka_ConfigResource_t* config) const {
    rd_kafka_ConfigResource_destroy(config);
  }
};
using ConfigResource = std::unique_ptr<rd_kafka_ConfigResource_t, RdConfigDelete>;

ConfigResource ResourceOf(const std::string& topic) {
  return ConfigResource(rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str()));
}

Status TopicResult(const KafkaHandle& handle, const rd_kafka_topic_result_t** topics, size_t count,
                   const std::string& doing) {
  if (count != 1) return Error::Bug(doing + ": no answer for the topic");
  const auto code = rd_kafka_topic_result_error(topics[0]);
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return Status::Ok();
  const char* text = rd_kafka_topic_result_error_string(topics[0]);
  return handle.MakeError(code, text != nullptr ? text : rd_kafka_err2str(code), doing);
}

Status ConfigResult(const KafkaHandle& handle, const rd_kafka_ConfigResource_t** resources,
                    size_t count, const std::string& doing) {
  if (count != 1) return Error::Bug(doing + ": no answer for the topic");
  const auto code = rd_kafka_ConfigResource_error(resources[0]);
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return Status::Ok();
  const char* text = rd_kafka_ConfigResource_error_string(resources[0]);
  return handle.MakeError(code, text != nullptr ? text : rd_kafka_err2str(code), doing);
}

}  // namespace

Result<int> CountPartitions(const KafkaHandle& handle, const std::string& topic, int64_t grace_ms) {
  int partitions = 0;
  const int64_t until = handle.env().MonotonicNanos() / 1'000'000 + grace_ms;
  Status found = handle.Retry("looking for topic " + topic, [&](int timeout_ms) {
    rd_kafka_topic_t* const local = rd_kafka_topic_new(handle.get(), topic.c_str(), nullptr);
    if (local == nullptr) return rd_kafka_last_error();
    const rd_kafka_metadata_t* answer = nullptr;
    auto code = rd_kafka_metadata(handle.get(), 0, local, &answer, timeout_ms);
    rd_kafka_topic_destroy(local);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return code;
    const RdKafkaPtr<const rd_kafka_metadata_t> metadata(answer);
    if (metadata->topic_cnt != 1) return RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    code = metadata->topics[0].err;
    partitions = metadata->topics[0].partition_cnt;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR && partitions == 0) {
      code = RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
    }
    const bool unknown = code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    if (unknown && handle.env().MonotonicNanos() / 1'000'000 < until) {
      code = RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;  // one that is worth another try
    }
    return code;
  });
  if (found.ok()) return partitions;
  return found;
}

Status CreateTopic(const KafkaHandle& handle, const columnar::TopicSpec& topic) {
  struct Delete {
    void operator()(rd_kafka_NewTopic_t* topic) const { rd_kafka_NewTopic_destroy(topic); }
  };
  const std::string doing = "creating topic " + topic.name;
  char why[256];
  const std::unique_ptr<rd_kafka_NewTopic_t, Delete> request(rd_kafka_NewTopic_new(
      topic.name.c_str(), topic.partitions, topic.replication_factor, why, sizeof why));
  if (!request) return Error::User(ErrorCode::kInvalid, doing + ": " + why);
  for (const auto& [key, value] : topic.configs) {
    const auto code = rd_kafka_NewTopic_set_config(request.get(), key.c_str(), value.c_str());
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return handle.MakeError(code, doing);
  }
  rd_kafka_NewTopic_t* requests[] = {request.get()};
  WEIR_ASSIGN_OR_RETURN(const auto event,
                        AskAdmin(handle, RD_KAFKA_ADMIN_OP_CREATETOPICS, doing,
                                 [&](rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* queue) {
                                   rd_kafka_CreateTopics(handle.get(), requests, 1, options, queue);
                                 }));
  size_t count = 0;
  const auto* result = rd_kafka_event_CreateTopics_result(event.get());
  if (result == nullptr) return Error::Bug(doing + ": an answer of another kind");
  const auto** topics = rd_kafka_CreateTopics_result_topics(result, &count);
  return TopicResult(handle, topics, count, doing);
}

Result<TopicSettings> ReadTopicSettings(const KafkaHandle& handle, const std::string& topic) {
  const std::string doing = "reading the settings of topic " + topic;
  const ConfigResource resource = ResourceOf(topic);
  rd_kafka_ConfigResource_t* resources[] = {resource.get()};
  WEIR_ASSIGN_OR_RETURN(const auto event,
                        AskAdmin(handle, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, doing,
                                 [&](rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* queue) {
                                   rd_kafka_DescribeConfigs(handle.get(), resources, 1, options,
                                                            queue);
                                 }));
  const auto* result = rd_kafka_event_DescribeConfigs_result(event.get());
  if (result == nullptr) return Error::Bug(doing + ": an answer of another kind");
  size_t count = 0;
  const auto** answers = rd_kafka_DescribeConfigs_result_resources(result, &count);
  WEIR_RETURN_IF_ERROR(ConfigResult(handle, answers, count, doing));
  TopicSettings configs;
  const auto** entries = rd_kafka_ConfigResource_configs(answers[0], &count);
  for (size_t i = 0; i < count; ++i) {
    const char* value = rd_kafka_ConfigEntry_value(entries[i]);
    if (value == nullptr) continue;
    const std::string key = rd_kafka_ConfigEntry_name(entries[i]);
    configs.all[key] = value;
    if (rd_kafka_ConfigEntry_source(entries[i]) == RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG) {
      configs.own[key] = value;
    }
  }
  return configs;
}

std::optional<uint64_t> BatchBytesMax(const TopicSettings& settings) {
  constexpr uint64_t kHeader = 200;  // of a batch, and what a record is beside key and value
  const auto found = settings.all.find("max.message.bytes");
  if (found == settings.all.end()) return std::nullopt;
  const uint64_t most = std::strtoull(found->second.c_str(), nullptr, 10);
  return std::max(most, kHeader + 1) - kHeader;
}

Result<std::optional<columnar::TopicSpec>> KafkaTopics::Describe(const std::string& name) {
  columnar::TopicSpec topic;
  topic.name = name;
  auto partitions = CountPartitions(*handle_, name, 0);
  if (!partitions.ok()) {
    if (partitions.error().code() != ErrorCode::kNotFound) return std::move(partitions).error();
    return std::optional<columnar::TopicSpec>();
  }
  topic.partitions = *partitions;
  WEIR_ASSIGN_OR_RETURN(TopicSettings configs, ReadTopicSettings(*handle_, name));
  topic.configs = std::move(configs.all);
  return std::optional<columnar::TopicSpec>(std::move(topic));
}

// With AlterConfigs, which takes the whole set of a topic's own settings.
Status KafkaTopics::SetConfigs(const std::string& name,
                               const std::map<std::string, std::string>& configs) {
  WEIR_ASSIGN_OR_RETURN(TopicSettings before, ReadTopicSettings(*handle_, name));
  for (const auto& [key, value] : configs) before.own[key] = value;
  const std::string doing = "changing settings of topic " + name;
  const ConfigResource resource = ResourceOf(name);
  for (const auto& [key, value] : before.own) {
    const auto code =
        rd_kafka_ConfigResource_set_config(resource.get(), key.c_str(), value.c_str());
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return handle_->MakeError(code, doing);
  }
  rd_kafka_ConfigResource_t* resources[] = {resource.get()};
  WEIR_ASSIGN_OR_RETURN(const auto event,
                        AskAdmin(*handle_, RD_KAFKA_ADMIN_OP_ALTERCONFIGS, doing,
                                 [&](rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* queue) {
                                   rd_kafka_AlterConfigs(handle_->get(), resources, 1, options,
                                                         queue);
                                 }));
  const auto* result = rd_kafka_event_AlterConfigs_result(event.get());
  if (result == nullptr) return Error::Bug(doing + ": an answer of another kind");
  size_t count = 0;
  const auto** answers = rd_kafka_AlterConfigs_result_resources(result, &count);
  return ConfigResult(*handle_, answers, count, doing);
}

Status KafkaTopics::AddPartitions(const std::string& name, int new_total) {
  struct Delete {
    void operator()(rd_kafka_NewPartitions_t* request) const {
      rd_kafka_NewPartitions_destroy(request);
    }
  };
  const std::string doing = "adding partitions to topic " + name;
  char why[256];
  const std::unique_ptr<rd_kafka_NewPartitions_t, Delete> request(
      rd_kafka_NewPartitions_new(name.c_str(), static_cast<size_t>(new_total), why, sizeof why));
  if (!request) return Error::User(ErrorCode::kInvalid, doing + ": " + why);
  rd_kafka_NewPartitions_t* requests[] = {request.get()};
  WEIR_ASSIGN_OR_RETURN(const auto event,
                        AskAdmin(*handle_, RD_KAFKA_ADMIN_OP_CREATEPARTITIONS, doing,
                                 [&](rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* queue) {
                                   rd_kafka_CreatePartitions(handle_->get(), requests, 1, options,
                                                             queue);
                                 }));
  const auto* result = rd_kafka_event_CreatePartitions_result(event.get());
  if (result == nullptr) return Error::Bug(doing + ": an answer of another kind");
  size_t count = 0;
  const auto** topics = rd_kafka_CreatePartitions_result_topics(result, &count);
  return TopicResult(*handle_, topics, count, doing);
}

}  // namespace weir::connect
