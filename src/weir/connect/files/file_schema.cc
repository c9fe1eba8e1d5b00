#include "weir/connect/files/file_schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "duckdb/common/string_util.hpp"
#include "duckdb/main/connection.hpp"
#include "duckdb/main/materialized_query_result.hpp"
#include "weir/columnar/codec/infer_types.h"
#include "weir/columnar/codec/json_decode.h"
#include "weir/columnar/path_pattern.h"
#include "weir/connect/files/column_match.h"

namespace weir::connect {

using columnar::Field;
using columnar::Schema;
using columnar::TextValues;
using duckdb::LogicalType;

namespace {

// A sample of one column.
LogicalType TypeOf(const std::vector<std::vector<std::string>>& sample, size_t column,
                   const FileOptions& options) {
  columnar::TextArena arena;
  TextValues values;
  for (const auto& record : sample) {
    if (column >= record.size() || record[column].empty()) continue;
    const std::string& text = record[column];
    const auto& nulls = options.csv_null_literals;
    if (std::find(nulls.begin(), nulls.end(), text) != nulls.end()) continue;
    if (text.find('\0') != std::string::npos) continue;
    char* copy = arena.Allocate(text.size());
    std::copy(text.begin(), text.end(), copy);
    values.Add(copy, static_cast<uint32_t>(text.size()));
  }
  return columnar::InferType(values);
}

// The type both fit; a column that one file has no value of says nothing.
LogicalType Combine(const LogicalType& a, const LogicalType& b) {
  if (a == b) return a;
  const auto number = [](const LogicalType& type) {
    return type == LogicalType::BIGINT || type == LogicalType::DOUBLE;
  };
  return number(a) && number(b) ? LogicalType::DOUBLE : LogicalType::VARCHAR;
}

Field FieldOf(const std::string& name, LogicalType type) {
  Field field;
  field.name = name;
  field.type = std::move(type);
  return field;
}

Status InferCsv(columnar::Engine& engine, const std::vector<ListedFile>& files,
                const FileSourceFacts& facts, Schema* schema) {
  for (size_t f = 0; f < std::min(files.size(), kSampledFiles); ++f) {
    WEIR_ASSIGN_OR_RETURN(const auto bytes, FileBytes::Open(engine, files[f].path, files[f].name));
    WEIR_ASSIGN_OR_RETURN(
        TextHead head, ReadTextHead(bytes, CompressionFor(facts.options, files[f]), facts.options,
                                    kSampledRecords));
    if (head.header.empty() && !head.sample.empty()) {
      for (size_t i = 0; i < head.sample.front().size(); ++i) {
        head.header.push_back(fmt::format("column{}", i));
      }
    }
    for (size_t i = 0; i < head.header.size(); ++i) {
      const LogicalType type = TypeOf(head.sample, i, facts.options);
      const std::string& name = head.header[i];
      if (name.empty()) continue;
      const int known = schema->Find(name);
      if (known < 0) {
        schema->fields.push_back(FieldOf(name, type));
      } else if (!head.sample.empty() && f > 0) {
        schema->fields[known].type = Combine(schema->fields[known].type, type);
      }
    }
  }
  return Status::Ok();
}

// Adds the keys of JSON files that are no column yet.
Status InferJsonColumns(columnar::Engine& engine, const std::vector<ListedFile>& files,
                        size_t files_max, const FileOptions& options, Schema* schema) {
  for (size_t f = 0; f < std::min(files.size(), files_max); ++f) {
    WEIR_ASSIGN_OR_RETURN(const auto bytes, FileBytes::Open(engine, files[f].path, files[f].name));
    const Compression compression = CompressionFor(options, files[f]);
    WEIR_ASSIGN_OR_RETURN(const TextHead head, ReadTextHead(bytes, compression, options, 0));
    WEIR_ASSIGN_OR_RETURN(const TextRecords records,
                          OpenRecords(bytes, compression, options, head));
    columnar::TextBlock block;
    WEIR_ASSIGN_OR_RETURN(const bool more, records.blocks->Next(&block));
    if (more) columnar::InferJson(block, kSampledRecords, schema);
  }
  return Status::Ok();
}

// Columns in folder names, typed by the values of all files.
void AddPartitions(const std::vector<ListedFile>& files, Schema* schema) {
  std::vector<std::string> names;
  for (const ListedFile& file : files) {
    for (const auto& [name, value] : file.partitions) {
      if (schema->Find(name) < 0 && std::find(names.begin(), names.end(), name) == names.end()) {
        names.push_back(name);
      }
    }
  }
  for (const std::string& name : names) {
    std::vector<std::vector<std::string>> sample;
    for (const ListedFile& file : files) {
      for (const auto& [key, value] : file.partitions) {
        if (key == name && value) sample.push_back({*value});
      }
    }
    schema->fields.push_back(FieldOf(name, TypeOf(sample, 0, FileOptions())));
  }
}

// 'addNewColumns': fields of any file that no column takes.
Status AddNewColumns(columnar::Engine& engine, const std::vector<ListedFile>& files,
                     FileSourceFacts* facts) {
  for (const ListedFile& file : files) {
    if (facts->options.format == FileFormat::kParquet) {
      WEIR_ASSIGN_OR_RETURN(const Schema found, ParquetSchema(engine, file));
      for (const Field& field : found.fields) {
        if (facts->schema.Find(field.name) < 0) facts->schema.fields.push_back(field);
      }
      continue;
    }
    WEIR_ASSIGN_OR_RETURN(const auto bytes, FileBytes::Open(engine, file.path, file.name));
    const Compression compression = CompressionFor(facts->options, file);
    WEIR_ASSIGN_OR_RETURN(TextHead head, ReadTextHead(bytes, compression, facts->options, 0));
    std::vector<size_t> added;
    for (size_t i = 0; i < head.header.size(); ++i) {
      if (facts->schema.Find(head.header[i]) < 0) added.push_back(i);
    }
    if (added.empty()) continue;
    WEIR_ASSIGN_OR_RETURN(head, ReadTextHead(bytes, compression, facts->options, kSampledRecords));
    for (const size_t i : added) {
      facts->schema.fields.push_back(
          FieldOf(head.header[i], TypeOf(head.sample, i, facts->options)));
    }
  }
  return Status::Ok();
}

}  // namespace

Result<Schema> ParquetSchema(columnar::Engine& engine, const ListedFile& file) {
  WEIR_ASSIGN_OR_RETURN(const auto bytes, FileBytes::Open(engine, file.path, file.name));
  WEIR_RETURN_IF_ERROR(CheckParquetFile(*bytes));
  WEIR_ASSIGN_OR_RETURN(const auto connection, engine.Connect());
  auto rows =
      engine.Query(*connection, "SELECT * FROM read_parquet(" +
                                    columnar::QuoteLiteral(columnar::PathPattern(file.path)) +
                                    ", hive_partitioning = false) LIMIT 0");
  if (!rows.ok()) return std::move(rows).error().While("reading the schema of " + file.name);
  Schema schema;
  for (size_t i = 0; i < (*rows)->names.size(); ++i) {
    schema.fields.push_back(FieldOf((*rows)->names[i], (*rows)->types[i]));
  }
  return schema;
}

Status FindSchema(columnar::Engine& engine, const std::optional<Schema>& declared,
                  FileSourceFacts* facts) {
  const FileOptions& options = facts->options;
  const bool json = options.format == FileFormat::kJson;
  const bool add = options.evolution == Evolution::kAddNewColumns &&
                   (json || options.format == FileFormat::kParquet ||
                    (options.format == FileFormat::kCsv && options.csv_header));
  std::vector<ListedFile> files;
  if (!declared || add) {
    WEIR_ASSIGN_OR_RETURN(
        files, ListSourceFiles(engine, options.path, facts->base_folder, options.hive_partitions));
  }
  Schema& schema = facts->schema;
  if (declared) {
    schema = *declared;
  } else {
    if (files.empty()) return NoFiles(engine, *facts);
    switch (options.format) {
      case FileFormat::kCsv:
        WEIR_RETURN_IF_ERROR(InferCsv(engine, files, *facts, &schema));
        break;
      case FileFormat::kJson:
        WEIR_RETURN_IF_ERROR(InferJsonColumns(engine, files, kSampledFiles, options, &schema));
        break;
      case FileFormat::kText:
        schema.fields.push_back(FieldOf("line", LogicalType::VARCHAR));
        break;
      case FileFormat::kParquet:
        WEIR_ASSIGN_OR_RETURN(schema, ParquetSchema(engine, files.front()));
        break;
    }
    if (schema.fields.empty()) {
      return Error::User(
                 ErrorCode::kInvalid,
                 fmt::format("{} is empty: its columns can't be inferred", files.front().name))
          .At(facts->name)
          .Fix("declare the columns");
    }
    AddPartitions(files, &schema);
    for (const columnar::MetadataColumn& column : facts->metadata) {
      schema.fields.push_back(FieldOf(column.name, column.type));
    }
  }
  if (options.format == FileFormat::kText) {
    size_t lines = 0;
    for (const Field& field : schema.fields) lines += field.type == LogicalType::VARCHAR;
    if (lines == 0) {
      return Error::User(ErrorCode::kInvalid, "the text format gives one column of type VARCHAR")
          .At(facts->name)
          .Fix("declare it as (line VARCHAR)");
    }
  }
  facts->declared_columns = schema.fields.size();
  if (add && json) {
    WEIR_RETURN_IF_ERROR(InferJsonColumns(engine, files, files.size(), options, &schema));
  } else if (add) {
    WEIR_RETURN_IF_ERROR(AddNewColumns(engine, files, facts));
  }
  if (options.evolution == Evolution::kRescue) {
    const int declared_at = schema.Find(kRescuedColumn);
    if (declared_at >= 0) {
      if (schema.fields[declared_at].type != LogicalType::VARCHAR) {
        return Error::User(ErrorCode::kInvalid, "_rescued_data must be VARCHAR").At(facts->name);
      }
    } else {
      schema.fields.push_back(FieldOf(kRescuedColumn, LogicalType::VARCHAR));
    }
  }
  return Status::Ok();
}

}  // namespace weir::connect
