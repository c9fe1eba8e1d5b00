#include "weir/connect/kafka/kafka_sink.h"

#include <utility>
#include <vector>

#include "weir/connect/kafka/kafka_options.h"
#include "weir/connect/kafka/kafka_topics.h"
#include "weir/connect/kafka/kafka_transaction.h"
#include "weir/connect/option_values.h"

namespace weir::connect {

Result<KafkaSinkOptions> ParseSinkOptions(const std::map<std::string, std::string>& sink) {
  KafkaSinkOptions out;
  for (const auto& [name, value] : sink) {
    if (name == "sink.partitioner") {
      WEIR_RETURN_IF_ERROR(ChooseValue<Partitioner>(name, value,
                                                    {{"default", Partitioner::kDefault},
                                                     {"fixed", Partitioner::kFixed},
                                                     {"round-robin", Partitioner::kRoundRobin}},
                                                    &out.partitioner));
    } else if (name == "sink.transactional-id-prefix") {
      out.transactional_id_prefix = value;
    } else if (name == "sink.delivery-guarantee") {
      // The two weaker ones are kept as well by what is done always.
      bool unused = false;
      WEIR_RETURN_IF_ERROR(ChooseValue<bool>(
          name, value, {{"exactly-once", true}, {"at-least-once", true}, {"none", true}}, &unused));
    }
  }
  return out;
}

Result<std::shared_ptr<TopicTable>> OpenKafkaTable(Env& env,
                                                   const columnar::SourceDeclaration& declaration) {
  WEIR_ASSIGN_OR_RETURN(const KafkaOptions options, ParseKafkaOptions(declaration.options));
  WEIR_ASSIGN_OR_RETURN(KafkaSinkOptions sink, ParseSinkOptions(options.sink));
  WEIR_ASSIGN_OR_RETURN(TopicTable table,
                        MakeTopicTable(declaration, options.topic, options.records));
  sink.properties = options.properties;
  table.transactions = std::make_shared<KafkaTransactions>(env, std::move(sink));
  return std::make_shared<TopicTable>(std::move(table));
}

Result<std::shared_ptr<columnar::TopicAdmin>> OpenKafkaTopics(Env& env,
                                                              const KafkaProperties& properties) {
  WEIR_ASSIGN_OR_RETURN(auto handle,
                        KafkaHandle::Open(env, KafkaHandle::Kind::kConsumer, properties,
                                          {{"enable.auto.commit", "false"}}));
  return std::shared_ptr<columnar::TopicAdmin>(std::make_shared<KafkaTopics>(std::move(handle)));
}

Result<std::shared_ptr<columnar::TopicAdmin>> OpenKafkaTopics(
    Env& env, const std::map<std::string, std::string>& options) {
  OptionReader reader("kafka", options);
  const std::string connector = reader.Take("connector").value_or("kafka");
  const auto given = reader.TakePrefix("properties.");
  WEIR_RETURN_IF_ERROR(reader.Finish());
  if (connector != "kafka") {
    return Error::User(ErrorCode::kUnsupported,
                       "option 'connector' = '" + connector + "' leads to no topics")
        .Fix("use 'kafka' with 'properties.bootstrap.servers', or 'topic'");
  }
  WEIR_ASSIGN_OR_RETURN(const KafkaProperties properties, ParseKafkaProperties(given));
  return OpenKafkaTopics(env, properties);
}

}  // namespace weir::connect
