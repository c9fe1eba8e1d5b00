// The records of topics as rows: what `weir topic tail --where` and topic('orders') in SQL see.
//
//   topic VARCHAR, partition INTEGER, "offset" BIGINT, timestamp TIMESTAMPTZ,
//   timestamp_type VARCHAR       'create' (the producer's clock) or 'append' (the server's)
//   key VARCHAR, value VARCHAR   bytes that are no UTF-8 text are written as in DuckDB, \xNN; with
//                                `raw` both are BLOB, the bytes themselves
//   headers MAP(VARCHAR, VARCHAR)  of a name that comes twice the last
//
// Thread rule: free functions.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weir/columnar/schema.h"
#include "weir/log/record_batch_reader.h"

namespace duckdb {
class DataChunk;
}  // namespace duckdb

namespace weir::server {

struct TopicRecord;

enum RecordColumn : uint64_t {
  kRecordTopic,
  kRecordPartition,
  kRecordOffset,
  kRecordTimestamp,
  kRecordTimestampType,
  kRecordKey,
  kRecordValue,
  kRecordHeaders,
};

columnar::Schema RecordSchema(bool raw);

// Writes the record to a row of the chunk; columns[i] says what is wanted in its column i. Numbers
// that are no RecordColumn are left alone.
void WriteRecord(const TopicRecord& record, const std::vector<uint64_t>& columns, bool raw,
                 duckdb::DataChunk& chunk, uint64_t row);

// Text as it is; else with \xNN in place of what is no printable ASCII.
std::string RecordText(std::string_view bytes);
// By name; of a name that comes twice the last.
std::map<std::string, std::optional<std::string>> RecordHeaders(const log::Record& record);

}  // namespace weir::server
