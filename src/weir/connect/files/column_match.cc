#include "weir/connect/files/column_match.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "duckdb/common/string_util.hpp"
#include "duckdb/common/types/value.hpp"
#include "weir/connect/files/file_metadata.h"

namespace weir::connect {

using columnar::Field;
using columnar::PlannedColumn;
using duckdb::StringUtil;

Compression CompressionFor(const FileOptions& options, const ListedFile& file) {
  return options.compression.value_or(CompressionOf(file.name));
}

namespace {

Result<duckdb::Value> PartitionValue(const ListedFile& file, const Field& field,
                                     const std::optional<std::string>& text) {
  if (!text) return duckdb::Value(field.type);
  duckdb::Value value(*text);
  if (!value.DefaultTryCastAs(field.type)) {
    return Error::User(ErrorCode::kInvalid,
                       fmt::format("the folder of {} says {} = '{}', which is no {}", file.name,
                                   field.name, *text, field.type.ToString()))
        .Fix("declare the column as VARCHAR, or rename the folder");
  }
  return value;
}

int FindName(const std::vector<std::string>& names, const std::string& name) {
  const auto exact = std::find(names.begin(), names.end(), name);
  if (exact != names.end()) return static_cast<int>(exact - names.begin());
  for (size_t i = 0; i < names.size(); ++i) {
    if (StringUtil::CIEquals(names[i], name)) return static_cast<int>(i);
  }
  return -1;
}

}  // namespace

Status MatchColumns(const FileSourceFacts& facts, const TextHead& head, TextFile* file,
                    std::vector<std::string>* changes) {
  const FileOptions& options = facts.options;
  const std::string& name = file->listed.name;
  const auto& fields = facts.schema.fields;
  file->header = head.header;
  const bool by_place = options.format == FileFormat::kText ||
                        (options.format == FileFormat::kCsv && !options.csv_header);
  const auto partition = [&](const std::string& column) {
    return std::find_if(file->listed.partitions.begin(), file->listed.partitions.end(),
                        [&](const auto& p) { return StringUtil::CIEquals(p.first, column); });
  };
  const auto metadata = [&](const std::string& column) {
    return std::find_if(facts.metadata.begin(), facts.metadata.end(),
                        [&](const auto& m) { return m.name == column; });
  };
  if (by_place) {
    file->header.clear();
    for (size_t i = 0; i < facts.declared_columns; ++i) {
      if (partition(fields[i].name) == file->listed.partitions.end() &&
          metadata(fields[i].name) == facts.metadata.end()) {
        file->header.push_back(fields[i].name);
      }
    }
  }
  if (options.format == FileFormat::kText && file->header.size() != 1) {
    return Error::User(ErrorCode::kInvalid,
                       fmt::format("the text format gives one column, {} are declared ({})",
                                   file->header.size(), fmt::join(file->header, ", ")))
        .At(facts.name)
        .Fix("declare one column of type VARCHAR, beside those in folder names");
  }
  std::set<int> taken;
  for (size_t i = 0; i < fields.size(); ++i) {
    const Field& field = fields[i];
    PlannedColumn column;
    column.name = field.name;
    column.type = field.type;
    column.key = field.name;
    const auto from_folder = partition(field.name);
    const auto from_metadata = metadata(field.name);
    if (from_metadata != facts.metadata.end()) {
      column.from = PlannedColumn::From::kConstant;
      WEIR_ASSIGN_OR_RETURN(column.constant,
                            MetadataValue(*from_metadata, file->listed, *file->bytes));
    } else if (options.evolution == Evolution::kRescue && field.name == kRescuedColumn) {
      column.from = PlannedColumn::From::kRescued;
    } else if (from_folder != file->listed.partitions.end()) {
      column.from = PlannedColumn::From::kConstant;
      WEIR_ASSIGN_OR_RETURN(column.constant,
                            PartitionValue(file->listed, field, from_folder->second));
    } else if (options.format == FileFormat::kJson) {
      column.from = PlannedColumn::From::kField;
    } else {
      column.field = FindName(file->header, field.name);
      if (column.field < 0 && !file->header.empty()) {
        if (options.fail_on_missing_columns && i < facts.declared_columns) {
          return Error::User(ErrorCode::kNotFound,
                             fmt::format("{} has no column '{}'; it has {}", name, field.name,
                                         fmt::join(file->header, ", ")))
              .Fix("correct the name, or set 'source.missing-columns' = 'null'");
        }
        if (changes != nullptr && i < facts.declared_columns) {
          changes->push_back(fmt::format("{}: no column '{}', it is NULL", name, field.name));
        }
      }
      if (column.field < 0) {
        column.from = PlannedColumn::From::kConstant;
        column.constant = duckdb::Value(field.type);
      } else {
        taken.insert(column.field);
        if (changes != nullptr && i >= facts.declared_columns) {
          changes->push_back(fmt::format("{}: new column '{}' {} (addNewColumns)", name, field.name,
                                         field.type.ToString()));
        }
      }
    }
    file->columns.push_back(std::move(column));
  }
  const bool parquet = options.format == FileFormat::kParquet;
  if ((options.format != FileFormat::kCsv && !parquet) || by_place) return Status::Ok();
  std::vector<std::string> ignored;
  for (size_t i = 0; i < file->header.size(); ++i) {
    if (taken.contains(static_cast<int>(i))) continue;
    const std::string& extra = file->header[i];
    // What the folder says, or the file's metadata, wins.
    if (partition(extra) != file->listed.partitions.end()) continue;
    if (metadata(extra) != facts.metadata.end()) continue;
    switch (options.evolution) {
      case Evolution::kFailOnNewColumns:
        return Error::User(ErrorCode::kInvalid,
                           fmt::format("{} has a new column '{}' (failOnNewColumns)", name, extra))
            .Fix("declare the column, or choose another 'schema.evolution'");
      case Evolution::kRescue:
        if (parquet) {
          return Error::User(ErrorCode::kUnsupported,
                             fmt::format("{} has a new column '{}', and columns of Parquet files "
                                         "are not rescued",
                                         name, extra))
              .Fix("declare the column, or choose 'schema.evolution' = 'addNewColumns'");
        }
        file->extras.push_back({static_cast<int>(i), extra});
        if (changes != nullptr) {
          changes->push_back(fmt::format("{}: new column '{}' (rescued)", name, extra));
        }
        break;
      default:
        ignored.push_back("'" + extra + "'");
    }
  }
  if (changes != nullptr && !ignored.empty()) {
    const bool one = ignored.size() == 1;
    changes->push_back(fmt::format("{}: column{} {} {} not declared, ignored", name, one ? "" : "s",
                                   fmt::join(ignored, ", "), one ? "is" : "are"));
  }
  return Status::Ok();
}

Result<std::optional<uint64_t>> LineEndBehind(const std::shared_ptr<FileBytes>& bytes,
                                              Compression compression, const FileProgress& before) {
  if (!before.open_end) return std::optional<uint64_t>(0);
  WEIR_ASSIGN_OR_RETURN(auto stream, OpenStream(bytes, compression, before.read, bytes->size()));
  char next[2];
  size_t have = 0;
  while (have < 2) {
    WEIR_ASSIGN_OR_RETURN(const size_t n, stream->Read(next + have, 2 - have));
    if (n == 0) break;
    have += n;
  }
  if (have == 0) return std::optional<uint64_t>(0);
  if (next[0] == '\n') return std::optional<uint64_t>(1);
  if (have == 2 && next[0] == '\r' && next[1] == '\n') return std::optional<uint64_t>(2);
  return std::optional<uint64_t>();
}

}  // namespace weir::connect
