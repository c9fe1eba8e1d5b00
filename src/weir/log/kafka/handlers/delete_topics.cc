// DeleteTopics (20): by name, from version 6 on also by id.
#include <map>

#include "weir/log/kafka/handlers/handlers.h"
#include "weir/log/kafka/messages/delete_topics.h"

namespace weir::log::kafka {
namespace {

using Deleted = DeleteTopicsResponse::DeletableTopicResult;

class Deleting {
 public:
  explicit Deleting(const CallPtr& call) : call_(call), broker_(call->broker()) {}

  void Run(const DeleteTopicsRequest& request) {
    for (const std::string& name : request.topic_names) names_[name] += 1;
    for (const auto& topic : request.topics) {
      if (!topic.name && topic.topic_id.IsZero()) {
        Add(topic.name, topic.topic_id, KafkaError::kInvalidRequest,
            "Neither topic name nor id were specified.");
      } else if (topic.name && !topic.topic_id.IsZero()) {
        Add(topic.name, topic.topic_id, KafkaError::kInvalidRequest,
            "You may not specify both topic name and topic id.");
      } else if (topic.name) {
        names_[*topic.name] += 1;
      } else {
        ids_[topic.topic_id] += 1;
      }
    }
    DeleteIds();
    DeleteNames();
    broker_.log().WhenDurable(
        end_, [call = call_, response = std::move(response_)] { call->Respond(response); });
  }

 private:
  static constexpr const char* kNotAllowed = "Topic authorization failed.";

  bool Allows(AclOperation operation, const std::string& name) {
    return call_->AllowsCluster(AclOperation::kDelete) || call_->AllowsTopic(operation, name);
  }
  void DeleteIds() {
    for (const auto& [id, times] : ids_) {
      const Topic* topic = broker_.log().topics().Find(id);
      if (times > 1) {
        Add(std::nullopt, id, KafkaError::kInvalidRequest, "Duplicate topic id.");
      } else if (topic == nullptr) {
        Add(std::nullopt, id, KafkaError::kUnknownTopicId,
            "This server does not host this topic ID.");
      } else if (!Allows(AclOperation::kDescribe, topic->name)) {
        Add(std::nullopt, id, KafkaError::kTopicAuthorizationFailed, kNotAllowed);
      } else if (!Allows(AclOperation::kDelete, topic->name)) {
        Add(topic->name, id, KafkaError::kTopicAuthorizationFailed, kNotAllowed);
      } else if (names_.count(topic->name) > 0) {
        Add(topic->name, id, KafkaError::kInvalidRequest,
            "The provided topic name maps to an ID that was already supplied.");
        names_.erase(topic->name);
      } else {
        Delete(topic->name, id);
      }
    }
  }
  void DeleteNames() {
    for (const auto& [name, times] : names_) {
      const Topic* topic = broker_.log().topics().Find(name);
      if (times > 1) {
        Add(name, {}, KafkaError::kInvalidRequest, "Duplicate topic name.");
      } else if (!Allows(AclOperation::kDescribe, name) || !Allows(AclOperation::kDelete, name)) {
        // Whether there is one is not said.
        Add(name, {}, KafkaError::kTopicAuthorizationFailed, kNotAllowed);
      } else if (topic == nullptr) {
        Add(name, {}, KafkaError::kUnknownTopicOrPartition,
            "This server does not host this topic-partition.");
      } else {
        Delete(name, topic->id);
      }
    }
  }
  // By value: the topic that they may belong to goes.
  void Delete(const std::string name, const TopicId id) {
    std::string message;
    const KafkaError error = broker_.DeleteTopic(name, &end_, &message);
    Add(name, id, error, message);
  }
  void Add(std::optional<std::string> name, const TopicId& id, KafkaError error,
           const std::string& message) {
    Deleted deleted;
    deleted.name = std::move(name);
    deleted.topic_id = id;
    deleted.error_code = Code(error);
    deleted.error_message = MessageOrNull(message);
    response_.responses.push_back(std::move(deleted));
  }

  const CallPtr call_;
  Broker& broker_;
  std::map<std::string, int> names_;
  std::map<TopicId, int> ids_;
  DeleteTopicsResponse response_;
  Position end_ = 0;
};

void Handle(const CallPtr& call) {
  DeleteTopicsRequest request;
  if (!call->Decode(&request)) return;
  Deleting(call).Run(request);
}

}  // namespace

const Handler kDeleteTopicsHandler = {ApiKey::kDeleteTopics, 1, 6, &Handle};

}  // namespace weir::log::kafka
