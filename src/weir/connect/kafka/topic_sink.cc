#include "weir/connect/kafka/topic_sink.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <utility>

#include "duckdb/common/types/data_chunk.hpp"
#include "duckdb/common/types/value.hpp"
#include "weir/base/checksum.h"
#include "weir/base/json.h"

namespace weir::connect {

using duckdb::LogicalType;
using duckdb::LogicalTypeId;

namespace {

constexpr const char* kEnding = ".records";
constexpr size_t kRunBytesMax = size_t{16} << 20;
constexpr size_t kRunBytesMin = size_t{256} << 10;
// Writers share the memory a sink may take; there are about as many as threads.
constexpr size_t kWritersAssumed = 8;

std::string StagedFolder(const TopicTable& table, const std::string& flow_id) {
  return JoinPath(JoinPath(table.state_folder, flow_id), "staged");
}

// --- the token ---

struct Token {
  std::string flow;
  uint64_t epoch = 0;
  std::string topic;
  std::string file;  // its name in the flow's folder
  StagedTotals totals;
};

std::string Encode(const Token& token) {
  return ToText(OrderedJson{{"sink", "topic"},
                            {"version", 1},
                            {"flow", token.flow},
                            {"epoch", token.epoch},
                            {"topic", token.topic},
                            {"file", token.file},
                            {"records", token.totals.records},
                            {"bytes", token.totals.bytes},
                            {"xxh3", Hex64(token.totals.checksum)}});
}

Error BadToken(const TopicTable& table, const std::string& why) {
  return Error::Operator(ErrorCode::kCorrupt, "the token of topic " + table.topic + ": " + why);
}

Result<Token> DecodeToken(const TopicTable& table, const std::string& text) {
  auto parsed = ParseJson(text);
  if (!parsed.ok() || !parsed->is_object()) return BadToken(table, "it is no JSON object");
  const Json& json = *parsed;
  Token token;
  WEIR_ASSIGN_OR_RETURN(const std::string sink, StringField(json, "sink"));
  WEIR_ASSIGN_OR_RETURN(const int64_t version, Int64Field(json, "version"));
  if (sink != "topic" || version != 1) {
    return Error::Operator(ErrorCode::kUnsupported, "the token of " + table.name + " is for '" +
                                                        sink + "', version " +
                                                        std::to_string(version))
        .Fix("commit it with the version of Weir and the declaration that prepared it");
  }
  WEIR_ASSIGN_OR_RETURN(token.flow, StringField(json, "flow"));
  WEIR_ASSIGN_OR_RETURN(token.epoch, Uint64Field(json, "epoch"));
  WEIR_ASSIGN_OR_RETURN(token.topic, StringField(json, "topic"));
  WEIR_ASSIGN_OR_RETURN(token.file, StringField(json, "file"));
  WEIR_ASSIGN_OR_RETURN(token.totals.records, Int64Field(json, "records"));
  WEIR_ASSIGN_OR_RETURN(token.totals.bytes, Uint64Field(json, "bytes"));
  WEIR_ASSIGN_OR_RETURN(const std::string checksum, StringField(json, "xxh3"));
  const auto value = ParseHex64(checksum);
  if (!value || token.epoch == 0 || token.file.empty() ||
      token.file.find('/') != std::string::npos) {
    return BadToken(table, "a field of it is wrong");
  }
  token.totals.checksum = *value;
  return token;
}

// --- writing ---

class TopicSink;

class TopicSinkWriter final : public columnar::SinkWriter {
 public:
  TopicSinkWriter(TopicSink& sink, std::unique_ptr<columnar::RowEncoder> value,
                  std::unique_ptr<columnar::RowEncoder> key)
      : sink_(sink), value_(std::move(value)), key_(std::move(key)) {}

  Status Write(duckdb::ClientContext& context, duckdb::DataChunk& chunk) override;
  Status Finish(duckdb::ClientContext& context) override;

 private:
  Status CheckRequired(duckdb::DataChunk& chunk) const;
  Status AddMetadata(duckdb::DataChunk& chunk, size_t row);
  Status Flush();

  TopicSink& sink_;
  const std::unique_ptr<columnar::RowEncoder> value_;
  const std::unique_ptr<columnar::RowEncoder> key_;
  StagedRun run_;
  StagedRecord record_;
};

class TopicSink final : public columnar::BatchSink {
 public:
  TopicSink(Env& env, std::shared_ptr<const TopicTable> table, columnar::SinkOptions options)
      : env_(env),
        table_(std::move(table)),
        options_(std::move(options)),
        folder_(StagedFolder(*table_, options_.flow_id)),
        run_bytes_(std::clamp<size_t>(options_.memory_bytes / kWritersAssumed, kRunBytesMin,
                                      kRunBytesMax)) {}

  Status Open() {
    WEIR_ASSIGN_OR_RETURN(limits_, table_->transactions->Check(table_->topic));
    WEIR_RETURN_IF_ERROR(env_.CreateDirsSynced(folder_));
    // What attempts left that never came to a commit.
    WEIR_ASSIGN_OR_RETURN(const auto entries, env_.ListDir(folder_));
    for (const FileInfo& entry : entries) {
      if (entry.is_directory || !entry.path.ends_with(kEnding)) continue;
      WEIR_RETURN_IF_ERROR(env_.RemoveFile(JoinPath(folder_, entry.path)));
    }
    name_ = std::to_string(options_.epoch) + "-" + Hex64(env_.RandomU64()) + kEnding;
    WEIR_ASSIGN_OR_RETURN(file_, StagedFile::Create(env_, JoinPath(folder_, name_)));
    return Status::Ok();
  }

  Result<std::unique_ptr<columnar::SinkWriter>> OpenWriter(duckdb::ClientContext&) override {
    WEIR_ASSIGN_OR_RETURN(auto value, MakeRowEncoder(table_->value_format, table_->value_fields));
    std::unique_ptr<columnar::RowEncoder> key;
    if (table_->key_format) {
      WEIR_ASSIGN_OR_RETURN(key, MakeRowEncoder(*table_->key_format, table_->key_fields));
    }
    return std::unique_ptr<columnar::SinkWriter>(
        std::make_unique<TopicSinkWriter>(*this, std::move(value), std::move(key)));
  }

  Result<std::string> Prepare(uint64_t epoch) override {
    Token token{options_.flow_id, epoch, table_->topic, name_, {}};
    WEIR_ASSIGN_OR_RETURN(token.totals, file_->Finish());
    WEIR_RETURN_IF_ERROR(env_.SyncDir(folder_));
    file_bytes_ = static_cast<int64_t>(token.totals.bytes);
    return Encode(token);
  }

  columnar::WriteTotals totals() const override { return {rows_.load(), file_bytes_, 1}; }

  const TopicTable& table() const { return *table_; }
  // Two columns behind the table's say where a row stands.
  bool ordered() const {
    return options_.keep_order || options_.mode.kind == columnar::WriteMode::Kind::kUpsert;
  }
  size_t run_bytes() const { return run_bytes_; }
  // OK: the topic will take the record.
  Status CheckRecord(const StagedRecord& record) const;
  StagedFile& file() { return *file_; }
  void CountRows(size_t rows) { rows_ += static_cast<int64_t>(rows); }

 private:
  Env& env_;
  const std::shared_ptr<const TopicTable> table_;
  const columnar::SinkOptions options_;
  const std::string folder_;
  const size_t run_bytes_;
  TopicLimits limits_;
  std::string name_;
  std::unique_ptr<StagedFile> file_;
  std::atomic<int64_t> rows_{0};
  int64_t file_bytes_ = 0;
};

Status TopicSink::CheckRecord(const StagedRecord& record) const {
  uint64_t bytes =
      (record.value ? record.value->size() : 0) + (record.key ? record.key->size() : 0);
  for (const StagedHeader& header : record.headers) {
    constexpr uint64_t kLengths = 10;
    bytes += header.name.size() + (header.value ? header.value->size() : 0) + kLengths;
  }
  if (bytes > limits_.record_bytes_max) {
    return Error::User(ErrorCode::kLimit, "table " + table_->name + ": a record of " +
                                              std::to_string(bytes) + " bytes is more than the " +
                                              std::to_string(limits_.record_bytes_max) +
                                              " that may be sent to topic " + table_->topic)
        .Fix(
            "raise 'properties.message.max.bytes' of the table and 'max.message.bytes' of the "
            "topic");
  }
  if (limits_.key_required && !record.key) {
    return Error::Data(ErrorCode::kInvalid,
                       "topic " + table_->topic + " is compacted: it takes no record without a key")
        .Fix("give the table a PRIMARY KEY or 'key.fields' that are never NULL")
        .At(table_->name);
  }
  if (!record.timestamp_ms) return Status::Ok();
  const int64_t ahead_ms = *record.timestamp_ms - env_.NowMicros() / 1000;
  if ((limits_.after_ms_max && ahead_ms > *limits_.after_ms_max) ||
      (limits_.before_ms_max && -ahead_ms > *limits_.before_ms_max)) {
    return Error::Data(ErrorCode::kInvalid,
                       "topic " + table_->topic + " takes no record with the time " +
                           std::to_string(*record.timestamp_ms) +
                           " (ms): too far from now for its 'message.timestamp.after.max.ms' or "
                           "'message.timestamp.before.max.ms'")
        .Fix("raise that setting of the topic, or mend the times")
        .At(table_->name);
  }
  return Status::Ok();
}

Status TopicSinkWriter::CheckRequired(duckdb::DataChunk& chunk) const {
  const columnar::Schema& schema = sink_.table().schema;
  for (size_t column = 0; column < schema.fields.size(); ++column) {
    if (schema.fields[column].nullable) continue;
    duckdb::UnifiedVectorFormat format;
    chunk.data[column].ToUnifiedFormat(chunk.size(), format);
    if (format.validity.AllValid()) continue;
    for (size_t row = 0; row < chunk.size(); ++row) {
      if (format.validity.RowIsValid(format.sel->get_index(row))) continue;
      return Error::Data(ErrorCode::kContract,
                         "NULL in column '" + schema.fields[column].name + "', which is NOT NULL")
          .At(sink_.table().name);
    }
  }
  return Status::Ok();
}

Status TopicSinkWriter::AddMetadata(duckdb::DataChunk& chunk, size_t row) {
  const TopicTable& table = sink_.table();
  record_.timestamp_ms.reset();
  record_.headers.clear();
  if (table.timestamp_column >= 0) {
    const auto value = chunk.GetValue(static_cast<size_t>(table.timestamp_column), row);
    if (!value.IsNull()) {
      const int64_t micros = value.type().id() == LogicalTypeId::TIMESTAMP_TZ
                                 ? duckdb::TimestampTZValue::Get(value).value
                                 : duckdb::TimestampValue::Get(value).value;
      if (micros < 0 || micros == INT64_MAX) {
        return Error::Data(
                   ErrorCode::kInvalid,
                   "column '" +
                       table.schema.fields[static_cast<size_t>(table.timestamp_column)].name +
                       "': a record's time can't be " + value.ToString())
            .At(table.name);
      }
      record_.timestamp_ms = micros / 1000;
    }
  }
  if (table.headers_column >= 0) {
    const auto value = chunk.GetValue(static_cast<size_t>(table.headers_column), row);
    if (!value.IsNull()) {
      for (const auto& entry : duckdb::MapValue::GetChildren(value)) {
        const auto& pair = duckdb::StructValue::GetChildren(entry);
        StagedHeader& header = record_.headers.emplace_back();
        header.name = duckdb::StringValue::Get(pair[0]);
        if (!pair[1].IsNull()) header.value = duckdb::StringValue::Get(pair[1]);
      }
    }
  }
  return Status::Ok();
}

Status TopicSinkWriter::Write(duckdb::ClientContext&, duckdb::DataChunk& chunk) {
  if (chunk.size() == 0) return Status::Ok();
  WEIR_RETURN_IF_ERROR(CheckRequired(chunk));
  const TopicTable& table = sink_.table();
  value_->Begin(chunk);
  if (key_) key_->Begin(chunk);
  duckdb::UnifiedVectorFormat order[2];
  const size_t behind = table.schema.fields.size();
  if (sink_.ordered()) {
    for (size_t i = 0; i < 2; ++i) {
      chunk.data[behind + i].ToUnifiedFormat(chunk.size(), order[i]);
    }
  }
  const auto place = [&](size_t i, size_t row) {
    return duckdb::UnifiedVectorFormat::GetData<int64_t>(order[i])[order[i].sel->get_index(row)];
  };
  const auto encode = [&](columnar::RowEncoder& encoder, size_t row,
                          std::optional<std::string>& out) -> Status {
    if (!out) out.emplace();
    out->clear();
    auto encoded = encoder.Append(row, &*out);
    if (!encoded.ok()) return std::move(encoded).error().While("table " + table.name);
    if (!*encoded) out.reset();
    return Status::Ok();
  };
  for (size_t row = 0; row < chunk.size(); ++row) {
    if (sink_.ordered()) {
      record_.order_major = place(0, row);
      record_.order_minor = place(1, row);
    }
    WEIR_RETURN_IF_ERROR(encode(*value_, row, record_.value));
    if (key_) WEIR_RETURN_IF_ERROR(encode(*key_, row, record_.key));
    WEIR_RETURN_IF_ERROR(AddMetadata(chunk, row));
    WEIR_RETURN_IF_ERROR(sink_.CheckRecord(record_));
    WEIR_RETURN_IF_ERROR(run_.Add(record_));
    if (run_.bytes() >= sink_.run_bytes()) WEIR_RETURN_IF_ERROR(Flush());
  }
  sink_.CountRows(chunk.size());
  return Status::Ok();
}

Status TopicSinkWriter::Flush() {
  WEIR_RETURN_IF_ERROR(sink_.file().Append(run_));
  run_.Clear();
  return Status::Ok();
}

Status TopicSinkWriter::Finish(duckdb::ClientContext&) { return Flush(); }

// --- the declaration ---

Status CheckMetadata(const columnar::SourceDeclaration& declaration,
                     const columnar::MetadataColumn& metadata) {
  const auto& type = metadata.type;
  const auto wrong_type = [&](const std::string& wanted) {
    return Error::User(ErrorCode::kInvalid, "column '" + metadata.name + "': METADATA FROM '" +
                                                metadata.key + "' is written from " + wanted +
                                                ", not from " + type.ToString());
  };
  if (metadata.key == "timestamp") {
    if (type.id() == LogicalTypeId::TIMESTAMP || type.id() == LogicalTypeId::TIMESTAMP_TZ) {
      return Status::Ok();
    }
    return wrong_type("TIMESTAMP WITH TIME ZONE");
  }
  if (metadata.key == "headers") {
    const auto text = [](const LogicalType& t) {
      return t.id() == LogicalTypeId::VARCHAR || t.id() == LogicalTypeId::BLOB;
    };
    if (type.id() == LogicalTypeId::MAP &&
        duckdb::MapType::KeyType(type).id() == LogicalTypeId::VARCHAR &&
        text(duckdb::MapType::ValueType(type))) {
      return Status::Ok();
    }
    return wrong_type("MAP(VARCHAR, BLOB)");
  }
  return Error::User(ErrorCode::kInvalid, "table " + declaration.name + ", column '" +
                                              metadata.name + "': the metadata '" + metadata.key +
                                              "' of a record can be read only")
      .Fix("add VIRTUAL behind METADATA: it is left out when rows are written");
}

std::vector<columnar::EncodedField> FieldsOf(const RecordOptions::Part& part,
                                             const std::vector<size_t>& physical) {
  std::vector<columnar::EncodedField> fields;
  for (size_t i = 0; i < part.columns.size(); ++i) {
    fields.push_back({physical[part.columns[i]], part.schema.fields[i]});
  }
  return fields;
}

std::string Joined(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

// A primary key is the record's key: in its own format, or the value's.
Result<RecordOptions> WithPrimaryKey(const columnar::SourceDeclaration& declaration,
                                     RecordOptions records) {
  if (declaration.primary_key.empty()) return records;
  if (!records.key) {
    const std::string& format = records.value.name;
    records.key = RecordFormat{format == "debezium-json" ? "json" : format, {}};
    if (records.key->name == records.value.name) records.key->options = records.value.options;
    records.key_fields = declaration.primary_key;
    return records;
  }
  std::vector<std::string> a = declaration.primary_key;
  std::vector<std::string> b = records.key_fields;
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  if (a == b) return records;
  return Error::User(ErrorCode::kInvalid, "option 'key.fields' names " +
                                              Joined(records.key_fields) + ", PRIMARY KEY names " +
                                              Joined(declaration.primary_key))
      .Fix("name the same columns: the key of a record is the row's primary key");
}

}  // namespace

Result<TopicTable> MakeTopicTable(const columnar::SourceDeclaration& declaration,
                                  const std::string& topic, const RecordOptions& given) {
  TopicTable table;
  table.name = declaration.name;
  table.topic = topic;
  table.primary_key = declaration.primary_key;
  if (!declaration.columns) {
    return Error::User(ErrorCode::kInvalid, "table " + declaration.name + " has no columns")
        .Fix("declare the columns that INSERT fills");
  }
  WEIR_ASSIGN_OR_RETURN(const RecordOptions records, WithPrimaryKey(declaration, given));
  columnar::Schema physical;
  std::vector<size_t> places;  // of the physical columns among all that are written
  for (const columnar::Field& field : declaration.columns->fields) {
    const auto metadata =
        std::find_if(declaration.metadata.begin(), declaration.metadata.end(),
                     [&](const auto& column) { return column.name == field.name; });
    if (metadata == declaration.metadata.end()) {
      physical.fields.push_back(field);
      places.push_back(table.schema.fields.size());
    } else if (metadata->is_virtual) {
      continue;
    } else {
      WEIR_RETURN_IF_ERROR(CheckMetadata(declaration, *metadata));
      const int place = static_cast<int>(table.schema.fields.size());
      (metadata->key == "headers" ? table.headers_column : table.timestamp_column) = place;
    }
    table.schema.fields.push_back(field);
  }
  WEIR_ASSIGN_OR_RETURN(const RecordOptions::Part value, records.ValuePart(physical));
  table.value_format = {records.value.name, records.value.options};
  table.value_fields = FieldsOf(value, places);
  WEIR_RETURN_IF_ERROR(MakeRowEncoder(table.value_format, table.value_fields).status());
  if (records.key) {
    WEIR_ASSIGN_OR_RETURN(const RecordOptions::Part key, records.KeyPart(physical));
    table.key_format = columnar::EncodeFormat{records.key->name, records.key->options};
    table.key_fields = FieldsOf(key, places);
    WEIR_RETURN_IF_ERROR(MakeRowEncoder(*table.key_format, table.key_fields).status());
  }
  return table;
}

Result<std::unique_ptr<columnar::BatchSink>> OpenTopicSink(Env& env,
                                                           std::shared_ptr<const TopicTable> table,
                                                           const columnar::SinkOptions& options) {
  using Kind = columnar::WriteMode::Kind;
  if (options.mode.kind != Kind::kAppend && options.mode.kind != Kind::kUpsert) {
    return Error::User(ErrorCode::kUnsupported,
                       "records of topic " + table->topic + " can't be replaced: rows are added");
  }
  const auto& fields = table->schema.fields;
  for (size_t i = 0; i < std::max(fields.size(), options.schema.fields.size()); ++i) {
    const bool same = i < fields.size() && i < options.schema.fields.size() &&
                      fields[i].name == options.schema.fields[i].name &&
                      fields[i].type == options.schema.fields[i].type;
    if (same) continue;
    const auto text = [&](const std::vector<columnar::Field>& of) {
      return i < of.size() ? of[i].name + " " + of[i].type.ToString() : std::string("nothing");
    };
    return Error::User(ErrorCode::kInvalid, "table " + table->name + " has " + text(fields) +
                                                ", the rows bring " + text(options.schema.fields));
  }
  auto sink = std::make_unique<TopicSink>(env, std::move(table), options);
  WEIR_RETURN_IF_ERROR(sink->Open());
  return std::unique_ptr<columnar::BatchSink>(std::move(sink));
}

Result<columnar::CommitResult> TopicCommitter::Commit(const std::string& text) {
  WEIR_ASSIGN_OR_RETURN(const Token token, DecodeToken(*table_, text));
  if (token.topic != table_->topic) {
    return Error::Operator(ErrorCode::kConflict, "the epoch was prepared for topic " + token.topic +
                                                     ", table " + table_->name + " is topic " +
                                                     table_->topic + " now")
        .Fix("put 'topic' = '" + token.topic + "' back, or weir flow resolve --discard");
  }
  const std::string path = JoinPath(StagedFolder(*table_, token.flow), token.file);
  columnar::CommitResult result;
  result.version = static_cast<int64_t>(token.epoch);
  WEIR_ASSIGN_OR_RETURN(auto transaction,
                        table_->transactions->Open({token.flow, token.topic, token.totals.bytes}));
  WEIR_ASSIGN_OR_RETURN(const uint64_t committed, transaction->CommittedEpoch());
  if (committed >= token.epoch) {
    result.already_done = true;
  } else {
    auto opened = StagedReader::Open(env_, path, token.totals);
    if (!opened.ok()) {
      Error error = std::move(opened).error();
      if (error.code() != ErrorCode::kNotFound) return error;
      return Error::Operator(ErrorCode::kCorrupt, "the records that were staged are gone")
          .At(path)
          .Fix("put the file back, or give the epoch up: weir flow resolve --discard");
    }
    const std::unique_ptr<StagedReader> reader = std::move(opened).value();
    StagedRecord record;
    while (true) {
      WEIR_ASSIGN_OR_RETURN(const bool more, reader->Next(&record));
      if (!more) break;
      WEIR_RETURN_IF_ERROR(transaction->Add(record));
    }
    WEIR_RETURN_IF_ERROR(transaction->Commit(token.epoch));
    result.rows_added = token.totals.records;
    result.files_added = 1;
  }
  // What stays is removed when the flow opens its sink again.
  (void)env_.RemoveFile(path).ok();
  return result;
}

Status TopicCommitter::Abort(const std::string& text) {
  WEIR_ASSIGN_OR_RETURN(const Token token, DecodeToken(*table_, text));
  Status removed = env_.RemoveFile(JoinPath(StagedFolder(*table_, token.flow), token.file));
  if (!removed.ok() && removed.error().code() == ErrorCode::kNotFound) return Status::Ok();
  return removed;
}

}  // namespace weir::connect
