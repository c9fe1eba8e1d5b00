// Records of JSON and CSV: their bytes are put together in one block, which the decoders of files
// read; a record is a document, or a line.
//
// Thread rule: as record_decode.h.
#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "duckdb/common/types/data_chunk.hpp"
#include "weir/columnar/codec/csv_decode.h"
#include "weir/columnar/codec/csv_scan.h"
#include "weir/columnar/codec/json_decode.h"
#include "weir/columnar/codec/record_formats.h"

namespace weir::columnar {

namespace {

constexpr size_t kBlockBytesMax = size_t{1} << 30;  // positions in a block are 32 bits

// What a record may not be, in any format of text.
std::optional<std::string> Unreadable(const RecordBytes& record) {
  if (record.data == nullptr) return "the record has no value (a tombstone)";
  const auto is_space = [](char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; };
  if (std::all_of(record.data, record.data + record.size, is_space)) return "the record is empty";
  return std::nullopt;
}

// Where a byte is that is no UTF-8, or a NUL byte.
std::optional<std::string> BadByte(const char* data, size_t size, bool nul) {
  if (nul) {
    const void* const found = std::memchr(data, '\0', size);
    if (found != nullptr) {
      return fmt::format("byte {} is NUL", static_cast<const char*>(found) - data);
    }
  }
  if (simdjson::validate_utf8(data, size)) return std::nullopt;
  size_t good = 0;  // the longest valid beginning, by halves
  size_t bad = size;
  while (bad - good > 1) {
    const size_t middle = good + (bad - good) / 2;
    size_t end = middle;  // not within a character
    while (end > good && (static_cast<unsigned char>(data[end]) & 0xC0) == 0x80) --end;
    if (end == good) break;
    (simdjson::validate_utf8(data, end) ? good : bad) = end;
  }
  return fmt::format("byte {} is not UTF-8", good);
}

// The plan of the wanted columns, and behind them the place of each row in the block.
ColumnPlan PlanOf(const Schema& fields, const std::vector<RecordColumn>& columns,
                  bool ignore_errors) {
  ColumnPlan plan;
  plan.null_on_error = ignore_errors;
  for (const RecordColumn& wanted : columns) {
    const Field& field = fields.fields[static_cast<size_t>(wanted.field)];
    PlannedColumn column;
    column.name = field.name;
    column.key = field.name;
    column.type = field.type;
    column.field = wanted.field;
    plan.columns.push_back(std::move(column));
  }
  for (const Field& field : fields.fields) plan.known_keys.push_back(field.name);
  PlannedColumn place;
  place.from = PlannedColumn::From::kOriginOffset;
  place.type = duckdb::LogicalType::BIGINT;
  plan.columns.push_back(std::move(place));
  return plan;
}

class TextRecords : public RecordsDecoder {
 public:
  TextRecords(ColumnPlan plan, bool is_csv, const CsvDialect& dialect)
      : ignore_errors_(plan.null_on_error), is_csv_(is_csv), dialect_(dialect) {
    duckdb::vector<duckdb::LogicalType> types;
    for (const PlannedColumn& column : plan.columns) types.push_back(column.type);
    decoded_.Initialize(duckdb::Allocator::DefaultAllocator(), types);
  }
  void SetDecoder(std::unique_ptr<RecordDecoder> decoder) { decoder_ = std::move(decoder); }

  Result<bool> Decode(std::span<const RecordBytes> records, duckdb::DataChunk& out,
                      std::vector<uint32_t>* rows, const FailedRecord& failed) override {
    rows->clear();
    out.SetCardinality(0);
    bool go_on = true;
    const FailedRecord report = [&](uint32_t record, const std::string& column,
                                    const std::string& reason) {
      return ignore_errors_ || (go_on = failed(record, column, reason));
    };
    if (!Gather(records, report)) return false;
    if (block_->index.records.empty()) return true;
    BlockCursor cursor{block_};
    WEIR_ASSIGN_OR_RETURN(go_on,
                          decoder_->Decode(&cursor, decoded_,
                                           [&](uint64_t place, uint64_t, const std::string& column,
                                               const std::string& reason) {
                                             return report(RecordAt(place), column, reason);
                                           }));
    if (!go_on) return false;
    const size_t count = decoded_.size();
    const size_t columns = decoded_.ColumnCount() - 1;
    const auto* places = duckdb::FlatVector::GetData<int64_t>(decoded_.data[columns]);
    rows->resize(count);
    size_t at = 0;
    for (size_t i = 0; i < count; ++i) {
      while (begins_[at] != static_cast<uint64_t>(places[i])) ++at;
      (*rows)[i] = numbers_[at];
    }
    for (size_t c = 0; c < columns; ++c) out.data[c].Reference(decoded_.data[c]);
    out.SetCardinality(count);
    return true;
  }

 private:
  uint32_t RecordAt(uint64_t place) const {
    const auto found = std::upper_bound(begins_.begin(), begins_.end(), place);
    return numbers_[static_cast<size_t>(found - begins_.begin()) - 1];
  }

  // Fills the block with the records that are text. False: stop.
  bool Gather(std::span<const RecordBytes> records, const FailedRecord& failed) {
    // Vectors that were handed out may still point into the block of the last call.
    if (!block_ || block_.use_count() > 1) block_ = std::make_shared<TextBlock>();
    block_->Clear();
    begins_.clear();
    numbers_.clear();
    size_t bytes = 0;
    for (const RecordBytes& record : records) bytes += record.size + size_t{1};
    block_->bytes.Reserve(std::min(bytes, kBlockBytesMax) + 1);
    for (uint32_t i = 0; i < records.size(); ++i) {
      const RecordBytes& record = records[i];
      std::optional<std::string> problem = Unreadable(record);
      if (!problem && block_->bytes.size() + record.size >= kBlockBytesMax) {
        problem = "the record is too long";
      }
      // The JSON parser finds such bytes itself.
      if (!problem && is_csv_) problem = BadByte(record.data, record.size, true);
      if (problem) {
        if (!failed(i, "", *problem)) return false;
        continue;
      }
      const auto begin = static_cast<uint32_t>(block_->bytes.size());
      if (is_csv_) {
        problem = ScanLine(record, begin);
        if (problem) {
          if (!failed(i, "", *problem)) return false;
          continue;
        }
      } else {
        block_->bytes.Append(record.data, record.size);
        TextIndex& index = block_->index;
        index.records.push_back({begin, static_cast<uint32_t>(index.end_count)});
        if (index.ends.size() <= index.end_count) index.ends.resize(index.end_count * 2 + 16);
        index.ends[index.end_count++] = static_cast<uint32_t>(block_->bytes.size());
      }
      block_->bytes.Append("\n", 1);
      begins_.push_back(begin);
      numbers_.push_back(i);
    }
    return true;
  }

  // Adds the fields of one record of CSV to the index.
  std::optional<std::string> ScanLine(const RecordBytes& record, uint32_t begin) {
    TextIndex& index = block_->index;
    uint32_t size = record.size;  // without the line end that some producers put there
    if (size > 0 && record.data[size - 1] == '\n') --size;
    block_->bytes.Append(record.data, size);
    line_.Clear();
    CsvScanner scanner(dialect_);
    scanner.Start(&line_, begin);
    scanner.Scan(block_->bytes.data(), begin + size, UINT32_MAX);
    std::optional<std::string> problem;
    if (!scanner.Finish(begin + size)) {
      problem = "a quote is never closed";
    } else if (!scanner.garbage().empty()) {
      problem = "text follows a closing quote";
    } else if (line_.records.size() != 1) {
      problem = fmt::format("{} lines where a record is one", line_.records.size());
    } else if (!scanner.comments().empty()) {
      problem = "the record is a comment";
    }
    if (problem) {
      block_->bytes.SetSize(begin);
      return problem;
    }
    index.records.push_back({begin, static_cast<uint32_t>(index.end_count)});
    if (index.ends.size() < index.end_count + line_.end_count) {
      index.ends.resize((index.end_count + line_.end_count) * 2);
    }
    std::copy_n(line_.ends.begin(), line_.end_count,
                index.ends.begin() + static_cast<ptrdiff_t>(index.end_count));
    index.end_count += line_.end_count;
    index.has_escapes = true;
    return std::nullopt;
  }

  const bool ignore_errors_;
  const bool is_csv_;
  const CsvDialect dialect_;
  std::unique_ptr<RecordDecoder> decoder_;
  duckdb::DataChunk decoded_;
  std::shared_ptr<TextBlock> block_;
  TextIndex line_;
  std::vector<uint64_t> begins_;   // of the records in the block
  std::vector<uint32_t> numbers_;  // of the same among those given
};

Status OneCharacter(const FormatOptions& options, const std::string& key,
                    std::optional<char>* out) {
  const std::string* const value = options.Find(key);
  if (value == nullptr) return Status::Ok();
  if (*value == "\\t" || *value == "tab") {
    *out = '\t';
  } else if (value->size() == 1 && (*value)[0] != '\n' && ((*value)[0] & 0x80) == 0) {
    *out = (*value)[0];
  } else {
    return options.Wrong(key, "give one ASCII character, or '\\t'");
  }
  return Status::Ok();
}

}  // namespace

Result<std::unique_ptr<RecordsDecoder>> NewJsonRecords(const RecordFormatOptions& format,
                                                       const Schema& fields,
                                                       const std::vector<RecordColumn>& columns) {
  const FormatOptions options(format);
  WEIR_ASSIGN_OR_RETURN(const bool ignore, options.Boolean("ignore-parse-errors", false));
  WEIR_ASSIGN_OR_RETURN(const bool missing, options.Boolean("fail-on-missing-field", false));
  if (missing) {
    return Error::User(ErrorCode::kUnsupported, "'json.fail-on-missing-field' = 'true' is not here")
        .Fix("a missing key is NULL: refuse it by a check, CONSTRAINT ... EXPECT (x IS NOT NULL)");
  }
  WEIR_ASSIGN_OR_RETURN(const int64_t depth, options.Number("max-depth", 64, 1, 1024));
  // Both of Flink's spellings are read: SQL ('2020-01-01 12:00:00') and ISO-8601.
  WEIR_RETURN_IF_ERROR(options.Choice("timestamp-format.standard", {"SQL", "ISO-8601"}).status());
  ColumnPlan plan = PlanOf(fields, columns, ignore);
  auto records = std::make_unique<TextRecords>(plan, false, CsvDialect());
  JsonDecodeOptions json;
  json.depth_max = static_cast<uint32_t>(depth);
  records->SetDecoder(NewJsonDecoder(std::move(plan), json));
  return records;
}

Result<std::unique_ptr<RecordsDecoder>> NewCsvRecords(const RecordFormatOptions& format,
                                                      const Schema& fields,
                                                      const std::vector<RecordColumn>& columns) {
  const FormatOptions options(format);
  CsvDecodeOptions csv;
  csv.field_count = static_cast<uint32_t>(fields.fields.size());
  csv.skip_blank_lines = false;
  WEIR_ASSIGN_OR_RETURN(const bool ignore, options.Boolean("ignore-parse-errors", false));
  WEIR_ASSIGN_OR_RETURN(const bool unquoted, options.Boolean("disable-quote-character", false));
  WEIR_RETURN_IF_ERROR(OneCharacter(options, "field-delimiter", &csv.dialect.delimiter));
  WEIR_RETURN_IF_ERROR(OneCharacter(options, "quote-character", &csv.dialect.quote));
  WEIR_RETURN_IF_ERROR(OneCharacter(options, "escape-character", &csv.dialect.escape));
  WEIR_ASSIGN_OR_RETURN(const bool comments, options.Boolean("allow-comments", false));
  if (comments) csv.dialect.comment = '#';
  if (unquoted) csv.dialect.quote.reset();
  if (csv.dialect.delimiter == csv.dialect.quote || csv.dialect.delimiter == csv.dialect.escape) {
    return Error::User(ErrorCode::kInvalid,
                       "'csv.field-delimiter' is also the quote or escape character")
        .Fix("choose different characters");
  }
  if (const std::string* literal = options.Find("null-literal")) {
    csv.null_literals.push_back(*literal);
  }
  ColumnPlan plan = PlanOf(fields, columns, ignore);
  auto records = std::make_unique<TextRecords>(plan, true, csv.dialect);
  records->SetDecoder(std::make_unique<CsvDecoder>(csv, std::move(plan)));
  return records;
}

}  // namespace weir::columnar
