#include "weir/lake/checkpoint_writer.h"

#include <cctype>
#include <charconv>
#include <functional>

#include "duckdb/common/types/data_chunk.hpp"
#include "duckdb/common/types/value.hpp"
#include "duckdb/main/client_context.hpp"
#include "duckdb/main/connection.hpp"
#include "weir/base/json_writer.h"
#include "weir/columnar/parquet_writer.h"
#include "weir/lake/commit.h"
#include "weir/lake/protocol_check.h"

namespace weir::lake {
namespace {

using duckdb::LogicalType;
using duckdb::LogicalTypeId;
using duckdb::Value;
using duckdb::Vector;

constexpr int64_t kWeekMs = int64_t{7} * 24 * 3600 * 1000;

LogicalType Text() { return LogicalType(LogicalTypeId::VARCHAR); }
LogicalType Long() { return LogicalType(LogicalTypeId::BIGINT); }
LogicalType Int() { return LogicalType(LogicalTypeId::INTEGER); }
LogicalType Flag() { return LogicalType(LogicalTypeId::BOOLEAN); }
LogicalType TextMap() { return LogicalType::MAP(Text(), Text()); }

// Positions of the actions in the checkpoint's columns.
enum Slot : size_t { kTxn, kAdd, kRemove, kMetadata, kProtocol, kDomain };

columnar::Schema CheckpointSchema() {
  columnar::Schema schema;
  schema.fields.push_back(
      {"txn",
       LogicalType::STRUCT({{"appId", Text()}, {"version", Long()}, {"lastUpdated", Long()}})});
  schema.fields.push_back({"add", LogicalType::STRUCT({{"path", Text()},
                                                       {"partitionValues", TextMap()},
                                                       {"size", Long()},
                                                       {"modificationTime", Long()},
                                                       {"dataChange", Flag()},
                                                       {"tags", TextMap()},
                                                       {"stats", Text()}})});
  schema.fields.push_back({"remove", LogicalType::STRUCT({{"path", Text()},
                                                          {"deletionTimestamp", Long()},
                                                          {"dataChange", Flag()},
                                                          {"extendedFileMetadata", Flag()},
                                                          {"partitionValues", TextMap()},
                                                          {"size", Long()}})});
  schema.fields.push_back(
      {"metaData", LogicalType::STRUCT({{"id", Text()},
                                        {"name", Text()},
                                        {"description", Text()},
                                        {"format", LogicalType::STRUCT({{"provider", Text()},
                                                                        {"options", TextMap()}})},
                                        {"schemaString", Text()},
                                        {"partitionColumns", LogicalType::LIST(Text())},
                                        {"configuration", TextMap()},
                                        {"createdTime", Long()}})});
  schema.fields.push_back(
      {"protocol", LogicalType::STRUCT({{"minReaderVersion", Int()},
                                        {"minWriterVersion", Int()},
                                        {"readerFeatures", LogicalType::LIST(Text())},
                                        {"writerFeatures", LogicalType::LIST(Text())}})});
  schema.fields.push_back(
      {"domainMetadata",
       LogicalType::STRUCT({{"domain", Text()}, {"configuration", Text()}, {"removed", Flag()}})});
  return schema;
}

Value TextOrNull(const std::string& text) { return text.empty() ? Value(Text()) : Value(text); }

Value LongOrNull(const std::optional<int64_t>& value) {
  return value ? Value::BIGINT(*value) : Value(Long());
}

template <typename Map>
Value MapValue(const Map& entries) {
  duckdb::vector<Value> keys;
  duckdb::vector<Value> values;
  for (const auto& [key, value] : entries) {
    keys.emplace_back(key);
    if constexpr (std::is_same_v<typename Map::mapped_type, std::string>) {
      values.emplace_back(value);
    } else {
      values.push_back(value ? Value(*value) : Value(Text()));
    }
  }
  return Value::MAP(Text(), Text(), std::move(keys), std::move(values));
}

Value ListValue(const std::vector<std::string>& items) {
  duckdb::vector<Value> values;
  for (const auto& item : items) values.emplace_back(item);
  return Value::LIST(Text(), std::move(values));
}

Value StructValue(const LogicalType& type, duckdb::vector<Value> fields) {
  return Value::STRUCT(type, std::move(fields));
}

// Fills chunks with one action a row and hands them to the writer.
class ActionRows {
 public:
  ActionRows(duckdb::ClientContext& context, columnar::ParquetWriter::Local& out)
      : context_(context), out_(out), schema_(CheckpointSchema()) {
    chunk_.Initialize(context, schema_.Types());
  }

  // `fields` in the order of the action's struct.
  Status Add(Slot slot, duckdb::vector<Value> fields) {
    const size_t row = chunk_.size();
    for (size_t column = 0; column < schema_.fields.size(); ++column) {
      const auto& type = schema_.fields[column].type;
      chunk_.SetValue(column, row,
                      column == slot ? StructValue(type, std::move(fields)) : Value(type));
    }
    chunk_.SetCardinality(row + 1);
    rows_ += 1;
    return chunk_.size() == STANDARD_VECTOR_SIZE ? Flush() : Status();
  }

  Status Flush() {
    if (chunk_.size() == 0) return Status();
    WEIR_RETURN_IF_ERROR(out_.Write(context_, chunk_));
    chunk_.Reset();
    return Status();
  }

  int64_t rows() const { return rows_; }

 private:
  duckdb::ClientContext& context_;
  columnar::ParquetWriter::Local& out_;
  columnar::Schema schema_;
  duckdb::DataChunk chunk_;
  int64_t rows_ = 0;
};

Status AddActions(const Snapshot& snapshot, int64_t now_ms, ActionRows& rows) {
  const Protocol& protocol = snapshot.protocol();
  const auto features = [](bool table_features, const std::vector<std::string>& names) {
    return table_features ? ListValue(names) : Value(LogicalType::LIST(Text()));
  };
  WEIR_RETURN_IF_ERROR(rows.Add(
      kProtocol,
      {Value::INTEGER(protocol.min_reader_version), Value::INTEGER(protocol.min_writer_version),
       features(protocol.min_reader_version >= 3, protocol.reader_features),
       features(protocol.min_writer_version >= 7, protocol.writer_features)}));
  const Metadata& metadata = snapshot.metadata();
  const auto format = LogicalType::STRUCT({{"provider", Text()}, {"options", TextMap()}});
  WEIR_RETURN_IF_ERROR(rows.Add(
      kMetadata, {Value(metadata.id), TextOrNull(metadata.name), TextOrNull(metadata.description),
                  StructValue(format, {Value(metadata.format_provider),
                                       MapValue(std::map<std::string, std::string>())}),
                  Value(metadata.schema_string), ListValue(metadata.partition_columns),
                  MapValue(metadata.configuration), LongOrNull(metadata.created_time_ms)}));
  for (const auto& [app_id, transaction] : snapshot.transactions()) {
    WEIR_RETURN_IF_ERROR(rows.Add(kTxn, {Value(app_id), Value::BIGINT(transaction.version),
                                         LongOrNull(transaction.last_updated_ms)}));
  }
  for (const auto& [name, domain] : snapshot.domains()) {
    WEIR_RETURN_IF_ERROR(
        rows.Add(kDomain, {Value(name), Value(domain.configuration), Value::BOOLEAN(false)}));
  }
  for (const auto& add : snapshot.files()) {
    WEIR_RETURN_IF_ERROR(rows.Add(
        kAdd, {Value(add.path), MapValue(add.partition_values), Value::BIGINT(add.size),
               Value::BIGINT(add.modification_time_ms), Value::BOOLEAN(false),
               add.tags.empty() ? Value(TextMap()) : MapValue(add.tags), TextOrNull(add.stats)}));
  }
  const int64_t retention_ms = IntervalMs(
      Property(metadata, "delta.deletedFileRetentionDuration", "interval 1 week"), kWeekMs);
  for (const auto& remove : snapshot.tombstones()) {
    if (remove.deletion_timestamp_ms.value_or(0) + retention_ms < now_ms) continue;
    const bool extended = remove.extended_file_metadata;
    WEIR_RETURN_IF_ERROR(rows.Add(
        kRemove,
        {Value(remove.path), LongOrNull(remove.deletion_timestamp_ms), Value::BOOLEAN(false),
         Value::BOOLEAN(extended), extended ? MapValue(remove.partition_values) : Value(TextMap()),
         extended ? Value::BIGINT(remove.size) : Value(Long())}));
  }
  return rows.Flush();
}

// Value constructors of DuckDB throw on bytes that are not UTF-8.
Status GuardedAddActions(const Snapshot& snapshot, int64_t now_ms, ActionRows& rows) {
  try {
    return AddActions(snapshot, now_ms, rows);
  } catch (const std::exception& error) {
    return Error::Operator(ErrorCode::kCorrupt,
                           std::string("an action does not fit a checkpoint: ") + error.what());
  }
}

}  // namespace

int64_t IntervalMs(const std::string& text, int64_t otherwise) {
  struct Unit {
    const char* name;
    int64_t ms;
  };
  static constexpr Unit kUnits[] = {
      {"millisecond", 1},
      {"second", 1000},
      {"minute", 60 * 1000},
      {"hour", 3600 * 1000},
      {"day", int64_t{24} * 3600 * 1000},
      {"week", kWeekMs},
  };
  std::string_view rest = text;
  const auto skip_space = [&] {
    while (!rest.empty() && std::isspace(static_cast<unsigned char>(rest[0])))
      rest.remove_prefix(1);
  };
  skip_space();
  for (const char* word : {"interval", "INTERVAL"}) {
    if (rest.substr(0, 8) == word) rest.remove_prefix(8);
  }
  int64_t total = 0;
  bool any = false;
  for (skip_space(); !rest.empty(); skip_space()) {
    int64_t count = 0;
    const auto read = std::from_chars(rest.data(), rest.data() + rest.size(), count);
    if (read.ec != std::errc() || count < 0 || count > 1'000'000) return otherwise;
    rest.remove_prefix(static_cast<size_t>(read.ptr - rest.data()));
    skip_space();
    const Unit* found = nullptr;
    for (const Unit& unit : kUnits) {
      const std::string_view name = unit.name;
      if (rest.substr(0, name.size()) == name) found = &unit;
    }
    if (found == nullptr) return otherwise;
    rest.remove_prefix(std::string_view(found->name).size());
    if (!rest.empty() && rest[0] == 's') rest.remove_prefix(1);
    total += count * found->ms;
    any = true;
  }
  return any ? total : otherwise;
}

Status WriteCheckpoint(columnar::Engine& engine, const LogStore& log, const Snapshot& snapshot) {
  Env& env = engine.env();
  for (const auto& remove : snapshot.tombstones()) {
    // A tombstone with a deletion vector needs columns that this writer does not have.
    if (remove.deletion_vector) {
      return Error::User(ErrorCode::kUnsupported, "a checkpoint with deletion vectors");
    }
  }
  WEIR_ASSIGN_OR_RETURN(auto connection, engine.Connect());
  auto& context = *connection->context;
  const std::string name = PaddedVersion(snapshot.version()) + ".checkpoint.parquet";
  const std::string final_path = JoinPath(log.folder(), name);
  const std::string path = JoinPath(log.folder(), "." + name + "." + RandomUuid(env) + ".tmp");

  columnar::ParquetOptions options;
  options.bloom_filters = false;
  WEIR_ASSIGN_OR_RETURN(
      auto writer, columnar::ParquetWriter::Create(context, path, CheckpointSchema(), options));
  WEIR_ASSIGN_OR_RETURN(auto local, writer->NewLocal(context));
  ActionRows rows(context, *local);
  WEIR_RETURN_IF_ERROR(GuardedAddActions(snapshot, env.NowMicros() / 1000, rows));
  WEIR_RETURN_IF_ERROR(local->Finish(context));
  WEIR_ASSIGN_OR_RETURN(const auto stats, writer->Close(context));
  if (stats.rows != rows.rows()) {
    (void)env.RemoveFile(path);
    return Error::Bug("a checkpoint of " + std::to_string(rows.rows()) + " actions has " +
                      std::to_string(stats.rows) + " rows");
  }
  WEIR_RETURN_IF_ERROR(env.Rename(path, final_path));
  WEIR_RETURN_IF_ERROR(env.SyncDir(log.folder()));

  JsonWriter hint;
  hint.BeginObject();
  hint.Key("version").Int(snapshot.version());
  hint.Key("size").Int(stats.rows);
  hint.Key("sizeInBytes").Int(stats.bytes);
  hint.Key("numOfAddFiles").Int(static_cast<int64_t>(snapshot.files().size()));
  hint.EndObject();
  return env.WriteFileAtomic(JoinPath(log.folder(), "_last_checkpoint"), hint.text());
}

void MaybeCheckpoint(columnar::Engine& engine, const LogStore& log, int64_t version,
                     int64_t interval) {
  if (version == 0 || interval <= 0 || version % interval != 0) return;
  auto snapshot = Snapshot::Load(engine, log, version);
  if (!snapshot.ok()) return;
  // A checkpoint only makes readers faster; the commit that asked for it stands without.
  (void)WriteCheckpoint(engine, log, **snapshot);
}

}  // namespace weir::lake
