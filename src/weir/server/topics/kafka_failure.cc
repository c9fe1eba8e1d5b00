#include "weir/server/topics/kafka_failure.h"

namespace weir::server {

namespace {

using log::kafka::KafkaError;

struct Meaning {
  Actor actor;
  ErrorCode code;
  const char* fix;  // "": none
};

Meaning MeaningOf(KafkaError error) {
  switch (error) {
    case KafkaError::kUnknownTopicOrPartition:
    case KafkaError::kUnknownTopicId:
      return {Actor::kUser, ErrorCode::kNotFound, "`weir topic ls` shows what there is"};
    case KafkaError::kGroupIdNotFound:
      return {Actor::kUser, ErrorCode::kNotFound, "`weir topic groups` shows what there is"};
    case KafkaError::kTransactionalIdNotFound:
      return {Actor::kUser, ErrorCode::kNotFound, "`weir topic transactions` shows what there is"};
    case KafkaError::kTopicAlreadyExists:
      return {Actor::kUser, ErrorCode::kAlreadyExists, ""};
    case KafkaError::kNonEmptyGroup:
    case KafkaError::kGroupSubscribedToTopic:
    case KafkaError::kUnknownMemberId:
    case KafkaError::kRebalanceInProgress:
      return {Actor::kUser, ErrorCode::kConflict, "stop the group's consumers first"};
    case KafkaError::kInvalidTopicException:
    case KafkaError::kInvalidPartitions:
    case KafkaError::kInvalidReplicationFactor:
    case KafkaError::kInvalidReplicaAssignment:
    case KafkaError::kInvalidConfig:
    case KafkaError::kInvalidRequest:
    case KafkaError::kInvalidGroupId:
    case KafkaError::kInvalidRecord:
    case KafkaError::kInvalidTimestamp:
    case KafkaError::kOffsetOutOfRange:
    case KafkaError::kPolicyViolation:
      return {Actor::kUser, ErrorCode::kInvalid, ""};
    case KafkaError::kMessageTooLarge:
    case KafkaError::kRecordListTooLarge:
      return {Actor::kUser, ErrorCode::kLimit,
              "raise the topic's setting: weir topic alter TOPIC --set max.message.bytes=N"};
    case KafkaError::kUnsupportedVersion:
    case KafkaError::kUnsupportedForMessageFormat:
    case KafkaError::kSecurityDisabled:
      return {Actor::kUser, ErrorCode::kUnsupported, ""};
    case KafkaError::kTopicAuthorizationFailed:
    case KafkaError::kGroupAuthorizationFailed:
    case KafkaError::kClusterAuthorizationFailed:
    case KafkaError::kTransactionalIdAuthorizationFailed:
    case KafkaError::kSaslAuthenticationFailed:
      return {Actor::kOperator, ErrorCode::kPermission,
              "ask who administers the server for the right to do this"};
    default:
      if (log::kafka::IsRetriable(error)) return {Actor::kRetry, ErrorCode::kIo, "try again"};
      return {Actor::kOperator, ErrorCode::kIo, ""};
  }
}

}  // namespace

Error KafkaFailure(const std::string& what, int16_t code,
                   const std::optional<std::string>& message) {
  const auto error = static_cast<KafkaError>(code);
  const Meaning meaning = MeaningOf(error);
  std::string text = what + ": ";
  if (message && !message->empty()) text += *message + " (";
  text += log::kafka::KafkaErrorName(error);
  if (message && !message->empty()) text += ")";
  Error failure(meaning.actor, meaning.code, std::move(text));
  return meaning.fix[0] == '\0' ? failure : std::move(failure).Fix(meaning.fix);
}

}  // namespace weir::server
