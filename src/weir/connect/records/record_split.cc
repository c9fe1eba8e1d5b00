#include "weir/connect/records/record_split.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "duckdb/common/types/data_chunk.hpp"
#include "weir/columnar/duckdb_error.h"
#include "weir/connect/records/record_metadata.h"

namespace weir::connect {

namespace {

using columnar::RecordBytes;
using columnar::RecordColumn;
using duckdb::FlatVector;

// A decoder, what it decodes to, and where its columns go in the chunk that is asked for.
struct Part {
  std::unique_ptr<columnar::RecordsDecoder> decoder;
  std::vector<RecordColumn> columns;
  std::vector<size_t> targets;  // as columns
  duckdb::DataChunk chunk;
  std::vector<uint32_t> rows;
  std::vector<RecordBytes> bytes;
};

class RecordSplitReader : public columnar::SplitReader {
 public:
  RecordSplitReader(std::shared_ptr<const RecordSourceFacts> facts, std::shared_ptr<RecordLog> log,
                    const RecordRange& range, columnar::UnparsedRows* unparsed)
      : facts_(std::move(facts)), log_(std::move(log)), range_(range), unparsed_(unparsed) {}

  Status Open(const std::vector<uint64_t>& columns);
  Result<size_t> Next(duckdb::DataChunk& out) override {
    return columnar::CatchDuckDB([&] { return Fill(out); });
  }
  uint64_t bytes_read() const override { return bytes_read_; }

 private:
  using From = RecordSourceFacts::Column::From;

  Status OpenPart(Part& part, const columnar::RecordFormatOptions& format,
                  const columnar::Schema& fields);
  Result<size_t> Fill(duckdb::DataChunk& out);
  // False: `unparsed_` said stop.
  Result<bool> DecodePart(Part& part, bool is_key);
  void KeepCommonRows();
  void FillOrigin(uint64_t which, duckdb::Vector& out) const;

  const std::shared_ptr<const RecordSourceFacts> facts_;
  const std::shared_ptr<RecordLog> log_;  // outlives reader_
  const RecordRange range_;
  columnar::UnparsedRows* const unparsed_;
  std::unique_ptr<RecordRangeReader> reader_;
  std::vector<uint64_t> wanted_;
  Part value_;
  Part key_;  // without a decoder if no column is read from it
  std::vector<LogRecord> records_;
  std::vector<bool> reported_;  // as records_: it failed already
  std::vector<uint32_t> rows_;  // records of the rows that come out
  uint64_t bytes_read_ = 0;
  bool stopped_ = false;
};

Status RecordSplitReader::OpenPart(Part& part, const columnar::RecordFormatOptions& format,
                                   const columnar::Schema& fields) {
  duckdb::vector<duckdb::LogicalType> types;
  for (const RecordColumn& column : part.columns) {
    types.push_back(column.field < 0 ? column.type
                                     : fields.fields[static_cast<size_t>(column.field)].type);
  }
  if (types.empty()) {
    part.chunk.InitializeEmpty(types);
  } else {
    part.chunk.Initialize(duckdb::Allocator::DefaultAllocator(), types);
  }
  WEIR_ASSIGN_OR_RETURN(part.decoder, columnar::NewRecordDecoder(format, fields, part.columns));
  return Status::Ok();
}

Status RecordSplitReader::Open(const std::vector<uint64_t>& columns) {
  wanted_ = columns;
  bool headers = false;
  for (size_t i = 0; i < columns.size(); ++i) {
    if (columns[i] >= columnar::kOriginColumnBase) continue;
    const auto number = static_cast<size_t>(columns[i]);
    const RecordSourceFacts::Column& column = facts_->columns[number];
    switch (column.from) {
      case From::kKey:
        key_.columns.push_back({column.field, "", {}});
        key_.targets.push_back(i);
        break;
      case From::kValue:
        value_.columns.push_back({column.field, "", {}});
        value_.targets.push_back(i);
        break;
      case From::kValueMetadata:
        value_.columns.push_back({-1, column.key, facts_->schema.fields[number].type});
        value_.targets.push_back(i);
        break;
      case From::kMetadata:
        headers |= column.key == "headers";
        break;
    }
  }
  WEIR_RETURN_IF_ERROR(OpenPart(value_, facts_->value_format, facts_->value_fields));
  if (!key_.columns.empty()) {
    WEIR_RETURN_IF_ERROR(OpenPart(key_, facts_->key_format, facts_->key_fields));
  }
  WEIR_ASSIGN_OR_RETURN(reader_, log_->Read(range_.partition, range_.from, range_.to, headers));
  return Status::Ok();
}

Result<bool> RecordSplitReader::DecodePart(Part& part, bool is_key) {
  part.bytes.clear();
  for (const LogRecord& record : records_) {
    const auto& bytes = is_key ? record.key : record.value;
    RecordBytes entry;
    if (bytes) {
      entry.data = bytes->data() == nullptr ? "" : bytes->data();
      entry.size = static_cast<uint32_t>(bytes->size());
    }
    part.bytes.push_back(entry);
  }
  if (part.chunk.ColumnCount() > 0) part.chunk.Reset();
  return part.decoder->Decode(
      part.bytes, part.chunk, &part.rows,
      [&](uint32_t number, const std::string& column, const std::string& reason) {
        if (reported_[number]) return true;
        reported_[number] = true;
        const LogRecord& record = records_[number];
        columnar::UnparsedRow row;
        row.origin = {range_.ordinal, record.offset,
                      static_cast<int32_t>(record.value ? record.value->size() : 0)};
        row.column =
            is_key && !column.empty() ? facts_->options.records.key_prefix + column : column;
        row.reason = !is_key ? reason : record.key ? "key: " + reason : "the record has no key";
        return unparsed_->Add(std::move(row));
      });
}

// Rows whose key decoded and whose value did.
void RecordSplitReader::KeepCommonRows() {
  rows_.clear();
  std::set_intersection(value_.rows.begin(), value_.rows.end(), key_.rows.begin(), key_.rows.end(),
                        std::back_inserter(rows_));
  for (Part* const part : {&value_, &key_}) {
    if (part->rows.size() == rows_.size() || part->chunk.ColumnCount() == 0) continue;
    duckdb::SelectionVector kept(std::max<size_t>(rows_.size(), 1));
    size_t at = 0;
    for (size_t i = 0; i < rows_.size(); ++i) {
      while (part->rows[at] != rows_[i]) ++at;
      kept.set_index(i, at);
    }
    part->chunk.Slice(kept, rows_.size());
    part->chunk.Flatten();
  }
}

void RecordSplitReader::FillOrigin(uint64_t which, duckdb::Vector& out) const {
  for (size_t i = 0; i < rows_.size(); ++i) {
    const LogRecord& record = records_[rows_[i]];
    if (which == 0) {
      FlatVector::GetData<int32_t>(out)[i] = range_.ordinal;
    } else if (which == 1) {
      FlatVector::GetData<int64_t>(out)[i] = record.offset;
    } else {
      FlatVector::GetData<int32_t>(out)[i] =
          static_cast<int32_t>(record.value ? record.value->size() : 0);
    }
  }
}

Result<size_t> RecordSplitReader::Fill(duckdb::DataChunk& out) {
  while (!stopped_) {
    records_.clear();
    WEIR_RETURN_IF_ERROR(reader_->Next(STANDARD_VECTOR_SIZE, &records_));
    if (records_.empty()) break;
    for (const LogRecord& record : records_) {
      bytes_read_ += record.value ? record.value->size() : 0;
      bytes_read_ += record.key ? record.key->size() : 0;
    }
    reported_.assign(records_.size(), false);
    WEIR_ASSIGN_OR_RETURN(bool go_on, DecodePart(value_, false));
    if (go_on && key_.decoder) {
      WEIR_ASSIGN_OR_RETURN(go_on, DecodePart(key_, true));
    }
    if (!go_on) {
      stopped_ = true;
      break;
    }
    if (key_.decoder) {
      KeepCommonRows();
    } else {
      rows_ = value_.rows;
    }
    if (rows_.empty()) continue;
    for (Part* const part : {&value_, &key_}) {
      for (size_t c = 0; c < part->targets.size(); ++c) {
        out.data[part->targets[c]].Reference(part->chunk.data[c]);
      }
    }
    for (size_t i = 0; i < wanted_.size(); ++i) {
      if (wanted_[i] >= columnar::kOriginColumnBase) {
        FillOrigin(wanted_[i] - columnar::kOriginColumnBase, out.data[i]);
        continue;
      }
      const RecordSourceFacts::Column& column = facts_->columns[static_cast<size_t>(wanted_[i])];
      if (column.from != From::kMetadata) continue;
      FillRecordMetadata(column.key, log_->topic(), range_.partition, records_, rows_, out.data[i]);
    }
    out.SetCardinality(rows_.size());
    return rows_.size();
  }
  out.SetCardinality(0);
  return size_t{0};
}

}  // namespace

Result<std::unique_ptr<columnar::SplitReader>> OpenRecordSplit(
    std::shared_ptr<const RecordSourceFacts> facts, std::shared_ptr<RecordLog> log,
    const RecordRange& range, const std::vector<uint64_t>& columns,
    columnar::UnparsedRows* unparsed) {
  auto reader =
      std::make_unique<RecordSplitReader>(std::move(facts), std::move(log), range, unparsed);
  WEIR_RETURN_IF_ERROR(reader->Open(columns));
  return reader;
}

}  // namespace weir::connect
