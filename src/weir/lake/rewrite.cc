#include "weir/lake/rewrite.h"

#include <map>
#include <mutex>

#include "duckdb/common/types/data_chunk.hpp"
#include "duckdb/common/types/value.hpp"
#include "duckdb/common/value_operations/value_operations.hpp"
#include "duckdb/main/client_context.hpp"
#include "duckdb/main/connection.hpp"
#include "duckdb/main/materialized_query_result.hpp"
#include "weir/columnar/duckdb_error.h"
#include "weir/columnar/path_pattern.h"
#include "weir/columnar/ports.h"
#include "weir/lake/file_stats.h"
#include "weir/lake/paths.h"
#include "weir/lake/row_order.h"
#include "weir/lake/scan_sql.h"

namespace weir::lake {
namespace {

using columnar::QuoteName;
using duckdb::Value;

// Where the rows of a table's files stand, by path, if one of them says so.
using Places = std::map<std::string, int64_t>;

Places PlacesOf(const Snapshot& snapshot) {
  Places places;
  TableOrder order;
  bool any = false;
  for (const auto& file : snapshot.files()) {
    places[file.path] = order.Add(file).first;
    any |= StoredRowOrder(file).has_value();
  }
  if (!any) places.clear();
  return places;
}

// The rows that stay, of these files, with their places if the table keeps them.
std::string KeptRowsSql(const Snapshot& snapshot, const Places& places,
                        const std::vector<AddFile>& files) {
  std::vector<ScanFile> scan;
  for (const auto& file : files) {
    const auto place = places.find(file.path);
    scan.push_back({snapshot.FilePath(file), file.partition_values,
                    place == places.end() ? 0 : place->second});
  }
  std::string columns = ColumnListSql(snapshot.schema());
  if (!places.empty()) {
    for (const char* name : {columnar::kOrderColumn, columnar::kSuborderColumn}) {
      columns += ", ";
      columns += name;
    }
  }
  return "SELECT " + columns + " FROM " +
         ScanSql(snapshot.schema(), snapshot.metadata().partition_columns, scan, !places.empty());
}

std::vector<ScanFile> ScanFiles(const Snapshot& snapshot, const std::vector<AddFile>& files) {
  std::vector<ScanFile> out;
  out.reserve(files.size());
  for (const auto& file : files) out.push_back({snapshot.FilePath(file), file.partition_values});
  return out;
}

// Reads "path, rows" into a map.
Result<std::map<std::string, int64_t>> CountByFile(columnar::Engine& engine,
                                                   duckdb::Connection& connection,
                                                   const std::string& sql) {
  WEIR_ASSIGN_OR_RETURN(auto result, engine.Query(connection, sql));
  std::map<std::string, int64_t> counts;
  for (size_t row = 0; row < result->RowCount(); ++row) {
    counts[result->GetValue(0, row).ToString()] = result->GetValue(1, row).GetValue<int64_t>();
  }
  return counts;
}

// Splits the snapshot's files by how many of their rows are replaced, writes the rest of those
// that lose some. `keep`: a query for the rows that stay, of the files given to it.
Result<Rewrite> Finish(columnar::Engine& engine, duckdb::Connection& connection,
                       const Snapshot& snapshot, const std::map<std::string, int64_t>& counts,
                       const std::function<std::string(const std::vector<AddFile>&)>& keep,
                       DataFilesOptions options, bool keep_order) {
  Rewrite rewrite;
  std::vector<AddFile> partly;
  for (const auto& file : snapshot.files()) {
    const auto count = counts.find(snapshot.FilePath(file));
    if (count == counts.end()) continue;
    rewrite.removed.push_back(file);
    rewrite.rows_removed += count->second;
    if (ParseNumRecords(file.stats) != count->second) partly.push_back(file);
  }
  if (partly.empty()) return rewrite;
  options.keep_order = keep_order;
  DataFiles files(engine, std::move(options));
  WEIR_RETURN_IF_ERROR(WriteQuery(engine, connection, keep(partly), files).status());
  WEIR_ASSIGN_OR_RETURN(rewrite.adds, files.Close());
  return rewrite;
}

// A key column's values among the new rows, as bounds.
struct KeyRange {
  std::string name;
  duckdb::LogicalType type;
  bool partition = false;
  bool has_nulls = false;
  Value min;
  Value max;
};

// Could the file hold a row with one of the keys?
bool MayHoldKey(const columnar::Schema& schema, const std::vector<KeyRange>& keys,
                const AddFile& file) {
  const FileStats stats = ParseStats(schema, file.stats);
  for (const auto& key : keys) {
    if (key.has_nulls) continue;
    std::optional<std::string> low;
    std::optional<std::string> high;
    if (key.partition) {
      const auto value = file.partition_values.find(key.name);
      if (value == file.partition_values.end()) continue;
      low = high = CastableText(value->second, key.type);
      if (!low) return false;  // NULL, and no key is
    } else {
      const auto bounds = stats.min_max.find(key.name);
      if (bounds == stats.min_max.end()) continue;
      low = bounds->second.first;
      high = bounds->second.second;
    }
    Value file_min;
    Value file_max;
    std::string error;
    if (!Value(*low).DefaultTryCastAs(key.type, file_min, &error) ||
        !Value(*high).DefaultTryCastAs(key.type, file_max, &error) || key.min.IsNull()) {
      continue;
    }
    if (duckdb::ValueOperations::LessThan(file_max, key.min) ||
        duckdb::ValueOperations::GreaterThan(file_min, key.max)) {
      return false;
    }
  }
  return true;
}

}  // namespace

Result<int64_t> WriteQuery(columnar::Engine& engine, duckdb::Connection& connection,
                           const std::string& sql, DataFiles& files) {
  return columnar::CatchDuckDB([&]() -> Result<int64_t> {
    auto result = connection.SendQuery(sql);
    if (result->HasError()) return columnar::FromDuckDB(result->GetErrorObject());

    // Rows are fetched one thread at a time and encoded side by side: encoding is the work.
    std::mutex mutex;
    Status status;      // guarded by mutex
    int64_t rows = 0;   // guarded by mutex
    bool done = false;  // guarded by mutex
    const auto fetch = [&]() -> duckdb::unique_ptr<duckdb::DataChunk> {
      const std::lock_guard lock(mutex);
      if (done || !status.ok()) return nullptr;
      auto chunk = result->Fetch();
      if (result->HasError()) status = columnar::FromDuckDB(result->GetErrorObject());
      if (!status.ok() || !chunk || chunk->size() == 0) {
        done = true;
        return nullptr;
      }
      rows += static_cast<int64_t>(chunk->size());
      return chunk;
    };
    const auto write = [&]() -> Status {
      WEIR_ASSIGN_OR_RETURN(auto writer, files.OpenWriter());
      while (auto chunk = fetch()) WEIR_RETURN_IF_ERROR(writer->Write(*chunk));
      return writer->Finish();
    };
    const auto body = [&] {
      Status written = columnar::CatchDuckDB(write);
      const std::lock_guard lock(mutex);
      if (status.ok()) status = std::move(written);
    };
    std::vector<std::unique_ptr<Thread>> pool;
    for (int i = 1; i < engine.options().threads; ++i) {
      pool.push_back(engine.env().StartThread("lake-write", body));
    }
    body();
    pool.clear();  // joins
    WEIR_RETURN_IF_ERROR(std::move(status));
    return rows;
  });
}

Status SetWarehouse(columnar::Engine& engine, duckdb::Connection& connection,
                    const std::string& table) {
  return engine
      .Query(connection, "SET VARIABLE weir_warehouse = " +
                             columnar::QuoteLiteral(columnar::PathPattern(ParentPath(table))))
      .status();
}

Result<Rewrite> RewriteWhere(columnar::Engine& engine, const Snapshot& snapshot,
                             const std::string& predicate, const DataFilesOptions& options) {
  WEIR_ASSIGN_OR_RETURN(auto connection, engine.Connect());
  WEIR_RETURN_IF_ERROR(SetWarehouse(engine, *connection, options.table));
  const auto& schema = snapshot.schema();
  const auto& partition_columns = snapshot.metadata().partition_columns;
  const std::string path = kScanFileColumn;
  const std::string where = " WHERE (" + predicate + "\n)";  // the predicate may end in a comment

  // A predicate over partition columns alone names whole files, without reading any.
  auto whole = engine.Query(
      *connection,
      "SELECT " + path + " FROM " +
          PartitionSql(schema, partition_columns, ScanFiles(snapshot, snapshot.files())) + where);
  if (whole.ok()) {
    std::map<std::string, bool> paths;
    for (size_t row = 0; row < (*whole)->RowCount(); ++row) {
      paths[(*whole)->GetValue(0, row).ToString()] = true;
    }
    Rewrite rewrite;
    for (const auto& file : snapshot.files()) {
      if (!paths.contains(snapshot.FilePath(file))) continue;
      rewrite.removed.push_back(file);
      rewrite.rows_removed += std::max<int64_t>(0, ParseNumRecords(file.stats));
    }
    rewrite.may_match = [](const AddFile&) { return true; };
    return rewrite;
  }

  WEIR_ASSIGN_OR_RETURN(
      const auto counts,
      CountByFile(engine, *connection,
                  "SELECT " + path + ", count(*) FROM " +
                      ScanSql(schema, partition_columns, ScanFiles(snapshot, snapshot.files())) +
                      where + " GROUP BY " + path));
  const Places places = PlacesOf(snapshot);
  const auto keep = [&](const std::vector<AddFile>& files) {
    return KeptRowsSql(snapshot, places, files) + " WHERE (" + predicate + "\n) IS NOT TRUE";
  };
  WEIR_ASSIGN_OR_RETURN(Rewrite rewrite, Finish(engine, *connection, snapshot, counts, keep,
                                                options, !places.empty()));
  rewrite.may_match = [](const AddFile&) { return true; };
  return rewrite;
}

Result<Rewrite> RewriteKeys(columnar::Engine& engine, const Snapshot& snapshot,
                            const std::vector<std::string>& keys, const std::vector<AddFile>& newer,
                            const DataFilesOptions& options) {
  WEIR_ASSIGN_OR_RETURN(auto connection, engine.Connect());
  const auto& schema = snapshot.schema();
  const auto& partition_columns = snapshot.metadata().partition_columns;
  std::string names;
  std::string bounds;
  std::string equal;
  for (const auto& key : keys) {
    const std::string name = QuoteName(key);
    names += (names.empty() ? "" : ", ") + name;
    bounds += (bounds.empty() ? "" : ", ") +
              ("min(" + name + "), max(" + name + "), count(*) - count(" + name + ")");
    equal += (equal.empty() ? "" : " AND ") + ("t." + name + " IS NOT DISTINCT FROM k." + name);
  }
  WEIR_RETURN_IF_ERROR(
      engine
          .Query(*connection, "CREATE TEMP TABLE weir_keys AS SELECT DISTINCT " + names + " FROM " +
                                  ScanSql(schema, partition_columns, ScanFiles(snapshot, newer)))
          .status());
  WEIR_ASSIGN_OR_RETURN(auto extent,
                        engine.Query(*connection, "SELECT " + bounds + " FROM weir_keys"));
  std::vector<KeyRange> ranges;
  for (size_t i = 0; i < keys.size(); ++i) {
    const auto& field = schema.fields[static_cast<size_t>(schema.Find(keys[i]))];
    KeyRange range;
    range.name = field.name;
    range.type = field.type;
    for (const auto& column : partition_columns) range.partition |= column == field.name;
    range.min = extent->GetValue(3 * i, 0);
    range.max = extent->GetValue(3 * i + 1, 0);
    range.has_nulls = extent->GetValue(3 * i + 2, 0).GetValue<int64_t>() > 0;
    ranges.push_back(std::move(range));
  }
  const auto may_match = [schema, ranges](const AddFile& file) {
    return MayHoldKey(schema, ranges, file);
  };

  std::vector<AddFile> candidates;
  for (const auto& file : snapshot.files()) {
    if (may_match(file)) candidates.push_back(file);
  }
  std::map<std::string, int64_t> counts;
  if (!candidates.empty() && !newer.empty()) {
    const std::string path = kScanFileColumn;
    WEIR_ASSIGN_OR_RETURN(
        counts,
        CountByFile(engine, *connection,
                    "SELECT " + path + ", count(*) FROM " +
                        ScanSql(schema, partition_columns, ScanFiles(snapshot, candidates)) +
                        " AS t SEMI JOIN weir_keys AS k ON " + equal + " GROUP BY " + path));
  }
  const Places places = PlacesOf(snapshot);
  const auto keep = [&](const std::vector<AddFile>& files) {
    return KeptRowsSql(snapshot, places, files) + " AS t ANTI JOIN weir_keys AS k ON " + equal;
  };
  WEIR_ASSIGN_OR_RETURN(Rewrite rewrite, Finish(engine, *connection, snapshot, counts, keep,
                                                options, !places.empty()));
  rewrite.may_match = may_match;
  return rewrite;
}

}  // namespace weir::lake
