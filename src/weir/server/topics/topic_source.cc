#include "weir/server/topics/topic_source.h"

#include <fmt/format.h>

#include <utility>

#include "weir/connect/kafka/kafka_log.h"
#include "weir/connect/kafka/kafka_properties.h"
#include "weir/connect/records/record_source.h"
#include "weir/server/topics/embedded_topic.h"
#include "weir/server/topics/serving_file.h"
#include "weir/server/topics/topic_host.h"

namespace weir::server {

namespace {

// Another run may have the folder for a moment, and a broker has it before it listens.
constexpr int64_t kWaitUs = 5'000'000;
constexpr int64_t kLookAgainUs = 50'000;

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
  return connect::OpenKafkaLog(env, parsed, options.topic);
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
