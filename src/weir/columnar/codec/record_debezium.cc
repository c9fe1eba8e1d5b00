// Records of Debezium's JSON: an envelope {"before", "after", "op", "ts_ms", "source"}, alone or as
// the payload beside its schema. The row is `after`, that of a delete `before`.
//
// A delete is a row only where the table has a column for it (metadata "op"): without one, taking
// the row in would bring back what was deleted, and leaving it out would keep it. So it is an
// error, unless 'debezium-json.deletes' says what is wanted.
//
// Thread rule: as record_decode.h.
#include <fmt/format.h>
#include <simdjson.h>

#include <charconv>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "duckdb/common/types/data_chunk.hpp"
#include "duckdb/common/types/timestamp.hpp"
#include "duckdb/common/types/vector.hpp"
#include "weir/columnar/codec/json_walk.h"
#include "weir/columnar/codec/record_formats.h"
#include "weir/columnar/codec/text_block.h"
#include "weir/columnar/duckdb_error.h"

namespace weir::columnar {

namespace {

using duckdb::FlatVector;

enum class Deletes { kFail, kRows, kQuarantine, kIgnore };

// JSON texts of an envelope's members; empty: it has none.
struct Envelope {
  std::string_view before, after, op, ts_ms, source;
};

bool IsNull(std::string_view json) { return json.empty() || json == "null"; }

constexpr uint32_t kDepthMax = 64;
constexpr int64_t kTimestampMsMin = -9'223'372'022'400'000;  // 290309-12-22 (BC)

// The members of an object as JSON texts. "" or what is wrong.
template <typename F>
std::string ForEachMember(od::parser& parser, const char* text, size_t size, const F& f) {
  od::document document;
  od::object object;
  od::json_type type;
  auto error = parser.iterate(text, size, size + simdjson::SIMDJSON_PADDING).get(document);
  if (!error) error = document.type().get(type);
  if (error) return JsonProblem(error);
  if (type != od::json_type::object) return "not a JSON object";
  error = document.get_object().get(object);
  if (error) return JsonProblem(error);
  std::string problem;
  for (auto member : object) {
    od::field field;
    std::string_view key;
    error = std::move(member).get(field);
    if (!error) error = field.unescaped_key().get(key);
    if (error) return JsonProblem(error);
    od::value value = field.value();
    std::string_view raw = ScalarToken(value);
    const bool nested = raw.starts_with('{') || raw.starts_with('[');
    if (!CheckJson(value, 1, kDepthMax, &problem)) return problem;
    if (nested) {
      const char* end = nullptr;
      error = document.current_location().get(end);
      if (error) return JsonProblem(error);
      while (end > raw.data() && end[-1] != '}' && end[-1] != ']') --end;
      raw = std::string_view(raw.data(), static_cast<size_t>(end - raw.data()));
    }
    f(key, raw);
  }
  return HasMore(document) ? "not JSON: text follows the document" : "";
}

// The text of a JSON string; escapes are not undone, as none of the names here has any.
std::optional<std::string_view> StringOf(std::string_view json) {
  if (json.size() < 2 || json.front() != '"' || json.back() != '"') return std::nullopt;
  return json.substr(1, json.size() - 2);
}

std::optional<int64_t> NumberOf(std::string_view json) {
  int64_t number = 0;
  const auto [rest, error] = std::from_chars(json.data(), json.data() + json.size(), number);
  if (error != std::errc() || rest != json.data() + json.size()) return std::nullopt;
  return number;
}

class DebeziumRecords : public RecordsDecoder {
 public:
  DebeziumRecords(std::unique_ptr<RecordsDecoder> rows, Deletes deletes, bool ignore_errors,
                  const Schema& fields, const std::vector<RecordColumn>& columns)
      : rows_of_(std::move(rows)), deletes_(deletes), ignore_errors_(ignore_errors) {
    duckdb::vector<duckdb::LogicalType> types;
    for (size_t i = 0; i < columns.size(); ++i) {
      if (columns[i].field < 0) {
        metadata_.emplace_back(i, columns[i].metadata);
      } else {
        targets_.push_back(i);
        types.push_back(fields.fields[static_cast<size_t>(columns[i].field)].type);
      }
    }
    if (types.empty()) {
      chunk_.InitializeEmpty(types);
    } else {
      chunk_.Initialize(duckdb::Allocator::DefaultAllocator(), types);
    }
  }

  Result<bool> Decode(std::span<const RecordBytes> records, duckdb::DataChunk& out,
                      std::vector<uint32_t>* rows, const FailedRecord& failed) override {
    return CatchDuckDB([&] { return DecodeRows(records, out, rows, failed); });
  }

 private:
  Result<bool> DecodeRows(std::span<const RecordBytes> records, duckdb::DataChunk& out,
                          std::vector<uint32_t>* rows, const FailedRecord& failed) {
    rows->clear();
    out.SetCardinality(0);
    size_t bytes = 0;
    for (const RecordBytes& record : records) bytes += record.size + size_t{1};
    text_.Clear();
    text_.Reserve(bytes);  // once: envelopes point into it
    images_.clear();
    numbers_.clear();
    envelopes_.clear();
    for (uint32_t i = 0; i < records.size(); ++i) {
      // A tombstone follows a delete, for compaction alone.
      if (records[i].size == 0) continue;
      Envelope envelope;
      std::string problem = ReadEnvelope(records[i], &envelope);
      std::string_view image = envelope.after;
      if (problem.empty() && envelope.op == "\"d\"") {
        if (deletes_ == Deletes::kIgnore) continue;
        if (deletes_ == Deletes::kFail) {
          return Error::User(ErrorCode::kUnsupported,
                             "the topic has deletes, and the table no column that says so")
              .Fix(
                  "add op VARCHAR METADATA FROM 'value.op': deletes are then rows with op = 'd'; "
                  "or choose 'debezium-json.deletes' = 'quarantine' or 'ignore'");
        }
        if (deletes_ == Deletes::kQuarantine) problem = "a delete (op \"d\")";
        image = envelope.before;
      }
      if (problem.empty() && IsNull(image)) {
        problem = fmt::format("op {} without a row", envelope.op);
      }
      if (!problem.empty()) {
        if (!ignore_errors_ && !failed(i, "", problem)) return false;
        continue;
      }
      images_.push_back({image.data(), static_cast<uint32_t>(image.size())});
      numbers_.push_back(i);
      envelopes_.push_back(envelope);
    }
    if (images_.empty()) return true;
    if (chunk_.ColumnCount() > 0) chunk_.Reset();
    WEIR_ASSIGN_OR_RETURN(
        const bool go_on,
        rows_of_->Decode(images_, chunk_, rows,
                         [&](uint32_t image, const std::string& column, const std::string& reason) {
                           return failed(numbers_[image], column, reason);
                         }));
    if (!go_on) return false;
    for (size_t c = 0; c < targets_.size(); ++c) out.data[targets_[c]].Reference(chunk_.data[c]);
    for (const auto& [target, key] : metadata_) FillMetadata(key, *rows, out.data[target]);
    for (uint32_t& row : *rows) row = numbers_[row];
    out.SetCardinality(rows->size());
    return true;
  }

  // "" or what is wrong.
  std::string ReadEnvelope(const RecordBytes& record, Envelope* out) {
    const size_t begin = text_.size();
    text_.Append(record.data, record.size);
    text_.Append("\n", 1);
    const char* text = text_.data() + begin;
    std::string_view payload;
    std::string_view schema;
    const auto take = [&](std::string_view key, std::string_view raw) {
      if (key == "op") out->op = raw;
      if (key == "before") out->before = raw;
      if (key == "after") out->after = raw;
      if (key == "ts_ms") out->ts_ms = raw;
      if (key == "source") out->source = raw;
      if (key == "payload") payload = raw;
      if (key == "schema") schema = raw;
    };
    std::string problem = ForEachMember(parser_, text, record.size, take);
    if (problem.empty() && !payload.empty() && !schema.empty()) {
      problem = ForEachMember(parser_, payload.data(), payload.size(), take);
    }
    if (!problem.empty()) return problem;
    if (out->op.empty()) return "no Debezium envelope: it has no 'op'";
    for (const char* op : {"\"c\"", "\"r\"", "\"u\"", "\"d\""}) {
      if (out->op == op) return "";
    }
    return fmt::format("op {} is none of c, r, u and d", out->op.substr(0, 20));
  }

  void FillMetadata(const std::string& key, const std::vector<uint32_t>& rows,
                    duckdb::Vector& out) {
    for (size_t i = 0; i < rows.size(); ++i) {
      const Envelope& envelope = envelopes_[rows[i]];
      std::string_view json = key == "op" ? envelope.op : envelope.ts_ms;
      if (key.starts_with("source.")) json = SourceMember(envelope, key);
      if (out.GetType().id() == duckdb::LogicalTypeId::VARCHAR) {
        if (const auto text = StringOf(json)) {
          FlatVector::GetData<duckdb::string_t>(out)[i] =
              duckdb::StringVector::AddStringOrBlob(out, text->data(), text->size());
          continue;
        }
      } else if (const auto ms = NumberOf(json);
                 ms && *ms >= kTimestampMsMin && *ms < INT64_MAX / 1000) {
        FlatVector::GetData<duckdb::timestamp_t>(out)[i] = duckdb::timestamp_t(*ms * 1000);
        continue;
      }
      FlatVector::SetNull(out, i, true);
    }
  }

  std::string_view SourceMember(const Envelope& envelope, const std::string& key) {
    static const std::map<std::string, std::string, std::less<>> kNames = {
        {"source.timestamp", "ts_ms"},
        {"source.database", "db"},
        {"source.schema", "schema"},
        {"source.table", "table"}};
    std::string_view found;
    if (IsNull(envelope.source)) return found;
    const std::string& name = kNames.at(key);
    const std::string problem =
        ForEachMember(parser_, envelope.source.data(), envelope.source.size(),
                      [&](std::string_view member, std::string_view raw) {
                        if (member == name) found = raw;
                      });
    return problem.empty() ? found : std::string_view();
  }

  const std::unique_ptr<RecordsDecoder> rows_of_;
  const Deletes deletes_;
  const bool ignore_errors_;
  std::vector<std::pair<size_t, std::string>> metadata_;  // column of the chunk, key
  std::vector<size_t> targets_;  // columns of the chunk that come of the image
  duckdb::DataChunk chunk_;      // of the images

  od::parser parser_;
  ByteBuffer text_;  // of the records being decoded
  std::vector<RecordBytes> images_;
  std::vector<uint32_t> numbers_;    // as images_: the record of each
  std::vector<Envelope> envelopes_;  // as images_
};

}  // namespace

Result<std::unique_ptr<RecordsDecoder>> NewDebeziumRecords(
    const RecordFormatOptions& format, const Schema& fields,
    const std::vector<RecordColumn>& columns) {
  const FormatOptions options(format);
  // An envelope beside its schema is known when it comes.
  WEIR_RETURN_IF_ERROR(options.Boolean("schema-include", false).status());
  WEIR_ASSIGN_OR_RETURN(const bool ignore, options.Boolean("ignore-parse-errors", false));
  WEIR_ASSIGN_OR_RETURN(const std::string deletes,
                        options.Choice("deletes", {"fail", "quarantine", "ignore"}));
  Deletes mode = deletes == "quarantine" ? Deletes::kQuarantine
                 : deletes == "ignore"   ? Deletes::kIgnore
                                         : Deletes::kFail;
  if (format.has_op_column) {
    if (options.Find("deletes") != nullptr) {
      return options.Wrong("deletes", "remove it: with a column of 'value.op' deletes are rows");
    }
    mode = Deletes::kRows;
  }
  std::vector<RecordColumn> of_image;
  for (const RecordColumn& column : columns) {
    if (column.field >= 0) of_image.push_back(column);
  }
  RecordFormatOptions json{"json", format.options, false};
  WEIR_ASSIGN_OR_RETURN(auto rows, NewJsonRecords(json, fields, of_image));
  return std::make_unique<DebeziumRecords>(std::move(rows), mode, ignore, fields, columns);
}

}  // namespace weir::columnar
