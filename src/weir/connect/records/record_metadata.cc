#include "weir/connect/records/record_metadata.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "weir/columnar/codec/record_decode.h"
#include "weir/connect/option_values.h"

namespace weir::connect {

namespace {

using duckdb::FlatVector;
using duckdb::LogicalType;
using duckdb::LogicalTypeId;
using duckdb::string_t;
using duckdb::StringVector;

struct Key {
  const char* name;
  std::vector<LogicalType> types;  // the first is the one to show
};

const std::vector<Key>& Keys() {
  static const std::vector<Key> kKeys = {
      {"topic", {LogicalType::VARCHAR}},
      {"partition", {LogicalType::INTEGER, LogicalType::BIGINT}},
      {"offset", {LogicalType::BIGINT}},
      {"timestamp", {LogicalType::TIMESTAMP_TZ, LogicalType::TIMESTAMP, LogicalType::BIGINT}},
      {"timestamp-type", {LogicalType::VARCHAR}},
      {"headers", {LogicalType::MAP(LogicalType::VARCHAR, LogicalType::BLOB)}},
      {"leader-epoch", {LogicalType::INTEGER, LogicalType::BIGINT}},
  };
  return kKeys;
}

const char* NameOf(TimestampType type) {
  switch (type) {
    case TimestampType::kCreateTime:
      return "CreateTime";
    case TimestampType::kLogAppendTime:
      return "LogAppendTime";
    case TimestampType::kNone:
      break;
  }
  return "NoTimestampType";
}

void PutInteger(duckdb::Vector& out, size_t row, int64_t value) {
  if (out.GetType().id() == LogicalTypeId::INTEGER) {
    FlatVector::GetData<int32_t>(out)[row] = static_cast<int32_t>(value);
  } else {
    FlatVector::GetData<int64_t>(out)[row] = value;
  }
}

void FillHeaders(std::span<const LogRecord> records, std::span<const uint32_t> rows,
                 duckdb::Vector& out) {
  // A map has a key once: of several headers with one name the last counts, as in Flink.
  std::vector<std::pair<std::string_view, std::optional<std::string_view>>> entries;
  auto* const lists = FlatVector::GetData<duckdb::list_entry_t>(out);
  for (size_t i = 0; i < rows.size(); ++i) {
    const size_t first = entries.size();
    for (const auto& header : records[rows[i]].headers) {
      const auto same = std::find_if(entries.begin() + static_cast<ptrdiff_t>(first), entries.end(),
                                     [&](const auto& e) { return e.first == header.first; });
      if (same != entries.end()) {
        same->second = header.second;
      } else {
        entries.push_back(header);
      }
    }
    lists[i] = {first, entries.size() - first};
  }
  duckdb::ListVector::Reserve(out, entries.size());
  duckdb::ListVector::SetListSize(out, entries.size());
  duckdb::Vector& keys = duckdb::MapVector::GetKeys(out);
  duckdb::Vector& values = duckdb::MapVector::GetValues(out);
  for (size_t i = 0; i < entries.size(); ++i) {
    FlatVector::GetData<string_t>(keys)[i] =
        StringVector::AddStringOrBlob(keys, entries[i].first.data(), entries[i].first.size());
    if (entries[i].second) {
      FlatVector::GetData<string_t>(values)[i] = StringVector::AddStringOrBlob(
          values, entries[i].second->data(), entries[i].second->size());
    } else {
      FlatVector::SetNull(values, i, true);
    }
  }
}

}  // namespace

Status CheckRecordMetadata(const columnar::MetadataColumn& column,
                           const std::string& value_format) {
  if (column.key.starts_with(kValueMetadataPrefix)) {
    auto type = columnar::RecordMetadataType(
        value_format, column.key.substr(std::string(kValueMetadataPrefix).size()));
    if (!type.ok()) return std::move(type).error().While("column '" + column.name + "'");
    if (*type == column.type) return Status::Ok();
    return Error::User(ErrorCode::kInvalid,
                       fmt::format("column '{}': {} is {}, not {}", column.name, column.key,
                                   type->ToString(), column.type.ToString()))
        .Fix("declare it as " + type->ToString());
  }
  std::vector<std::string> names;
  for (const Key& key : Keys()) {
    names.emplace_back(key.name);
    if (column.key != key.name) continue;
    if (std::find(key.types.begin(), key.types.end(), column.type) != key.types.end()) {
      return Status::Ok();
    }
    return Error::User(ErrorCode::kInvalid,
                       fmt::format("column '{}': {} is {}, not {}", column.name, key.name,
                                   key.types[0].ToString(), column.type.ToString()))
        .Fix("declare it as " + key.types[0].ToString());
  }
  return Error::User(ErrorCode::kNotFound, fmt::format("column '{}': a record has no metadata '{}'",
                                                       column.name, column.key))
      .Fix(Suggest(column.key, names));
}

void FillRecordMetadata(const std::string& key, const std::string& topic, int32_t partition,
                        std::span<const LogRecord> records, std::span<const uint32_t> rows,
                        duckdb::Vector& out) {
  if (key == "headers") return FillHeaders(records, rows, out);
  if (key == "topic") {
    const string_t text = StringVector::AddString(out, topic);
    std::fill_n(FlatVector::GetData<string_t>(out), rows.size(), text);
    return;
  }
  for (size_t i = 0; i < rows.size(); ++i) {
    const LogRecord& record = records[rows[i]];
    if (key == "partition") {
      PutInteger(out, i, partition);
    } else if (key == "offset") {
      PutInteger(out, i, record.offset);
    } else if (key == "timestamp-type") {
      FlatVector::GetData<string_t>(out)[i] =
          StringVector::AddString(out, NameOf(record.timestamp_type));
    } else if (key == "leader-epoch") {
      if (record.leader_epoch >= 0) {
        PutInteger(out, i, record.leader_epoch);
      } else {
        FlatVector::SetNull(out, i, true);
      }
    } else if (record.timestamp_ms < 0 || record.timestamp_ms > INT64_MAX / 1000) {
      FlatVector::SetNull(out, i, true);  // "timestamp", from here on
    } else {
      const bool is_number = out.GetType().id() == LogicalTypeId::BIGINT;
      FlatVector::GetData<int64_t>(out)[i] = record.timestamp_ms * (is_number ? 1 : 1000);
    }
  }
}

}  // namespace weir::connect
