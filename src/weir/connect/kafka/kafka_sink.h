// Tables with 'connector' = 'kafka' as INSERT fills them, and the topics of a cluster: what a
// declaration's options lead to.
//
// Thread rule: free functions.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "weir/columnar/ports.h"
#include "weir/connect/kafka/kafka_transaction.h"
#include "weir/connect/kafka/topic_sink.h"

namespace weir::connect {

// Checks the declaration; does not connect. The caller sets state_folder.
Result<std::shared_ptr<TopicTable>> OpenKafkaTable(Env& env,
                                                   const columnar::SourceDeclaration& declaration);

// Of the 'sink.*' options; the connection is the caller's.
Result<KafkaSinkOptions> ParseSinkOptions(const std::map<std::string, std::string>& sink);

// Does not connect.
Result<std::shared_ptr<columnar::TopicAdmin>> OpenKafkaTopics(Env& env,
                                                              const KafkaProperties& properties);
// Options: 'connector', 'properties.*'.
Result<std::shared_ptr<columnar::TopicAdmin>> OpenKafkaTopics(
    Env& env, const std::map<std::string, std::string>& options);

}  // namespace weir::connect
