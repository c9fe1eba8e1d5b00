// The `topic` connector, reading: one of Weir's own topics as a BatchSource.
//
//   CREATE TABLE orders (id BIGINT, amount DOUBLE) WITH ('connector' = 'topic', 'format' = 'json');
//
// If nobody serves the data folder it is opened here, in process; if a `weir serve` does, that is
// asked as any Kafka client would.
//
// Thread rule: OpenTopicSource and the source it returns are thread-safe; the rest as in ports.h.
#pragma once

#include <memory>
#include <string>

#include "weir/base/env.h"
#include "weir/base/result.h"
#include "weir/columnar/ports.h"
#include "weir/connect/records/record_log.h"
#include "weir/server/topics/embedded_log.h"
#include "weir/server/topics/topic_options.h"

namespace weir::server {

// Where the topics of a data folder are: in this process, or with who serves it.
struct TopicPlace {
  std::shared_ptr<EmbeddedLog> log;  // null: served
  std::string address;               // for clients of this machine
};
// Makes the folder's log if there is none. kConflict: another process holds the folder and serves
// nobody, also after some seconds.
Result<TopicPlace> FindTopics(Env& env, EmbeddedLogs& logs, const std::string& data);

// The folder's log in process, or a connection to who serves it. kNotFound: there are no topics;
// kConflict: another process holds the folder and serves nobody.
Result<std::shared_ptr<connect::RecordLog>> OpenTopic(Env& env, EmbeddedLogs& logs,
                                                      const TopicOptions& options);

// `logs` outlives the source.
Result<std::shared_ptr<columnar::BatchSource>> OpenTopicSource(
    Env& env, EmbeddedLogs& logs, const columnar::SourceDeclaration& declaration);

}  // namespace weir::server
