// Records of the raw format: the whole of a record is the value of one column, as in Flink: text,
// bytes, or a number in its binary form.
//
// Thread rule: as record_decode.h.
#include <fmt/format.h>
#include <simdjson.h>

#include <bit>
#include <cstring>
#include <utility>

#include "duckdb/common/types/data_chunk.hpp"
#include "duckdb/common/types/vector.hpp"
#include "weir/columnar/codec/record_formats.h"

namespace weir::columnar {

namespace {

using duckdb::FlatVector;
using duckdb::LogicalTypeId;

// Bytes of a type's binary form; 0: as long as it is; -1: the format can't hold it.
int WidthOf(const duckdb::LogicalType& type) {
  switch (type.id()) {
    case LogicalTypeId::VARCHAR:
    case LogicalTypeId::BLOB:
      return 0;
    case LogicalTypeId::BOOLEAN:
    case LogicalTypeId::TINYINT:
      return 1;
    case LogicalTypeId::SMALLINT:
      return 2;
    case LogicalTypeId::INTEGER:
    case LogicalTypeId::FLOAT:
      return 4;
    case LogicalTypeId::BIGINT:
    case LogicalTypeId::DOUBLE:
      return 8;
    default:
      return -1;
  }
}

class RawRecords : public RecordsDecoder {
 public:
  RawRecords(Field field, size_t columns, bool little_endian)
      : field_(std::move(field)),
        width_(WidthOf(field_.type)),
        columns_(columns),
        swap_(little_endian != (std::endian::native == std::endian::little)) {}

  Result<bool> Decode(std::span<const RecordBytes> records, duckdb::DataChunk& out,
                      std::vector<uint32_t>* rows, const FailedRecord& failed) override {
    rows->clear();
    for (uint32_t i = 0; i < records.size(); ++i) {
      const RecordBytes& record = records[i];
      const bool has_value = record.data != nullptr;
      std::string problem;
      if (has_value && width_ > 0 && record.size != static_cast<uint32_t>(width_)) {
        problem =
            fmt::format("{} bytes where {} has {}", record.size, field_.type.ToString(), width_);
      } else if (has_value && field_.type.id() == LogicalTypeId::VARCHAR &&
                 !simdjson::validate_utf8(record.data, record.size)) {
        problem = "the record is not UTF-8";
      }
      if (!problem.empty()) {
        if (!failed(i, field_.name, problem)) return false;
        continue;
      }
      for (size_t c = 0; c < columns_; ++c) {
        if (has_value) {
          Put(out.data[c], rows->size(), record);
        } else {
          FlatVector::SetNull(out.data[c], rows->size(), true);
        }
      }
      rows->push_back(i);
    }
    out.SetCardinality(rows->size());
    return true;
  }

 private:
  void Put(duckdb::Vector& column, size_t row, const RecordBytes& record) const {
    if (width_ == 0) {
      FlatVector::GetData<duckdb::string_t>(column)[row] =
          duckdb::StringVector::AddStringOrBlob(column, record.data, record.size);
      return;
    }
    char bytes[8];
    for (int i = 0; i < width_; ++i) bytes[i] = record.data[swap_ ? width_ - 1 - i : i];
    if (field_.type.id() == LogicalTypeId::BOOLEAN) bytes[0] = bytes[0] != 0;
    std::memcpy(FlatVector::GetData(column) + row * static_cast<size_t>(width_), bytes,
                static_cast<size_t>(width_));
  }

  const Field field_;
  const int width_;
  const size_t columns_;
  const bool swap_;
};

}  // namespace

Result<std::unique_ptr<RecordsDecoder>> NewRawRecords(const RecordFormatOptions& format,
                                                      const Schema& fields,
                                                      const std::vector<RecordColumn>& columns) {
  const FormatOptions options(format);
  WEIR_RETURN_IF_ERROR(options.Choice("charset", {"UTF-8"}).status());
  WEIR_ASSIGN_OR_RETURN(const std::string order,
                        options.Choice("endianness", {"big-endian", "little-endian"}));
  if (fields.fields.size() != 1) {
    return Error::User(ErrorCode::kInvalid, fmt::format("the raw format holds one column, {} are "
                                                        "declared",
                                                        fields.fields.size()))
        .Fix("declare one column, beside metadata columns and those of the key");
  }
  const Field& field = fields.fields[0];
  if (WidthOf(field.type) < 0) {
    return Error::User(ErrorCode::kUnsupported,
                       fmt::format("the raw format can't hold column '{}' of type {}", field.name,
                                   field.type.ToString()))
        .Fix("declare it as VARCHAR, BLOB, BOOLEAN, an integer, FLOAT or DOUBLE");
  }
  return std::make_unique<RawRecords>(field, columns.size(), order == "little-endian");
}

}  // namespace weir::columnar
