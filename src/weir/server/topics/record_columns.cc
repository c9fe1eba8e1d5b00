#include "weir/server/topics/record_columns.h"

#include <simdjson.h>

#include "duckdb/common/types/data_chunk.hpp"
#include "duckdb/common/types/value.hpp"
#include "duckdb/common/types/vector.hpp"
#include "weir/server/topics/topic_reader.h"

namespace weir::server {

namespace {

using duckdb::FlatVector;
using duckdb::LogicalType;
using duckdb::StringVector;

constexpr int64_t kMicrosOfMs = 1000;
// Producers may write anything; beyond this it is no TIMESTAMPTZ.
constexpr int64_t kTimestampMsMax = 9'000'000'000'000'000;

void WriteBytes(const std::optional<std::string_view>& bytes, bool raw, duckdb::Vector& vector,
                uint64_t row) {
  if (!bytes) return FlatVector::SetNull(vector, row, true);
  auto& slot = FlatVector::GetData<duckdb::string_t>(vector)[row];
  if (raw || simdjson::validate_utf8(bytes->data(), bytes->size())) {
    slot = StringVector::AddStringOrBlob(vector, bytes->data(), bytes->size());
  } else {
    slot = StringVector::AddString(vector, RecordText(*bytes));
  }
}

duckdb::Value HeadersValue(const log::Record& record) {
  duckdb::vector<duckdb::Value> keys;
  duckdb::vector<duckdb::Value> values;
  for (const auto& [key, value] : RecordHeaders(record)) {
    keys.emplace_back(key);
    values.push_back(value ? duckdb::Value(*value) : duckdb::Value(LogicalType::VARCHAR));
  }
  return duckdb::Value::MAP(LogicalType::VARCHAR, LogicalType::VARCHAR, std::move(keys),
                            std::move(values));
}

}  // namespace

columnar::Schema RecordSchema(bool raw) {
  const LogicalType bytes = raw ? LogicalType::BLOB : LogicalType::VARCHAR;
  return {{{"topic", LogicalType::VARCHAR},
           {"partition", LogicalType::INTEGER},
           {"offset", LogicalType::BIGINT},
           {"timestamp", LogicalType::TIMESTAMP_TZ},
           {"timestamp_type", LogicalType::VARCHAR},
           {"key", bytes},
           {"value", bytes},
           {"headers", LogicalType::MAP(LogicalType::VARCHAR, LogicalType::VARCHAR)}}};
}

void WriteRecord(const TopicRecord& record, const std::vector<uint64_t>& columns, bool raw,
                 duckdb::DataChunk& chunk, uint64_t row) {
  for (size_t i = 0; i < columns.size(); ++i) {
    duckdb::Vector& vector = chunk.data[i];
    switch (columns[i]) {
      case kRecordTopic:
        FlatVector::GetData<duckdb::string_t>(vector)[row] =
            StringVector::AddString(vector, record.partition->topic);
        break;
      case kRecordPartition:
        FlatVector::GetData<int32_t>(vector)[row] = record.partition->partition;
        break;
      case kRecordOffset:
        FlatVector::GetData<int64_t>(vector)[row] = record.record.offset;
        break;
      case kRecordTimestamp:
        if (record.record.timestamp < 0 || record.record.timestamp > kTimestampMsMax) {
          FlatVector::SetNull(vector, row, true);
        } else {
          FlatVector::GetData<int64_t>(vector)[row] = record.record.timestamp * kMicrosOfMs;
        }
        break;
      case kRecordTimestampType:
        FlatVector::GetData<duckdb::string_t>(vector)[row] =
            duckdb::string_t(record.log_append_time ? "append" : "create");
        break;
      case kRecordKey:
        WriteBytes(record.record.key, raw, vector, row);
        break;
      case kRecordValue:
        WriteBytes(record.record.value, raw, vector, row);
        break;
      case kRecordHeaders:
        vector.SetValue(row, HeadersValue(record.record));
        break;
      default:
        break;
    }
  }
}

std::string RecordText(std::string_view bytes) {
  if (simdjson::validate_utf8(bytes.data(), bytes.size())) return std::string(bytes);
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f && c != '\\') {
      text += c;
    } else {
      text += "\\x";
      text += kDigits[byte >> 4];
      text += kDigits[byte & 15];
    }
  }
  return text;
}

std::map<std::string, std::optional<std::string>> RecordHeaders(const log::Record& record) {
  std::map<std::string, std::optional<std::string>> headers;
  if (record.header_count == 0) return headers;
  for (const log::RecordHeader& header : record.Headers()) {
    headers[RecordText(header.key)] =
        header.value ? std::optional<std::string>(RecordText(*header.value)) : std::nullopt;
  }
  return headers;
}

}  // namespace weir::server
