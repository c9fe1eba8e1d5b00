#include "weir/columnar/parquet_writer.h"

#include <atomic>
#include <functional>
#include <mutex>
#include <set>
#include <utility>

#include "duckdb/catalog/catalog.hpp"
#include "duckdb/catalog/catalog_entry/copy_function_catalog_entry.hpp"
#include "duckdb/common/file_system.hpp"
#include "duckdb/common/types/column/column_data_collection.hpp"
#include "duckdb/common/types/data_chunk.hpp"
#include "duckdb/function/copy_function.hpp"
#include "duckdb/main/client_context.hpp"
#include "duckdb/main/database.hpp"
#include "duckdb/parser/keyword_helper.hpp"
#include "duckdb/parser/parsed_data/copy_info.hpp"
#include "weir/columnar/duckdb_error.h"
#include "weir/columnar/types.h"

namespace weir::columnar {
namespace {

using duckdb::ColumnDataCollection;
using duckdb::LogicalType;
using duckdb::LogicalTypeId;
using duckdb::Value;

constexpr const char* kFieldIdKey = "__duckdb_field_id";

// {a: {__duckdb_field_id: 1, b: {__duckdb_field_id: 2}}}: what DuckDB's FIELD_IDS option takes.
Value FieldIdsValue(const std::map<std::string, ParquetFieldId>& ids, int32_t own_id) {
  duckdb::child_list_t<Value> children;
  if (own_id >= 0) children.emplace_back(kFieldIdKey, Value::INTEGER(own_id));
  for (const auto& [name, id] : ids) {
    children.emplace_back(name, FieldIdsValue(id.children, id.id));
  }
  return Value::STRUCT(std::move(children));
}

duckdb::CopyInfo MakeCopyInfo(const ParquetOptions& options) {
  duckdb::CopyInfo info;
  info.format = "parquet";
  info.is_from = false;
  const auto set = [&](const char* name, Value value) {
    info.options[name].push_back(std::move(value));
  };
  switch (options.compression) {
    case ParquetCompression::kSnappy:
      set("compression", Value("snappy"));
      break;
    case ParquetCompression::kZstd:
      set("compression", Value("zstd"));
      set("compression_level", Value::BIGINT(options.zstd_level));
      break;
    case ParquetCompression::kNone:
      set("compression", Value("uncompressed"));
      break;
  }
  set("row_group_size", Value::UBIGINT(options.row_group_rows));
  set("write_bloom_filter", Value::BOOLEAN(options.bloom_filters));
  if (!options.field_ids.empty()) set("field_ids", FieldIdsValue(options.field_ids, -1));
  return info;
}

// Calls the function inside a transaction of the context. A context that is running a query has
// one, and its lock must not be taken again.
void InTransaction(duckdb::ClientContext& context, const std::function<void()>& function) {
  if (context.transaction.HasActiveTransaction()) {
    function();
  } else {
    context.RunFunctionInTransaction(function);
  }
}

int64_t NumberOr(const duckdb::case_insensitive_map_t<Value>& facts, const char* name,
                 int64_t otherwise) {
  const auto found = facts.find(name);
  return found == facts.end() ? otherwise : found->second.GetValue<int64_t>();
}

// A floating-point leaf reached through structs, as positions from the column down.
using LeafPath = std::vector<size_t>;

void AddFloatLeaves(const LogicalType& type, const LeafPath& path, std::vector<LeafPath>& leaves) {
  if (type.id() == LogicalTypeId::FLOAT || type.id() == LogicalTypeId::DOUBLE) {
    leaves.push_back(path);
  } else if (type.id() == LogicalTypeId::STRUCT) {
    const auto& children = duckdb::StructType::GetChildTypes(type);
    for (size_t i = 0; i < children.size(); ++i) {
      LeafPath child = path;
      child.push_back(i);
      AddFloatLeaves(children[i].second, child, leaves);
    }
  }
}

template <typename T>
bool HasNaN(duckdb::Vector& vector, size_t count) {
  const T* data = duckdb::FlatVector::GetData<T>(vector);
  size_t found = 0;
  for (size_t i = 0; i < count; ++i) found += data[i] != data[i];
  if (found == 0) return false;
  const auto& validity = duckdb::FlatVector::Validity(vector);
  for (size_t i = 0; i < count; ++i) {  // what lies under a NULL is no value
    if (data[i] != data[i] && validity.RowIsValid(i)) return true;
  }
  return false;
}

// Adds the leaves of one column. DuckDB names a leaf by its quoted path: "address"."city".
void AddStats(const duckdb::CopyFunctionFileStatistics& written, const LogicalType& type,
              const std::set<LeafPath>& with_nan, const LeafPath& leaf,
              const std::vector<std::string>& path, const std::string& written_name,
              std::vector<ParquetColumnStats>& columns) {
  if (type.id() == LogicalTypeId::STRUCT) {
    const auto& children = duckdb::StructType::GetChildTypes(type);
    for (size_t i = 0; i < children.size(); ++i) {
      const std::string& name = children[i].first;
      std::vector<std::string> child_path = path;
      child_path.push_back(name);
      LeafPath child_leaf = leaf;
      child_leaf.push_back(i);
      AddStats(written, children[i].second, with_nan, child_leaf, child_path,
               written_name + "." + duckdb::KeywordHelper::WriteQuoted(name, '"'), columns);
    }
    return;
  }
  if (type.IsNested()) return;
  const auto found = written.column_statistics.find(written_name);
  if (found == written.column_statistics.end()) return;
  const auto& facts = found->second;
  ParquetColumnStats stats;
  stats.path = path;
  if (const auto min = facts.find("min"); min != facts.end()) stats.min = min->second.ToString();
  if (const auto max = facts.find("max"); max != facts.end()) stats.max = max->second.ToString();
  stats.nulls = NumberOr(facts, "null_count", -1);
  stats.bytes = NumberOr(facts, "column_size_bytes", 0);
  stats.has_nan = with_nan.contains(leaf);
  columns.push_back(std::move(stats));
}

class DuckDBParquetWriter : public ParquetWriter {
 public:
  DuckDBParquetWriter(duckdb::ClientContext& context, std::string path, const Schema& schema,
                      const ParquetOptions& options)
      : files_(duckdb::FileSystem::GetFileSystem(*context.db)),
        path_(std::move(path)),
        schema_(schema),
        types_(schema.Types()),
        options_(options) {
    for (size_t i = 0; i < types_.size(); ++i) AddFloatLeaves(types_[i], {i}, float_leaves_);
  }

  ~DuckDBParquetWriter() override {
    if (state_ == State::kOpen) (void)Abandon();
  }

  void Open(duckdb::ClientContext& context) {
    const duckdb::CopyInfo info = MakeCopyInfo(options_);
    duckdb::vector<std::string> names;
    for (const Field& field : schema_.fields) names.push_back(field.name);
    InTransaction(context, [&] {
      auto& entry =
          duckdb::Catalog::GetSystemCatalog(context).GetEntry<duckdb::CopyFunctionCatalogEntry>(
              context, DEFAULT_SCHEMA, "parquet");
      function_ = std::make_unique<duckdb::CopyFunction>(entry.function);
      duckdb::CopyFunctionBindInput input(info, function_->function_info);
      bind_ = function_->copy_to_bind(context, input, names, types_);
      global_ = function_->copy_to_initialize_global(context, *bind_, path_);
      state_ = State::kOpen;
      function_->copy_to_get_written_statistics(context, *bind_, *global_, written_);
    });
  }

  Result<std::unique_ptr<Local>> NewLocal(duckdb::ClientContext& context) override;
  uint64_t bytes_written() const override { return bytes_written_; }

  Result<ParquetFileStats> Close(duckdb::ClientContext& context) override {
    if (state_ != State::kOpen) return Error::Bug(path_ + ": closed twice");
    const Status closed = CatchDuckDB([&]() -> Status {
      if (rest_) WriteRowGroup(context, std::move(rest_));
      function_->copy_to_finalize(context, *bind_, *global_);
      global_.reset();
      files_.OpenFile(path_, duckdb::FileFlags::FILE_FLAGS_WRITE)->Sync();
      return Status::Ok();
    });
    if (!closed.ok()) {
      (void)Abandon();
      return Error(closed.error()).While("writing " + path_);
    }
    state_ = State::kDone;
    ParquetFileStats stats;
    stats.rows = static_cast<int64_t>(written_.row_count);
    stats.bytes = static_cast<int64_t>(written_.file_size_bytes);
    for (size_t i = 0; i < types_.size(); ++i) {
      const std::string& name = schema_.fields[i].name;
      AddStats(written_, types_[i], with_nan_, {i}, {name},
               duckdb::KeywordHelper::WriteQuoted(name, '"'), stats.columns);
    }
    return stats;
  }

  Status Abandon() override {
    if (state_ != State::kOpen) return Status::Ok();
    state_ = State::kDone;
    return CatchDuckDB([&]() -> Status {
      rest_.reset();
      global_.reset();  // closes the file
      files_.TryRemoveFile(path_);
      return Status::Ok();
    });
  }

  const duckdb::vector<LogicalType>& types() const { return types_; }
  const std::string& path() const { return path_; }

  bool IsFull(const ColumnDataCollection& rows) const {
    return rows.Count() >= options_.row_group_rows ||
           rows.SizeInBytes() >= options_.row_group_bytes;
  }
  bool IsHalfFull(const ColumnDataCollection& rows) const {
    return rows.Count() >= options_.row_group_rows / 2 ||
           rows.SizeInBytes() >= options_.row_group_bytes / 2;
  }

  // Encodes in the calling thread, in parallel with others; only the writing is one at a time.
  void WriteRowGroup(duckdb::ClientContext& context,
                     duckdb::unique_ptr<ColumnDataCollection> rows) {
    FindNaN(*rows);
    auto batch = function_->prepare_batch(context, *bind_, *global_, std::move(rows));
    function_->flush_batch(context, *bind_, *global_, *batch);
    const auto size = static_cast<uint64_t>(
        files_.OpenFile(path_, duckdb::FileFlags::FILE_FLAGS_READ)->GetFileSize());
    uint64_t before = bytes_written_;
    while (before < size && !bytes_written_.compare_exchange_weak(before, size)) {
    }
  }

  // Takes the last rows of a Local, so that many Locals with few rows make few row groups.
  void AddRest(duckdb::ClientContext& context, duckdb::unique_ptr<ColumnDataCollection> rows) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (!rest_) {
        rest_ = std::move(rows);
        return;
      }
      rest_->Combine(*rows);
      if (!IsHalfFull(*rest_)) return;
      rows = std::move(rest_);
    }
    WriteRowGroup(context, std::move(rows));
  }

 private:
  enum class State { kNew, kOpen, kDone };

  // DuckDB's min and max leave NaN out, and its has_nan speaks of the last row group only.
  void FindNaN(const ColumnDataCollection& rows) {
    for (const LeafPath& leaf : float_leaves_) {
      {
        std::lock_guard<std::mutex> lock(mutex_);
        if (with_nan_.contains(leaf)) continue;
      }
      for (duckdb::DataChunk& chunk : rows.Chunks({leaf[0]})) {
        duckdb::Vector* vector = &chunk.data[0];
        for (size_t level = 1; level < leaf.size(); ++level) {
          vector = duckdb::StructVector::GetEntries(*vector)[leaf[level]].get();
        }
        const bool found = vector->GetType().id() == LogicalTypeId::FLOAT
                               ? HasNaN<float>(*vector, chunk.size())
                               : HasNaN<double>(*vector, chunk.size());
        if (!found) continue;
        std::lock_guard<std::mutex> lock(mutex_);
        with_nan_.insert(leaf);
        break;
      }
    }
  }

  duckdb::FileSystem& files_;
  const std::string path_;
  const Schema schema_;
  const duckdb::vector<LogicalType> types_;
  const ParquetOptions options_;
  State state_ = State::kNew;

  std::unique_ptr<duckdb::CopyFunction> function_;
  duckdb::unique_ptr<duckdb::FunctionData> bind_;
  duckdb::CopyFunctionFileStatistics written_;  // filled when the file is finished
  duckdb::unique_ptr<duckdb::GlobalFunctionData> global_;
  std::atomic<uint64_t> bytes_written_ = 0;

  std::vector<LeafPath> float_leaves_;

  std::mutex mutex_;  // guards what follows, until Close
  duckdb::unique_ptr<ColumnDataCollection> rest_;
  std::set<LeafPath> with_nan_;
};

class LocalParquetWriter : public ParquetWriter::Local {
 public:
  LocalParquetWriter(duckdb::ClientContext& context, DuckDBParquetWriter& writer)
      : writer_(writer) {
    StartRows(context);
  }

  Status Write(duckdb::ClientContext& context, duckdb::DataChunk& chunk) override {
    return CatchDuckDB([&]() -> Status {
      if (!rows_) return Error::Bug(writer_.path() + ": Write after Finish");
      rows_->Append(append_, chunk);
      if (writer_.IsFull(*rows_)) {
        append_.current_chunk_state.handles.clear();
        writer_.WriteRowGroup(context, std::move(rows_));
        StartRows(context);
      }
      return Status::Ok();
    });
  }

  Status Flush(duckdb::ClientContext& context) override {
    return CatchDuckDB([&]() -> Status {
      if (!rows_ || rows_->Count() == 0) return Status::Ok();
      append_.current_chunk_state.handles.clear();
      writer_.WriteRowGroup(context, std::move(rows_));
      StartRows(context);
      return Status::Ok();
    });
  }

  Status Finish(duckdb::ClientContext& context) override {
    return CatchDuckDB([&]() -> Status {
      if (!rows_) return Status::Ok();
      append_.current_chunk_state.handles.clear();
      auto rows = std::move(rows_);
      if (rows->Count() == 0) return Status::Ok();
      if (writer_.IsHalfFull(*rows)) {
        writer_.WriteRowGroup(context, std::move(rows));
      } else {
        writer_.AddRest(context, std::move(rows));
      }
      return Status::Ok();
    });
  }

  uint64_t buffered_bytes() const override { return rows_ ? rows_->SizeInBytes() : 0; }

 private:
  void StartRows(duckdb::ClientContext& context) {
    rows_ = duckdb::make_uniq<ColumnDataCollection>(context, writer_.types());
    rows_->SetPartitionIndex(0);  // DuckDB then prefers to spill other things
    append_ = duckdb::ColumnDataAppendState();
    rows_->InitializeAppend(append_);
  }

  DuckDBParquetWriter& writer_;
  duckdb::unique_ptr<ColumnDataCollection> rows_;  // null once finished
  duckdb::ColumnDataAppendState append_;
};

Result<std::unique_ptr<ParquetWriter::Local>> DuckDBParquetWriter::NewLocal(
    duckdb::ClientContext& context) {
  return CatchDuckDB([&]() -> Result<std::unique_ptr<Local>> {
    return std::make_unique<LocalParquetWriter>(context, *this);
  });
}

}  // namespace

const ParquetColumnStats* ParquetFileStats::Find(const std::vector<std::string>& path) const {
  for (const ParquetColumnStats& column : columns) {
    if (column.path == path) return &column;
  }
  return nullptr;
}

Result<std::unique_ptr<ParquetWriter>> ParquetWriter::Create(duckdb::ClientContext& context,
                                                             const std::string& path,
                                                             const Schema& schema,
                                                             const ParquetOptions& options) {
  for (const Field& field : schema.fields) {
    WEIR_ASSIGN_OR_RETURN(const LogicalType stored, StorableType(field.type, field.name));
    if (stored != field.type) {
      return Error::Bug("column '" + field.name + "' is to be stored as " + stored.ToString() +
                        ", and was not cast from " + field.type.ToString());
    }
  }
  return CatchDuckDB([&]() -> Result<std::unique_ptr<ParquetWriter>> {
    auto writer = std::make_unique<DuckDBParquetWriter>(context, path, schema, options);
    writer->Open(context);
    return writer;
  });
}

}  // namespace weir::columnar
