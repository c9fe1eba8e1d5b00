#include "weir/server/topics/topic_source.h"

#include <fmt/format.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "weir/connect/kafka/kafka_log.h"
#include "weir/connect/kafka/kafka_properties.h"
#include "weir/connect/records/record_source.h"
#include "weir/server/topics/embedded_topic.h"
#include "weir/server/topics/kafka_admin.h"
#include "weir/server/topics/kafka_login.h"
#include "weir/server/topics/serving_file.h"
#include "weir/server/topics/topic_host.h"

namespace weir::server {

namespace {

// Another run may have the folder for a moment, and a broker has it before it listens.
constexpr int64_t kWaitUs = 5'000'000;
constexpr int64_t kLookAgainUs = 50'000;

// The topic of a folder that is served: read through librdkafka, which does not tell the id by
// which a topic that was deleted and made again is known. So our own client asks for it.
class ServedTopicLog final : public connect::RecordLog {
 public:
  ServedTopicLog(Env& env, std::shared_ptr<connect::RecordLog> log,
                 connect::KafkaProperties properties)
      : env_(env), log_(std::move(log)), properties_(std::move(properties)) {}

  const std::string& topic() const override { return log_->topic(); }
  Result<connect::TopicEnds> Ends() override {
    WEIR_ASSIGN_OR_RETURN(connect::TopicEnds ends, log_->Ends());
    // Without an id it is read as any cluster's topic is.
    auto id = TopicId();
    if (id.ok()) ends.id = std::move(id).value();
    return ends;
  }
  Result<std::map<int32_t, int64_t>> OffsetsAt(const std::vector<int32_t>& partitions,
                                               int64_t timestamp_ms) override {
    return log_->OffsetsAt(partitions, timestamp_ms);
  }
  Result<std::map<int32_t, int64_t>> GroupOffsets(const std::vector<int32_t>& partitions,
                                                  const std::string& group) override {
    return log_->GroupOffsets(partitions, group);
  }
  Result<std::unique_ptr<connect::RecordRangeReader>> Read(int32_t partition, int64_t from,
                                                           int64_t to, bool with_headers) override {
    return log_->Read(partition, from, to, with_headers);
  }
  Result<std::shared_ptr<RecordLog>> Other(const std::string& topic) override {
    return log_->Other(topic);
  }

 private:
  Result<std::string> TopicId() const {
    KafkaClientOptions options;
    options.servers = {properties_.bootstrap_servers()};
    WEIR_ASSIGN_OR_RETURN(options.login, KafkaLoginOf(properties_));
    WEIR_ASSIGN_OR_RETURN(const auto client, KafkaClient::Connect(env_, std::move(options)));
    WEIR_ASSIGN_OR_RETURN(const TopicInfo info, KafkaAdmin(*client).Topic(log_->topic()));
    return info.id.IsZero() ? std::string() : TopicIdText(info.id);
  }

  Env& env_;
  const std::shared_ptr<connect::RecordLog> log_;
  const connect::KafkaProperties properties_;
};

}  // namespace

Result<TopicPlace> FindTopics(Env& env, EmbeddedLogs& logs, const std::string& data) {
  const int64_t until = env.MonotonicNanos() / 1000 + kWaitUs;
  while (true) {
    auto embedded = logs.Open(data);
    if (embedded.ok()) return TopicPlace{std::move(embedded).value(), ""};
    if (embedded.error().code() != ErrorCode::kConflict) return std::move(embedded).error();
    if (const auto serving = ReadServing(env, data)) return TopicPlace{nullptr, serving->address};
    if (env.MonotonicNanos() / 1000 >= until) {
      return std::move(embedded).error().Fix(
          "wait for the other run to end; with 'weir serve' on the folder several can use it");
    }
    env.SleepMicros(kLookAgainUs);
  }
}

Result<std::shared_ptr<connect::RecordLog>> OpenTopic(Env& env, EmbeddedLogs& logs,
                                                      const TopicOptions& options) {
  if (!env.Exists(JoinPath(options.data, "log"))) {
    return Error::User(ErrorCode::kNotFound, fmt::format("there are no topics in {}", options.data))
        .Fix(
            "start 'weir serve --data' on this folder, or give another one with the option 'data'");
  }
  std::map<std::string, std::string> properties = options.properties;
  if (logs.serve()) {
    WEIR_ASSIGN_OR_RETURN(const TopicHost* host, logs.Serve(options.data));
    if (host->is_own()) properties.clear();  // it wants no login
    properties["bootstrap.servers"] = host->address();
  } else {
    WEIR_ASSIGN_OR_RETURN(TopicPlace place, FindTopics(env, logs, options.data));
    if (place.log) return EmbeddedTopic(std::move(place.log), options.topic);
    properties["bootstrap.servers"] = place.address;
  }
  WEIR_ASSIGN_OR_RETURN(const auto parsed, connect::ParseKafkaProperties(properties));
  WEIR_ASSIGN_OR_RETURN(auto log, connect::OpenKafkaLog(env, parsed, options.topic));
  return std::make_shared<ServedTopicLog>(env, std::move(log), parsed);
}

Result<std::shared_ptr<columnar::BatchSource>> OpenTopicSource(
    Env& env, EmbeddedLogs& logs, const columnar::SourceDeclaration& declaration) {
  WEIR_ASSIGN_OR_RETURN(
      TopicOptions options,
      ParseTopicOptions(env, declaration.options, declaration.name, declaration.base_folder));
  connect::RecordSourceOptions records;
  records.name = declaration.name;
  records.records = options.records;
  records.scan = options.scan;
  records.group_id = options.group_id;
  records.declared = declaration.columns;
  records.metadata = declaration.metadata;
  return connect::OpenRecordSource(std::move(records), [&env, &logs, options = std::move(options)] {
    return OpenTopic(env, logs, options);
  });
}

}  // namespace weir::server
