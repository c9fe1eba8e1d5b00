#include "weir/connect/kafka/kafka_handle.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace weir::connect {

namespace {

constexpr int64_t kAttemptMs = 1'000;
constexpr int64_t kPauseUs = 50'000;
// In what librdkafka says when it is hung up on before it was told anything: TLS or a login is
// wanted, or a broker goes down just then. So it is believed only after a while.
constexpr const char* kSpeaksOtherwise = "security.protocol";
constexpr int64_t kSpeaksOtherwiseMs = 800;

struct Meaning {
  Actor actor;
  ErrorCode code;
  const char* fix;
  bool again;  // trying the same call again may help
};

Meaning MeaningOf(rd_kafka_resp_err_t code) {
  switch (code) {
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
      return {Actor::kUser, ErrorCode::kNotFound, "create the topic, or mend its name", false};
    case RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS:
      return {Actor::kUser, ErrorCode::kAlreadyExists, "", false};
    case RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND:
      return {Actor::kUser, ErrorCode::kNotFound, "", false};
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
    case RD_KAFKA_RESP_ERR_INVALID_PARTITIONS:
    case RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR:
    case RD_KAFKA_RESP_ERR_INVALID_CONFIG:
    case RD_KAFKA_RESP_ERR_INVALID_REQUEST:
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
    case RD_KAFKA_RESP_ERR__INVALID_ARG:
      return {Actor::kUser, ErrorCode::kInvalid, "", false};
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
      return {Actor::kUser, ErrorCode::kLimit,
              "raise 'max.message.bytes' of the topic and 'properties.message.max.bytes'", false};
    case RD_KAFKA_RESP_ERR_NON_EMPTY_GROUP:
      return {Actor::kUser, ErrorCode::kConflict, "stop the members of the group first", false};
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
      return {Actor::kOperator, ErrorCode::kPermission, "let this user do it on the cluster (ACLs)",
              false};
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM:
    case RD_KAFKA_RESP_ERR_ILLEGAL_SASL_STATE:
      return {Actor::kOperator, ErrorCode::kPermission,
              "check 'properties.sasl.mechanism' and the user's name and password", false};
    case RD_KAFKA_RESP_ERR__SSL:
      return {Actor::kOperator, ErrorCode::kPermission,
              "check 'properties.security.protocol' and the certificates", false};
    case RD_KAFKA_RESP_ERR__FENCED:
    case RD_KAFKA_RESP_ERR_PRODUCER_FENCED:
    case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH:
      return {Actor::kOperator, ErrorCode::kConflict,
              "another producer took over this transactional id; run one of them", false};
    case RD_KAFKA_RESP_ERR_INVALID_MSG:
    case RD_KAFKA_RESP_ERR__BAD_MSG:
    case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
      return {Actor::kOperator, ErrorCode::kCorrupt, "", false};
    case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION:
      return {Actor::kOperator, ErrorCode::kUnsupported, "", false};
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__RESOLVE:
      return {Actor::kRetry, ErrorCode::kIo,
              "check that the brokers are up and 'properties.bootstrap.servers' names them", true};
    default:
      return {Actor::kRetry, ErrorCode::kIo, "", true};
  }
}

// "[thrd:h:1/bootstrap]: h:1/bootstrap: Connect to ipv4#.. failed" without the thread.
std::string WithoutThread(std::string line) {
  if (line.starts_with("[thrd:")) {
    const size_t end = line.find("]: ");
    if (end != std::string::npos) line.erase(0, end + 3);
  }
  return line;
}

}  // namespace

Result<std::unique_ptr<KafkaHandle>> KafkaHandle::Open(
    Env& env, Kind kind, const KafkaProperties& properties,
    const std::map<std::string, std::string>& more, OnDelivery on_delivery) {
  std::unique_ptr<KafkaHandle> out(new KafkaHandle(env));
  out->limit_ms_ = properties.limit_ms;
  out->servers_ = properties.bootstrap_servers();
  out->on_delivery_ = std::move(on_delivery);
  std::map<std::string, std::string> all = properties.client;
  for (const auto& [name, value] : more) all.insert_or_assign(name, value);
  all.try_emplace("client.id", "weir");
  rd_kafka_conf_t* const conf = rd_kafka_conf_new();
  char why[512];
  for (const auto& [name, value] : all) {
    if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), why, sizeof(why)) !=
        RD_KAFKA_CONF_OK) {
      rd_kafka_conf_destroy(conf);
      return Error::User(ErrorCode::kInvalid, fmt::format("property '{}': {}", name, why));
    }
  }
  rd_kafka_conf_set_opaque(conf, out.get());
  rd_kafka_conf_set_log_cb(conf, &KafkaHandle::OnLog);
  rd_kafka_conf_set_error_cb(conf, &KafkaHandle::OnError);
  if (out->on_delivery_) rd_kafka_conf_set_dr_msg_cb(conf, &KafkaHandle::OnMessage);
  out->handle_ = rd_kafka_new(kind == Kind::kConsumer ? RD_KAFKA_CONSUMER : RD_KAFKA_PRODUCER, conf,
                              why, sizeof(why));
  if (out->handle_ == nullptr) {
    rd_kafka_conf_destroy(conf);
    return Error::User(
               ErrorCode::kInvalid,
               fmt::format("librdkafka refuses the properties for {}: {}", out->servers_, why))
        .Fix("mend the table's 'properties.*' options");
  }
  return out;
}

KafkaHandle::~KafkaHandle() {
  // Nobody here joins a group, so there is nothing to leave.
  if (handle_ != nullptr) {
    rd_kafka_destroy_flags(handle_, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
  }
}

void KafkaHandle::OnLog(const rd_kafka_t* handle, int level, const char*, const char* line) {
  constexpr int kWarning = 4;  // syslog's
  if (level > kWarning || handle == nullptr) return;
  static_cast<KafkaHandle*>(rd_kafka_opaque(handle))->Note(line);
}

void KafkaHandle::OnError(rd_kafka_t*, int code, const char* reason, void* opaque) {
  auto* const self = static_cast<KafkaHandle*>(opaque);
  const auto error = static_cast<rd_kafka_resp_err_t>(code);
  // "1/1 brokers are down" comes after the reason.
  if (error != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) self->Note(reason);
  // Not what a user may not do: a group nobody joins may be forbidden.
  if (error != RD_KAFKA_RESP_ERR__AUTHENTICATION && error != RD_KAFKA_RESP_ERR__SSL &&
      error != RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED &&
      error != RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM) {
    return;
  }
  std::lock_guard lock(self->mutex_);
  if (self->fatal_ != RD_KAFKA_RESP_ERR_NO_ERROR) return;
  self->fatal_ = error;
  self->fatal_reason_ = reason;
}

void KafkaHandle::OnMessage(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
  static_cast<KafkaHandle*>(opaque)->on_delivery_(*message);
}

void KafkaHandle::Note(const std::string& line) {
  std::lock_guard lock(mutex_);
  last_problem_ = WithoutThread(line);
  if (last_problem_.find(kSpeaksOtherwise) == std::string::npos) {
    speaks_otherwise_since_ms_ = 0;
  } else if (speaks_otherwise_since_ms_ == 0) {
    speaks_otherwise_since_ms_ = std::max<int64_t>(env_.MonotonicNanos() / 1'000'000, 1);
  }
}

int64_t KafkaHandle::SpeaksOtherwiseMs() const {
  std::lock_guard lock(mutex_);
  if (speaks_otherwise_since_ms_ == 0) return 0;
  return env_.MonotonicNanos() / 1'000'000 - speaks_otherwise_since_ms_;
}

Error KafkaHandle::MakeError(rd_kafka_resp_err_t code, const std::string& doing) const {
  return MakeError(code, rd_kafka_err2str(code), doing);
}

Error KafkaHandle::MakeError(rd_kafka_resp_err_t code, const std::string& text,
                             const std::string& doing) const {
  const Meaning meaning = MeaningOf(code);
  std::string message = fmt::format("{}: {}", doing, text);
  if (meaning.code == ErrorCode::kIo) {
    std::lock_guard lock(mutex_);
    if (!last_problem_.empty() && last_problem_ != text) message += ": " + last_problem_;
  }
  Error error(meaning.actor, meaning.code, std::move(message));
  if (*meaning.fix != '\0') error = std::move(error).Fix(meaning.fix);
  return error;
}

Status KafkaHandle::Fatal() const {
  std::unique_lock lock(mutex_);
  if (fatal_ == RD_KAFKA_RESP_ERR_NO_ERROR) return Status::Ok();
  const auto code = fatal_;
  const std::string reason = fatal_reason_;
  lock.unlock();
  return MakeError(code, reason, "connecting to " + servers_);
}

Result<std::string> KafkaHandle::ClusterId() const {
  char* id = nullptr;
  WEIR_RETURN_IF_ERROR(Retry("asking " + servers_ + " for its cluster's id", [&](int timeout_ms) {
    id = rd_kafka_clusterid(handle_, timeout_ms);
    return id == nullptr ? RD_KAFKA_RESP_ERR__TIMED_OUT : RD_KAFKA_RESP_ERR_NO_ERROR;
  }));
  std::string out = id;
  rd_kafka_mem_free(handle_, id);
  return out;
}

Status KafkaHandle::Retry(const std::string& doing,
                          const std::function<rd_kafka_resp_err_t(int timeout_ms)>& attempt) const {
  const int64_t until = env_.MonotonicNanos() / 1'000'000 + limit_ms_;
  while (true) {
    const int64_t left = until - env_.MonotonicNanos() / 1'000'000;
    const auto code = attempt(static_cast<int>(std::clamp<int64_t>(left, 1, kAttemptMs)));
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return Status::Ok();
    Poll(0);  // errors of login arrive as events of the handle
    WEIR_RETURN_IF_ERROR(Fatal());
    if (MeaningOf(code).again && SpeaksOtherwiseMs() >= kSpeaksOtherwiseMs) {
      const Error error = MakeError(code, doing);
      return Error::Operator(ErrorCode::kPermission, error.message())
          .Fix(
              "if the listener wants TLS or a login, say so with 'properties.security.protocol' "
              "(SSL, SASL_PLAINTEXT, SASL_SSL)");
    }
    if (!MeaningOf(code).again || env_.MonotonicNanos() / 1'000'000 >= until) {
      return MakeError(code, doing);
    }
    env_.SleepMicros(kPauseUs);
  }
}

}  // namespace weir::connect
