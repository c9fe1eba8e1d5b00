// Topics in DuckDB: topic('orders') for a topic's records, and the tables of system.
//
//   RegisterTopicFunctions(engine.database(), std::make_shared<TopicAccess>(env, servers, data));
//   SELECT key, value->>'$.amount' FROM topic('orders') WHERE "offset" >= 1000;
//   SELECT * FROM system.consumer_lag WHERE lag_seconds > 60;
//
// topic('name', raw => false, committed => true): columns as record_columns.h says. One thread a
// partition. Conditions on partition, "offset" and the beginning of timestamp decide what is read.
// It ends where the topic ended when the query began.
//
// Thread rule: register once a database, before its queries; then DuckDB's threads.
// Errors: those of KafkaAdmin, carried through DuckDB.
#pragma once

#include <memory>

namespace duckdb {
class DatabaseInstance;
}  // namespace duckdb

namespace weir::server {

class TopicAccess;

void RegisterTopicFunctions(duckdb::DatabaseInstance& database,
                            const std::shared_ptr<TopicAccess>& access);

}  // namespace weir::server
