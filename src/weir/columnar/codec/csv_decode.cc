#include "weir/columnar/codec/csv_decode.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "duckdb/common/error_data.hpp"
#include "duckdb/common/exception.hpp"
#include "duckdb/common/types/data_chunk.hpp"
#include "weir/base/json_writer.h"
#include "weir/columnar/duckdb_error.h"

namespace weir::columnar {

namespace {

using duckdb::FlatVector;
using duckdb::Vector;

// The field's bytes; `last`: of its record, where a "\r" belongs to the line end.
CsvField FieldAt(const char* data, uint32_t begin, uint32_t end, bool last,
                 const CsvDialect& dialect, bool may_have_escapes, TextArena* arena) {
  if (last && end > begin && data[end - 1] == '\r') --end;
  CsvField field{data + begin, end - begin, false};
  if (!dialect.quote || end - begin < 2 || data[begin] != *dialect.quote ||
      data[end - 1] != *dialect.quote) {
    return field;
  }
  field = {data + begin + 1, end - begin - 2, true};
  if (!may_have_escapes || field.size == 0) return field;
  const char escape = dialect.escape.value_or(*dialect.quote);
  const char* from = field.data;
  const char* const stop = from + field.size;
  const auto* found = static_cast<const char*>(std::memchr(from, escape, field.size));
  if (found == nullptr) return field;
  char* const copy = arena->Allocate(field.size);
  char* to = copy;
  while (found != nullptr && found + 1 < stop) {
    std::memcpy(to, from, static_cast<size_t>(found - from));
    to += found - from;
    *to++ = found[1];
    from = found + 2;
    found =
        from < stop
            ? static_cast<const char*>(std::memchr(from, escape, static_cast<size_t>(stop - from)))
            : nullptr;
  }
  std::memcpy(to, from, static_cast<size_t>(stop - from));
  to += stop - from;
  return {copy, static_cast<uint32_t>(to - copy), true};
}

// Keeps the block and unescaped values alive together.
struct Memory {
  std::shared_ptr<const TextBlock> block;
  TextArena arena;
};

bool IsBlank(const TextBlock& block, size_t record) {
  const uint32_t begin = block.index.records[record].begin;
  const uint32_t end = block.index.EndOf(record);
  return end == begin || (end == begin + 1 && block.bytes.data()[begin] == '\r');
}

}  // namespace

std::vector<std::string> CsvDecoder::Fields(const TextBlock& block, size_t record,
                                            const CsvDialect& dialect) {
  std::vector<std::string> fields;
  if (IsBlank(block, record)) return fields;
  TextArena arena;
  const uint32_t count = block.index.FieldsOf(record);
  const uint32_t first = block.index.records[record].first_field;
  uint32_t begin = block.index.records[record].begin;
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t end = block.index.ends[first + i];
    const CsvField field =
        FieldAt(block.bytes.data(), begin, end, i + 1 == count, dialect, true, &arena);
    fields.emplace_back(field.data, field.size);
    begin = end + 1;
  }
  return fields;
}

// Chooses up to a vector of records; the bad ones on the way go to `failed`.
bool CsvDecoder::TakeRecords(BlockCursor* cursor, const FailedRow& failed) {
  const TextBlock& block = *cursor->block;
  const TextIndex& index = block.index;
  rows_.clear();
  const auto comments_end = index.comments.end();
  auto comment =
      std::lower_bound(index.comments.begin(), comments_end, static_cast<uint32_t>(cursor->record));
  while (rows_.size() < STANDARD_VECTOR_SIZE && !cursor->AtEnd()) {
    const bool records_left = cursor->record < index.records.size();
    if (cursor->bad < block.bad.size()) {
      const BadRecord& bad = block.bad[cursor->bad];
      if (!records_left || bad.offset <= block.offset + index.records[cursor->record].begin) {
        ++cursor->bad;
        if (bad.record != BadRecord::kNotIndexed) {
          if (comment != comments_end && *comment == bad.record) continue;
          ++cursor->record;
        }
        std::string column;
        for (const PlannedColumn& planned : plan_.columns) {
          if (bad.field >= 0 && planned.from == PlannedColumn::From::kField &&
              planned.field == bad.field) {
            column = planned.name;
          }
        }
        if (!plan_.null_on_error && !failed(bad.offset, bad.length, column, bad.reason))
          return false;
        continue;
      }
    }
    const size_t record = cursor->record++;
    if (comment != comments_end && *comment == record) {
      ++comment;
      continue;
    }
    const uint32_t fields = index.FieldsOf(record);
    if (fields != options_.field_count) {
      if (options_.skip_blank_lines && fields == 1 && IsBlank(block, record)) continue;
      const uint32_t begin = index.records[record].begin;
      if (!plan_.null_on_error &&
          !failed(block.offset + begin, index.EndOf(record) - begin, "",
                  fmt::format("{} field{} where {} {} expected", fields, fields == 1 ? "" : "s",
                              options_.field_count, options_.field_count == 1 ? "is" : "are"))) {
        return false;
      }
      continue;
    }
    rows_.push_back(static_cast<uint32_t>(record));
  }
  return true;
}

void CsvDecoder::TakeField(const TextBlock& block, int field, duckdb::LogicalTypeId type,
                           TextArena* arena) {
  const bool text = type == duckdb::LogicalTypeId::VARCHAR;
  // Programs that quote every field write a missing number as "".
  const bool quoted_empty_is_null = !text && type != duckdb::LogicalTypeId::BLOB;
  const TextIndex& index = block.index;
  const char* const data = block.bytes.data();
  const size_t count = rows_.size();
  values_.data.resize(count);
  values_.size.resize(count);
  const bool last = static_cast<uint32_t>(field) + 1 == options_.field_count;
  const bool empty_is_null = !options_.lines && (options_.null_literals.empty() || !text);
  const uint32_t* const ends = index.ends.data();
  const char quote = options_.dialect.quote.value_or('\n');
  for (size_t i = 0; i < count; ++i) {
    const TextRecord& record = index.records[rows_[i]];
    const uint32_t at = record.first_field + static_cast<uint32_t>(field);
    const uint32_t begin = field == 0 ? record.begin : ends[at - 1] + 1;
    uint32_t end = ends[at];
    if (begin < end && data[begin] == quote) {
      const CsvField value =
          FieldAt(data, begin, end, last, options_.dialect, index.has_escapes, arena);
      values_.data[i] = value.data;
      values_.size[i] = value.size;
      if (value.quoted) {
        if (value.size == 0 && quoted_empty_is_null) values_.data[i] = nullptr;
        continue;
      }
    } else {
      if (last && end > begin && data[end - 1] == '\r') --end;
      values_.data[i] = data + begin;
      values_.size[i] = end - begin;
    }
    const uint32_t size = values_.size[i];
    if (size == 0) {
      if (empty_is_null) values_.data[i] = nullptr;
      continue;
    }
    for (const std::string& literal : options_.null_literals) {
      if (literal.size() == size && std::memcmp(values_.data[i], literal.data(), size) == 0) {
        values_.data[i] = nullptr;
        break;
      }
    }
  }
}

void CsvDecoder::Origins(const TextBlock& block, const PlannedColumn& column,
                         duckdb::DataChunk& out, size_t index) {
  Vector& result = out.data[index];
  const size_t count = rows_.size();
  if (column.from == PlannedColumn::From::kOriginFile) {
    auto* values = FlatVector::GetData<int32_t>(result);
    std::fill_n(values, count, plan_.file);
  } else if (column.from == PlannedColumn::From::kOriginOffset) {
    auto* values = FlatVector::GetData<int64_t>(result);
    for (size_t i = 0; i < count; ++i) {
      values[i] = static_cast<int64_t>(block.offset + block.index.records[rows_[i]].begin);
    }
  } else {
    auto* values = FlatVector::GetData<int32_t>(result);
    for (size_t i = 0; i < count; ++i) {
      values[i] =
          static_cast<int32_t>(block.index.EndOf(rows_[i]) - block.index.records[rows_[i]].begin);
    }
  }
}

Result<bool> CsvDecoder::Decode(BlockCursor* cursor, duckdb::DataChunk& out,
                                const FailedRow& failed) {
  out.Reset();
  if (!TakeRecords(cursor, failed)) return false;
  const TextBlock& block = *cursor->block;
  const size_t count = rows_.size();
  if (count == 0) return true;
  auto memory = std::make_shared<Memory>();
  memory->block = cursor->block;

  // Reasons of rows that are dropped, or what is rescued of rows that are kept, by row.
  std::map<uint32_t, std::pair<std::string, std::string>> dropped;  // column, reason
  std::map<uint32_t, std::string> rescued;                          // members of a JSON object
  const auto rescue = [&rescued](uint32_t row, const std::string& name, std::string_view value) {
    std::string& members = rescued[row];
    if (!members.empty()) members += ',';
    members += JsonString(name) + ':' + JsonString(value);
  };
  try {
    std::vector<uint32_t> bad_rows;
    for (size_t c = 0; c < plan_.columns.size(); ++c) {
      const PlannedColumn& column = plan_.columns[c];
      switch (column.from) {
        case PlannedColumn::From::kField:
          TakeField(block, column.field, column.type.id(), &memory->arena);
          bad_rows.clear();
          CastText(values_, out.data[c], memory, &bad_rows);
          for (const uint32_t row : bad_rows) {
            const std::string_view value(values_.data[row], values_.size[row]);
            if (plan_.rescue) {
              rescue(row, column.name, value);
            } else if (!plan_.null_on_error) {
              dropped.try_emplace(row, column.name, CastFailure(value, column.type));
            }
          }
          break;
        case PlannedColumn::From::kConstant:
          out.data[c].Reference(column.constant);
          break;
        case PlannedColumn::From::kRescued:
          break;  // last, below
        default:
          Origins(block, column, out, c);
      }
    }
    for (size_t c = 0; c < plan_.columns.size(); ++c) {
      if (plan_.columns[c].from != PlannedColumn::From::kRescued) continue;
      for (const ExtraField& extra : plan_.extras) {
        TakeField(block, extra.field, duckdb::LogicalTypeId::VARCHAR, &memory->arena);
        for (uint32_t i = 0; i < count; ++i) {
          if (values_.data[i] != nullptr) {
            rescue(i, extra.name, std::string_view(values_.data[i], values_.size[i]));
          }
        }
      }
      Vector& result = out.data[c];
      for (uint32_t i = 0; i < count; ++i) {
        const auto found = rescued.find(i);
        if (found == rescued.end()) {
          FlatVector::SetNull(result, i, true);
        } else {
          FlatVector::GetData<duckdb::string_t>(result)[i] =
              duckdb::StringVector::AddString(result, "{" + found->second + "}");
        }
      }
    }
    out.SetCardinality(count);
    if (!dropped.empty()) {
      duckdb::SelectionVector kept(count);
      size_t kept_count = 0;
      for (uint32_t i = 0; i < count; ++i) {
        if (!dropped.contains(i)) kept.set_index(kept_count++, i);
      }
      out.Slice(kept, kept_count);
      out.Flatten();
    }
  } catch (const std::exception& e) {
    return FromDuckDB(e);
  }
  for (const auto& [row, why] : dropped) {
    const uint32_t begin = block.index.records[rows_[row]].begin;
    if (!failed(block.offset + begin, block.index.EndOf(rows_[row]) - begin, why.first,
                why.second)) {
      return false;
    }
  }
  return true;
}

}  // namespace weir::columnar
