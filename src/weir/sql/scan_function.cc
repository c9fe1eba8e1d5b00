#include "weir/sql/scan_function.h"

#include "duckdb/common/exception.hpp"
#include "duckdb/function/table_function.hpp"
#include "duckdb/main/database.hpp"
#include "duckdb/main/extension/extension_loader.hpp"
#include "duckdb/planner/operator/logical_get.hpp"
#include "weir/sql/scan_bounds.h"

namespace weir::sql {

namespace {

constexpr const char* kFunctionName = "weir_scan";

struct ScanFunctionInfo : duckdb::TableFunctionInfo {
  std::shared_ptr<Scans> scans;
};

struct ScanBindData : duckdb::TableFunctionData {
  std::shared_ptr<Scans> scans;
  std::shared_ptr<ActiveScan> active;
  std::vector<columnar::ColumnBound> bounds;
};

struct ScanGlobalState : duckdb::GlobalTableFunctionState {
  std::vector<uint64_t> columns;
  std::shared_ptr<columnar::SourceScan> scan;
  std::atomic<size_t> next_split{0};
  size_t splits = 0;

  duckdb::idx_t MaxThreads() const override { return std::max<size_t>(1, splits); }
};

// Rows that do not parse carry the scan's own file ordinals; outside they are counted from its
// base.
class UnparsedFromBase final : public columnar::UnparsedRows {
 public:
  UnparsedFromBase(columnar::UnparsedRows* rows, int32_t file_base)
      : rows_(rows), file_base_(file_base) {}
  bool Add(columnar::UnparsedRow row) override {
    row.origin.file += file_base_;
    return rows_->Add(std::move(row));
  }

 private:
  columnar::UnparsedRows* rows_;
  const int32_t file_base_;
};

struct ScanLocalState : duckdb::LocalTableFunctionState {
  explicit ScanLocalState(const ActiveScan& active) : unparsed(active.unparsed, active.file_base) {}

  UnparsedFromBase unparsed;
  size_t split = 0;
  std::unique_ptr<columnar::SplitReader> reader;
  uint64_t reported_bytes = 0;
};

[[noreturn]] void Throw(Scans& scans, Error error) {
  const std::string message = error.ToString();
  scans.SetError(std::move(error));
  throw duckdb::IOException(message);
}

duckdb::unique_ptr<duckdb::FunctionData> Bind(duckdb::ClientContext&,
                                              duckdb::TableFunctionBindInput& input,
                                              duckdb::vector<duckdb::LogicalType>& types,
                                              duckdb::vector<std::string>& names) {
  auto scans = input.info->Cast<ScanFunctionInfo>().scans;
  const std::string name = input.inputs[0].GetValue<std::string>();
  auto active = scans->Find(name);
  if (!active) throw duckdb::BinderException("weir_scan: no source named \"%s\"", name);
  for (const columnar::Field& field : active->schema.fields) {
    names.push_back(field.name);
    types.push_back(field.type);
  }
  auto data = duckdb::make_uniq<ScanBindData>();
  data->scans = std::move(scans);
  data->active = std::move(active);
  return data;
}

duckdb::unique_ptr<duckdb::GlobalTableFunctionState> InitGlobal(
    duckdb::ClientContext&, duckdb::TableFunctionInitInput& input) {
  const auto& data = input.bind_data->Cast<ScanBindData>();
  if (data.active->unreadable) Throw(*data.scans, *data.active->unreadable);
  auto state = duckdb::make_uniq<ScanGlobalState>();
  for (duckdb::column_t id : input.column_ids) {
    if (id >= duckdb::VIRTUAL_COLUMN_START && id < duckdb::VIRTUAL_COLUMN_START + 3) {
      state->columns.push_back(columnar::kOriginColumnBase + (id - duckdb::VIRTUAL_COLUMN_START));
    } else {
      state->columns.push_back(id);
    }
  }
  state->scan = data.active->scan;
  if (data.active->source) {
    columnar::ScanRequest request;
    request.bounds = data.bounds;
    auto planned = data.active->source->Plan(request);
    if (!planned.ok()) Throw(*data.scans, std::move(planned).error());
    state->scan = std::move(planned).value();
  }
  if (state->scan) state->splits = state->scan->splits().size();
  return state;
}

duckdb::unique_ptr<duckdb::LocalTableFunctionState> InitLocal(duckdb::ExecutionContext&,
                                                              duckdb::TableFunctionInitInput& input,
                                                              duckdb::GlobalTableFunctionState*) {
  return duckdb::make_uniq<ScanLocalState>(*input.bind_data->Cast<ScanBindData>().active);
}

void AddFileBase(const ScanGlobalState& global, int32_t base, duckdb::DataChunk& output) {
  for (size_t i = 0; i < global.columns.size(); ++i) {
    if (global.columns[i] != columnar::kOriginColumnBase) continue;
    output.data[i].Flatten(output.size());
    auto* files = duckdb::FlatVector::GetData<int32_t>(output.data[i]);
    for (size_t row = 0; row < output.size(); ++row) files[row] += base;
  }
}

void Scan(duckdb::ClientContext&, duckdb::TableFunctionInput& input, duckdb::DataChunk& output) {
  const auto& data = input.bind_data->Cast<ScanBindData>();
  auto& global = input.global_state->Cast<ScanGlobalState>();
  auto& local = input.local_state->Cast<ScanLocalState>();
  ActiveScan& active = *data.active;
  while (global.scan) {
    if (!local.reader) {
      const size_t split = global.next_split.fetch_add(1);
      if (split >= global.splits) return;
      local.split = split;
      if (active.split_state) active.split_state[split] = ActiveScan::kBegun;
      auto reader = global.scan->Open(split, global.columns, &local.unparsed);
      if (!reader.ok()) Throw(*data.scans, std::move(reader).error());
      local.reader = std::move(reader).value();
      local.reported_bytes = 0;
    }
    auto rows = local.reader->Next(output);
    if (!rows.ok()) Throw(*data.scans, std::move(rows).error());
    const uint64_t bytes = local.reader->bytes_read();
    active.bytes_read += bytes - local.reported_bytes;
    local.reported_bytes = bytes;
    if (*rows > 0) {
      active.rows_read += static_cast<int64_t>(*rows);
      if (active.file_base != 0) AddFileBase(global, active.file_base, output);
      return;
    }
    local.reader.reset();
    if (active.split_state) active.split_state[local.split] = ActiveScan::kEnded;
    output.Reset();
  }
}

// The filters stay where they are: they only say what need not be read.
void PushDown(duckdb::ClientContext&, duckdb::LogicalGet& get, duckdb::FunctionData* bind_data,
              duckdb::vector<duckdb::unique_ptr<duckdb::Expression>>& filters) {
  auto& data = bind_data->Cast<ScanBindData>();
  if (!data.active->source) return;
  for (const columnar::ColumnBound& bound : BoundsOf(get, filters)) data.bounds.push_back(bound);
}

double Progress(duckdb::ClientContext&, const duckdb::FunctionData* bind_data,
                const duckdb::GlobalTableFunctionState*) {
  const ActiveScan& active = *bind_data->Cast<ScanBindData>().active;
  if (active.total_bytes == 0) return 100.0;
  return std::min(100.0, 100.0 * static_cast<double>(active.bytes_read) /
                             static_cast<double>(active.total_bytes));
}

duckdb::unique_ptr<duckdb::NodeStatistics> Cardinality(duckdb::ClientContext&,
                                                       const duckdb::FunctionData* bind_data) {
  // Rows are not known before reading; 100 bytes a row is near enough for join order.
  const ActiveScan& active = *bind_data->Cast<ScanBindData>().active;
  constexpr duckdb::idx_t kRowsUnasked = 1'000'000;
  if (active.source) return duckdb::make_uniq<duckdb::NodeStatistics>(kRowsUnasked);
  return duckdb::make_uniq<duckdb::NodeStatistics>(1 + active.total_bytes / 100);
}

duckdb::virtual_column_map_t VirtualColumns(duckdb::ClientContext&,
                                            duckdb::optional_ptr<duckdb::FunctionData>) {
  using duckdb::LogicalType;
  duckdb::virtual_column_map_t columns;
  const auto base = duckdb::VIRTUAL_COLUMN_START;
  columns.emplace(base, duckdb::TableColumn(columnar::kOriginFileColumn, LogicalType::INTEGER));
  columns.emplace(base + 1,
                  duckdb::TableColumn(columnar::kOriginOffsetColumn, LogicalType::BIGINT));
  columns.emplace(base + 2,
                  duckdb::TableColumn(columnar::kOriginLengthColumn, LogicalType::INTEGER));
  return columns;
}

duckdb::InsertionOrderPreservingMap<std::string> Describe(
    duckdb::TableFunctionToStringInput& input) {
  duckdb::InsertionOrderPreservingMap<std::string> lines;
  lines["Source"] = input.bind_data->Cast<ScanBindData>().active->name;
  return lines;
}

}  // namespace

void Scans::Clear() {
  std::lock_guard lock(mutex_);
  scans_.clear();
  parquet_.clear();
  error_.reset();
}

void Scans::Set(std::shared_ptr<ActiveScan> scan) {
  std::lock_guard lock(mutex_);
  scans_[scan->name] = std::move(scan);
}

std::shared_ptr<ActiveScan> Scans::Find(const std::string& name) const {
  std::lock_guard lock(mutex_);
  auto it = scans_.find(name);
  return it == scans_.end() ? nullptr : it->second;
}

std::vector<std::shared_ptr<ActiveScan>> Scans::All() const {
  std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<ActiveScan>> all;
  for (const auto& [name, scan] : scans_) all.push_back(scan);
  return all;
}

Status Scans::ReadRest() {
  class Ignore final : public columnar::UnparsedRows {
   public:
    bool Add(columnar::UnparsedRow) override { return true; }
  } ignore;
  duckdb::DataChunk chunk;
  chunk.Initialize(duckdb::Allocator::DefaultAllocator(), {duckdb::LogicalType::INTEGER});
  for (const auto& active : All()) {
    if (!active->scan) continue;
    UnparsedFromBase report(active->unparsed, active->file_base);
    for (size_t split = 0; split < active->scan->splits().size(); ++split) {
      if (active->split_state[split] == ActiveScan::kEnded) continue;
      // The bad rows of a split that was begun were reported as far as it was read.
      const bool begun = active->split_state[split] == ActiveScan::kBegun;
      columnar::UnparsedRows* rows = &report;
      if (begun) rows = &ignore;
      WEIR_ASSIGN_OR_RETURN(auto reader,
                            active->scan->Open(split, {columnar::kOriginColumnBase}, rows));
      while (true) {
        chunk.Reset();
        WEIR_ASSIGN_OR_RETURN(size_t count, reader->Next(chunk));
        if (count == 0) break;
      }
      active->split_state[split] = ActiveScan::kEnded;
    }
  }
  return Status::Ok();
}

void Scans::SetParquet(ParquetInput input) {
  std::lock_guard lock(mutex_);
  const auto owner = std::make_shared<const ParquetInput>(std::move(input));
  std::erase_if(parquet_, [&](const auto& entry) { return entry.second->name == owner->name; });
  for (const auto& [path, ordinal] : owner->ordinals) parquet_[path] = owner;
}

std::shared_ptr<const Scans::ParquetInput> Scans::OwnerOf(const std::string& first_path) const {
  std::lock_guard lock(mutex_);
  auto it = parquet_.find(first_path);
  return it == parquet_.end() ? nullptr : it->second;
}

void Scans::SetError(Error error) {
  std::lock_guard lock(mutex_);
  if (!error_) error_ = std::move(error);
}

std::optional<Error> Scans::TakeError() {
  std::lock_guard lock(mutex_);
  std::optional<Error> error = std::move(error_);
  error_.reset();
  return error;
}

void RegisterScanFunction(duckdb::DatabaseInstance& database, std::shared_ptr<Scans> scans) {
  duckdb::TableFunction function(kFunctionName, {duckdb::LogicalType::VARCHAR}, Scan, Bind,
                                 InitGlobal, InitLocal);
  auto info = duckdb::make_shared_ptr<ScanFunctionInfo>();
  info->scans = std::move(scans);
  function.function_info = std::move(info);
  function.projection_pushdown = true;
  function.table_scan_progress = Progress;
  function.cardinality = Cardinality;
  function.get_virtual_columns = VirtualColumns;
  function.pushdown_complex_filter = PushDown;
  function.to_string = Describe;
  duckdb::ExtensionLoader loader(database, "weir");
  loader.RegisterFunction(std::move(function));
}

bool IsScanFunction(const duckdb::LogicalGet& get) { return get.function.name == kFunctionName; }

std::shared_ptr<const Scans::ParquetInput> ParquetInputOf(const duckdb::LogicalGet& get,
                                                          const Scans& scans) {
  if (get.parameters.empty()) return nullptr;
  const duckdb::Value& files = get.parameters[0];
  if (files.IsNull()) return nullptr;
  if (files.type().id() == duckdb::LogicalTypeId::LIST) {
    const auto& children = duckdb::ListValue::GetChildren(files);
    return children.empty() ? nullptr : scans.OwnerOf(children[0].ToString());
  }
  if (files.type().id() != duckdb::LogicalTypeId::VARCHAR) return nullptr;
  return scans.OwnerOf(files.ToString());
}

std::optional<std::string> ScannedName(const duckdb::LogicalGet& get, const Scans& scans) {
  if (IsScanFunction(get)) return get.bind_data->Cast<ScanBindData>().active->name;
  auto owner = ParquetInputOf(get, scans);
  if (!owner) return std::nullopt;
  return owner->name;
}

}  // namespace weir::sql
