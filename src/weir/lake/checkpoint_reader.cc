#include "weir/lake/checkpoint_reader.h"

#include "duckdb/common/types/column/column_data_collection.hpp"
#include "duckdb/common/types/data_chunk.hpp"
#include "duckdb/main/connection.hpp"
#include "duckdb/main/materialized_query_result.hpp"

namespace weir::lake {
namespace {

using duckdb::LogicalType;
using duckdb::LogicalTypeId;
using duckdb::UnifiedVectorFormat;

// One column of a chunk, whatever form its vector has.
class Column {
 public:
  Column(duckdb::Vector& vector, size_t rows) : vector_(vector) {
    vector.ToUnifiedFormat(rows, format_);
  }
  bool IsNull(size_t row) const {
    return !format_.validity.RowIsValid(format_.sel->get_index(row));
  }
  std::string String(size_t row) const {
    return IsNull(row) ? std::string() : At<duckdb::string_t>(row).GetString();
  }
  int64_t Int(size_t row) const { return IsNull(row) ? 0 : At<int64_t>(row); }
  bool Bool(size_t row, bool otherwise) const { return IsNull(row) ? otherwise : At<bool>(row); }
  std::optional<int64_t> OptionalInt(size_t row) const {
    return IsNull(row) ? std::nullopt : std::optional<int64_t>(At<int64_t>(row));
  }
  std::vector<std::optional<std::string>> Strings(size_t row) const {
    std::vector<std::optional<std::string>> out;
    if (IsNull(row)) return out;
    const auto entry = At<duckdb::list_entry_t>(row);
    auto& child = duckdb::ListVector::GetEntry(vector_);
    const Column items(child, duckdb::ListVector::GetListSize(vector_));
    for (size_t i = entry.offset; i < entry.offset + entry.length; ++i) {
      out.push_back(items.IsNull(i) ? std::nullopt : std::optional<std::string>(items.String(i)));
    }
    return out;
  }

 private:
  template <typename T>
  const T& At(size_t row) const {
    return UnifiedVectorFormat::GetData<T>(format_)[format_.sel->get_index(row)];
  }
  duckdb::Vector& vector_;
  UnifiedVectorFormat format_;
};

// Reads one Parquet file of a checkpoint (or sidecar) into `out`.
class PartReader {
 public:
  PartReader(columnar::Engine& engine, duckdb::Connection& connection, const std::string& path)
      : engine_(engine),
        connection_(connection),
        source_("read_parquet(" + columnar::QuoteLiteral(path) + ")") {}

  Status Read(Commit& out) {
    WEIR_ASSIGN_OR_RETURN(auto probe,
                          engine_.Query(connection_, "SELECT * FROM " + source_ + " LIMIT 0"));
    for (size_t i = 0; i < probe->names.size(); ++i) {
      if (probe->types[i].id() == LogicalTypeId::STRUCT)
        columns_[probe->names[i]] = probe->types[i];
    }
    if (columns_.empty()) {
      return Error::Operator(ErrorCode::kCorrupt, "it holds no actions");
    }
    WEIR_RETURN_IF_ERROR(ReadSmall(out));
    WEIR_RETURN_IF_ERROR(ReadAdds(out));
    return ReadRemoves(out);
  }

 private:
  const LogicalType* FieldType(const std::string& action, const std::string& field) const {
    const auto found = columns_.find(action);
    if (found == columns_.end()) return nullptr;
    for (const auto& [name, type] : duckdb::StructType::GetChildTypes(found->second)) {
      if (name == field) return &type;
    }
    return nullptr;
  }

  // "CAST(add.path AS VARCHAR)", or a NULL of the type if the writer left the field out.
  std::string Field(const std::string& action, const std::string& field, const char* type) const {
    const bool there = FieldType(action, field) != nullptr;
    return std::string("CAST(") +
           (there ? columnar::QuoteName(action) + "." + columnar::QuoteName(field) : "NULL") +
           " AS " + type + ")";
  }

  // Two columns: the keys and the values of a map.
  std::string MapField(const std::string& action, const std::string& field) const {
    const std::string map = Field(action, field, "MAP(VARCHAR, VARCHAR)");
    return "map_keys(" + map + "), map_values(" + map + ")";
  }

  std::string VectorFields(const std::string& action) const {
    const LogicalType* type = FieldType(action, "deletionVector");
    if (type == nullptr || type->id() != LogicalTypeId::STRUCT) {
      return "NULL::VARCHAR, NULL::VARCHAR, NULL::BIGINT, NULL::BIGINT, NULL::BIGINT";
    }
    const std::string prefix = "CAST(" + columnar::QuoteName(action) + ".deletionVector.";
    std::string out;
    for (const auto& [field, cast] :
         {std::pair{"storageType", "VARCHAR"}, std::pair{"pathOrInlineDv", "VARCHAR"},
          std::pair{"offset", "BIGINT"}, std::pair{"sizeInBytes", "BIGINT"},
          std::pair{"cardinality", "BIGINT"}}) {
      bool there = false;
      for (const auto& child : duckdb::StructType::GetChildTypes(*type)) {
        there = there || child.first == field;
      }
      if (!out.empty()) out += ", ";
      out += (there ? prefix + field : std::string("CAST(NULL")) + " AS " + cast + ")";
    }
    return out;
  }

  std::optional<DeletionVector> Vector(const std::vector<Column>& columns, size_t first,
                                       size_t row) const {
    if (columns[first].IsNull(row)) return std::nullopt;
    DeletionVector vector;
    vector.storage_type = columns[first].String(row);
    vector.path_or_inline = columns[first + 1].String(row);
    vector.offset = columns[first + 2].OptionalInt(row);
    vector.size_in_bytes = columns[first + 3].Int(row);
    vector.cardinality = columns[first + 4].Int(row);
    return vector;
  }

  static PartitionValues Entries(const std::vector<Column>& columns, size_t first, size_t row) {
    PartitionValues out;
    const auto keys = columns[first].Strings(row);
    auto values = columns[first + 1].Strings(row);
    for (size_t i = 0; i < keys.size(); ++i) {
      if (keys[i]) out[*keys[i]] = std::move(values[i]);
    }
    return out;
  }

  // Runs the query if the checkpoint has the action at all; `each` gets the columns and a row.
  template <typename Each>
  Status ForEach(const std::string& action, const std::string& required, const std::string& select,
                 Each each) {
    if (FieldType(action, required) == nullptr) return Status();
    WEIR_ASSIGN_OR_RETURN(
        auto result,
        engine_.Query(connection_, "SELECT " + select + " FROM " + source_ + " WHERE " +
                                       columnar::QuoteName(action) + "." +
                                       columnar::QuoteName(required) + " IS NOT NULL"));
    for (auto& chunk : result->Collection().Chunks()) {
      std::vector<Column> columns;
      columns.reserve(chunk.ColumnCount());
      for (size_t i = 0; i < chunk.ColumnCount(); ++i) {
        columns.emplace_back(chunk.data[i], chunk.size());
      }
      for (size_t row = 0; row < chunk.size(); ++row) each(columns, row);
    }
    return Status();
  }

  Status ReadSmall(Commit& out) {
    WEIR_RETURN_IF_ERROR(ForEach("protocol", "minReaderVersion",
                                 Field("protocol", "minReaderVersion", "BIGINT") + ", " +
                                     Field("protocol", "minWriterVersion", "BIGINT") + ", " +
                                     Field("protocol", "readerFeatures", "VARCHAR[]") + ", " +
                                     Field("protocol", "writerFeatures", "VARCHAR[]"),
                                 [&](const std::vector<Column>& columns, size_t row) {
                                   Protocol protocol;
                                   protocol.min_reader_version =
                                       static_cast<int>(columns[0].Int(row));
                                   protocol.min_writer_version =
                                       static_cast<int>(columns[1].Int(row));
                                   for (auto& name : columns[2].Strings(row)) {
                                     if (name) protocol.reader_features.push_back(*name);
                                   }
                                   for (auto& name : columns[3].Strings(row)) {
                                     if (name) protocol.writer_features.push_back(*name);
                                   }
                                   out.protocol = std::move(protocol);
                                 }));
    const bool has_format = FieldType("metaData", "format") != nullptr;
    WEIR_RETURN_IF_ERROR(
        ForEach("metaData", "id",
                Field("metaData", "id", "VARCHAR") + ", " + Field("metaData", "name", "VARCHAR") +
                    ", " + Field("metaData", "description", "VARCHAR") + ", " +
                    Field("metaData", "schemaString", "VARCHAR") + ", " +
                    Field("metaData", "partitionColumns", "VARCHAR[]") + ", " +
                    MapField("metaData", "configuration") + ", " +
                    Field("metaData", "createdTime", "BIGINT") + ", " +
                    (has_format ? "CAST(metaData.format.provider AS VARCHAR)" : "'parquet'"),
                [&](const std::vector<Column>& columns, size_t row) {
                  Metadata metadata;
                  metadata.id = columns[0].String(row);
                  metadata.name = columns[1].String(row);
                  metadata.description = columns[2].String(row);
                  metadata.schema_string = columns[3].String(row);
                  for (auto& name : columns[4].Strings(row)) {
                    if (name) metadata.partition_columns.push_back(*name);
                  }
                  for (auto& [name, value] : Entries(columns, 5, row)) {
                    if (value) metadata.configuration[name] = *value;
                  }
                  metadata.created_time_ms = columns[7].OptionalInt(row);
                  metadata.format_provider = columns[8].String(row);
                  out.metadata = std::move(metadata);
                }));
    WEIR_RETURN_IF_ERROR(
        ForEach("txn", "appId",
                Field("txn", "appId", "VARCHAR") + ", " + Field("txn", "version", "BIGINT") + ", " +
                    Field("txn", "lastUpdated", "BIGINT"),
                [&](const std::vector<Column>& columns, size_t row) {
                  out.transactions.push_back(
                      {columns[0].String(row), columns[1].Int(row), columns[2].OptionalInt(row)});
                }));
    WEIR_RETURN_IF_ERROR(ForEach("domainMetadata", "domain",
                                 Field("domainMetadata", "domain", "VARCHAR") + ", " +
                                     Field("domainMetadata", "configuration", "VARCHAR") + ", " +
                                     Field("domainMetadata", "removed", "BOOLEAN"),
                                 [&](const std::vector<Column>& columns, size_t row) {
                                   out.domains.push_back({columns[0].String(row),
                                                          columns[1].String(row),
                                                          columns[2].Bool(row, false)});
                                 }));
    return ForEach(
        "sidecar", "path",
        Field("sidecar", "path", "VARCHAR") + ", " + Field("sidecar", "sizeInBytes", "BIGINT"),
        [&](const std::vector<Column>& columns, size_t row) {
          out.sidecars.push_back({columns[0].String(row), columns[1].Int(row)});
        });
  }

  Status ReadAdds(Commit& out) {
    std::string stats = Field("add", "stats", "VARCHAR");
    if (FieldType("add", "stats_parsed") != nullptr) {
      const std::string parsed = "CAST(to_json(\"add\".\"stats_parsed\") AS VARCHAR)";
      stats = "COALESCE(" + stats + ", " + parsed + ")";
    }
    return ForEach("add", "path",
                   Field("add", "path", "VARCHAR") + ", " + MapField("add", "partitionValues") +
                       ", " + Field("add", "size", "BIGINT") + ", " +
                       Field("add", "modificationTime", "BIGINT") + ", " + stats + ", " +
                       MapField("add", "tags") + ", " + VectorFields("add"),
                   [&](const std::vector<Column>& columns, size_t row) {
                     AddFile& add = out.adds.emplace_back();
                     add.path = columns[0].String(row);
                     add.partition_values = Entries(columns, 1, row);
                     add.size = columns[3].Int(row);
                     add.modification_time_ms = columns[4].Int(row);
                     add.data_change = false;
                     add.stats = columns[5].String(row);
                     add.tags = Entries(columns, 6, row);
                     add.deletion_vector = Vector(columns, 8, row);
                   });
  }

  Status ReadRemoves(Commit& out) {
    return ForEach("remove", "path",
                   Field("remove", "path", "VARCHAR") + ", " +
                       Field("remove", "deletionTimestamp", "BIGINT") + ", " +
                       Field("remove", "extendedFileMetadata", "BOOLEAN") + ", " +
                       MapField("remove", "partitionValues") + ", " +
                       Field("remove", "size", "BIGINT") + ", " + VectorFields("remove"),
                   [&](const std::vector<Column>& columns, size_t row) {
                     RemoveFile& remove = out.removes.emplace_back();
                     remove.path = columns[0].String(row);
                     remove.deletion_timestamp_ms = columns[1].OptionalInt(row);
                     remove.data_change = false;
                     remove.extended_file_metadata = columns[2].Bool(row, false);
                     remove.partition_values = Entries(columns, 3, row);
                     remove.size = columns[5].Int(row);
                     remove.deletion_vector = Vector(columns, 6, row);
                   });
  }

  columnar::Engine& engine_;
  duckdb::Connection& connection_;
  std::string source_;
  std::map<std::string, LogicalType> columns_;
};

Error Torn(Error error, const std::string& path) {
  return Error::Operator(ErrorCode::kCorrupt, "the checkpoint cannot be read: " + error.message())
      .At(path);
}

}  // namespace

Result<Commit> ReadCheckpoint(columnar::Engine& engine, const LogStore& log,
                              const CheckpointFiles& files) {
  WEIR_ASSIGN_OR_RETURN(auto connection, engine.Connect());
  Commit out;
  if (files.json) {
    WEIR_ASSIGN_OR_RETURN(const std::string bytes, engine.env().ReadFile(files.paths.front()));
    auto parsed = ParseCommit(bytes);
    if (!parsed.ok()) return Torn(parsed.error(), files.paths.front());
    out = std::move(parsed).value();
  } else {
    for (const auto& path : files.paths) {
      const Status status = PartReader(engine, *connection, path).Read(out);
      if (!status.ok()) return Torn(status.error(), path);
    }
  }
  const auto sidecars = std::move(out.sidecars);
  out.sidecars.clear();
  for (const auto& sidecar : sidecars) {
    const std::string path = log.SidecarPath(sidecar.path);
    const Status status = PartReader(engine, *connection, path).Read(out);
    if (!status.ok()) return Torn(status.error(), path);
  }
  return out;
}

}  // namespace weir::lake
