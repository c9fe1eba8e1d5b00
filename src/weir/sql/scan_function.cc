#include "weir/sql/scan_function.h"

#include <algorithm>

#include "duckdb/common/exception.hpp"
#include "duckdb/common/vector_operations/unary_executor.hpp"
#include "duckdb/function/scalar_function.hpp"
#include "duckdb/function/table_function.hpp"
#include "duckdb/main/database.hpp"
#include "duckdb/main/extension/extension_loader.hpp"
#include "duckdb/planner/operator/logical_get.hpp"
#include "weir/sql/scan_bounds.h"

namespace weir::sql {

namespace {

constexpr const char* kFunctionName = "weir_scan";
constexpr const char* kParquetTag = "__weir_file_of ";

struct ScanFunctionInfo : duckdb::TableFunctionInfo {
  std::shared_ptr<Scans> scans;
};

struct ScanBindData : duckdb::TableFunctionData {
  std::shared_ptr<Scans> scans;
  std::shared_ptr<ActiveScan> active;
  std::vector<columnar::ColumnBound> bounds;
  bool shares_columns = false;  // reads active->columns, whatever the plan wants
};

struct ScanGlobalState : duckdb::GlobalTableFunctionState {
  std::vector<uint64_t> columns;  // of the output
  // Of the readers, if not the same; and where the output's columns are among them.
  std::vector<uint64_t> read_columns;
  std::vector<size_t> positions;
  duckdb::vector<duckdb::LogicalType> read_types;
  std::shared_ptr<columnar::SourceScan> scan;
  std::atomic<size_t> next_split{0};
  size_t splits = 0;

  duckdb::idx_t MaxThreads() const override { return std::max<size_t>(1, splits); }
};

// Rows of a split that do not parse: they carry the scan's own file ordinals, outside they are
// counted from its base. What another reader of the split reported is not reported again.
class UnparsedOfSplit final : public columnar::UnparsedRows {
 public:
  explicit UnparsedOfSplit(const ActiveScan& active) : active_(active) {}

  void Begin(size_t split) {
    split_ = split;
    met_ = 0;
  }
  bool Add(columnar::UnparsedRow row) override {
    if (active_.split_states && !IsFirst()) return true;
    row.origin.file += active_.file_base;
    return active_.unparsed->Add(std::move(row));
  }

 private:
  // Readers of a split meet its rows in one sequence: the number tells which.
  bool IsFirst() {
    int64_t before = met_++;
    return active_.split_states[split_].unparsed.compare_exchange_strong(before, met_);
  }

  const ActiveScan& active_;
  size_t split_ = 0;
  int64_t met_ = 0;
};

duckdb::LogicalType TypeOf(const ActiveScan& active, uint64_t column) {
  if (column < columnar::kOriginColumnBase) return active.schema.fields[column].type;
  return column == columnar::kOriginColumnBase + 1 ? duckdb::LogicalType::BIGINT
                                                   : duckdb::LogicalType::INTEGER;
}

struct ScanLocalState : duckdb::LocalTableFunctionState {
  explicit ScanLocalState(const ActiveScan& active) : unparsed(active) {}

  UnparsedOfSplit unparsed;
  duckdb::DataChunk read;  // if readers read other columns than the output's
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

// The number by which readers know a column of DuckDB's.
uint64_t ColumnOf(duckdb::column_t id) {
  const bool origin =
      id >= duckdb::VIRTUAL_COLUMN_START &&
      id < duckdb::VIRTUAL_COLUMN_START + static_cast<size_t>(columnar::kOriginColumnCount);
  return origin ? columnar::kOriginColumnBase + (id - duckdb::VIRTUAL_COLUMN_START) : id;
}

duckdb::unique_ptr<duckdb::GlobalTableFunctionState> InitGlobal(
    duckdb::ClientContext&, duckdb::TableFunctionInitInput& input) {
  const auto& data = input.bind_data->Cast<ScanBindData>();
  if (data.active->unreadable) Throw(*data.scans, *data.active->unreadable);
  auto state = duckdb::make_uniq<ScanGlobalState>();
  for (duckdb::column_t id : input.column_ids) state->columns.push_back(ColumnOf(id));
  if (data.shares_columns) {
    const std::vector<uint64_t>& shared = data.active->columns;
    for (const uint64_t column : state->columns) {
      const auto found = std::find(shared.begin(), shared.end(), column);
      state->positions.push_back(static_cast<size_t>(found - shared.begin()));
    }
    for (const uint64_t column : shared) {
      state->read_types.push_back(TypeOf(*data.active, column));
    }
    state->read_columns = shared;
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

duckdb::unique_ptr<duckdb::LocalTableFunctionState> InitLocal(
    duckdb::ExecutionContext& context, duckdb::TableFunctionInitInput& input,
    duckdb::GlobalTableFunctionState* global_state) {
  auto state = duckdb::make_uniq<ScanLocalState>(*input.bind_data->Cast<ScanBindData>().active);
  const auto& types = global_state->Cast<ScanGlobalState>().read_types;
  if (!types.empty()) state->read.Initialize(context.client, types);
  return state;
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
  const bool shared = !global.read_columns.empty();
  while (global.scan) {
    if (!local.reader) {
      const size_t split = global.next_split.fetch_add(1);
      if (split >= global.splits) return;
      local.split = split;
      local.unparsed.Begin(split);
      auto reader =
          global.scan->Open(split, shared ? global.read_columns : global.columns, &local.unparsed);
      if (!reader.ok()) Throw(*data.scans, std::move(reader).error());
      local.reader = std::move(reader).value();
      local.reported_bytes = 0;
    }
    if (shared) local.read.Reset();
    auto rows = local.reader->Next(shared ? local.read : output);
    if (!rows.ok()) Throw(*data.scans, std::move(rows).error());
    const uint64_t bytes = local.reader->bytes_read();
    active.bytes_read += bytes - local.reported_bytes;
    local.reported_bytes = bytes;
    if (*rows > 0) {
      active.rows_read += static_cast<int64_t>(*rows);
      if (shared) {
        for (size_t i = 0; i < global.positions.size(); ++i) {
          output.data[i].Reference(local.read.data[global.positions[i]]);
        }
        output.SetCardinality(*rows);
      }
      if (active.file_base != 0) AddFileBase(global, active.file_base, output);
      return;
    }
    local.reader.reset();
    if (active.split_states) active.split_states[local.split].ended = true;
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

void CollectScans(duckdb::LogicalOperator& op,
                  std::map<ActiveScan*, std::vector<duckdb::LogicalGet*>>& scans) {
  if (op.type == duckdb::LogicalOperatorType::LOGICAL_GET) {
    auto& get = op.Cast<duckdb::LogicalGet>();
    if (IsScanFunction(get)) {
      scans[get.bind_data->Cast<ScanBindData>().active.get()].push_back(&get);
    }
  }
  for (const auto& child : op.children) CollectScans(*child, scans);
}

duckdb::ScalarFunction FileOrdinal(std::shared_ptr<const Scans> scans) {
  const auto ordinal_of = [](const Scans::ParquetInput& input,
                             const duckdb::string_t& path) -> int64_t {
    const auto found = input.ordinals.find(path.GetString());
    if (found == input.ordinals.end()) {
      throw duckdb::InternalException("a row of \"%s\" comes from %s, which is no file of it",
                                      input.name, path.GetString());
    }
    return found->second;
  };
  return duckdb::ScalarFunction(
      kFileOrdinalFunction, {duckdb::LogicalType::VARCHAR, duckdb::LogicalType::VARCHAR},
      duckdb::LogicalType::BIGINT,
      [scans = std::move(scans), ordinal_of](duckdb::DataChunk& chunk, duckdb::ExpressionState&,
                                             duckdb::Vector& result) {
        const std::string name = chunk.data[0].GetValue(0).ToString();
        const auto input = scans->FindParquet(name);
        if (!input) throw duckdb::InternalException("nothing reads \"%s\" here", name);
        std::string last_path;  // the rows of a chunk are of one file, mostly
        int64_t last = -1;
        duckdb::UnaryExecutor::Execute<duckdb::string_t, int64_t>(
            chunk.data[1], result, chunk.size(), [&](const duckdb::string_t& path) {
              const std::string_view text(path.GetData(), path.GetSize());
              if (last < 0 || text != last_path) {
                last = ordinal_of(*input, path);
                last_path = text;
              }
              return last;
            });
      });
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
  for (const auto& active : All()) {
    if (!active->scan) continue;
    std::vector<uint64_t> columns = active->columns;
    if (columns.empty()) columns.push_back(columnar::kOriginColumnBase);
    duckdb::vector<duckdb::LogicalType> types;
    for (const uint64_t column : columns) types.push_back(TypeOf(*active, column));
    duckdb::DataChunk chunk;
    UnparsedOfSplit unparsed(*active);
    for (size_t split = 0; split < active->scan->splits().size(); ++split) {
      if (active->split_states[split].ended) continue;
      if (chunk.ColumnCount() == 0) {
        chunk.Initialize(duckdb::Allocator::DefaultAllocator(), types);
      }
      unparsed.Begin(split);
      WEIR_ASSIGN_OR_RETURN(auto reader, active->scan->Open(split, columns, &unparsed));
      while (true) {
        chunk.Reset();
        WEIR_ASSIGN_OR_RETURN(size_t count, reader->Next(chunk));
        if (count == 0) break;
      }
      active->split_states[split].ended = true;
    }
  }
  return Status::Ok();
}

void Scans::SetParquet(ParquetInput input) {
  std::lock_guard lock(mutex_);
  auto shared = std::make_shared<const ParquetInput>(std::move(input));
  parquet_[shared->name] = shared;
}

std::shared_ptr<const Scans::ParquetInput> Scans::FindParquet(const std::string& name) const {
  std::lock_guard lock(mutex_);
  auto it = parquet_.find(name);
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
  duckdb::ExtensionLoader loader(database, "weir");
  loader.RegisterFunction(FileOrdinal(scans));
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
  loader.RegisterFunction(std::move(function));
}

bool IsScanFunction(const duckdb::LogicalGet& get) { return get.function.name == kFunctionName; }

std::string ParquetTag(const std::string& name) { return kParquetTag + name; }

std::shared_ptr<const Scans::ParquetInput> ParquetInputOf(const duckdb::LogicalGet& get,
                                                          const Scans& scans) {
  const auto tag = get.named_parameters.find("filename");
  if (tag == get.named_parameters.end() || tag->second.IsNull()) return nullptr;
  const std::string text = tag->second.ToString();
  if (!text.starts_with(kParquetTag)) return nullptr;
  return scans.FindParquet(text.substr(std::string_view(kParquetTag).size()));
}

std::optional<std::string> ScannedName(const duckdb::LogicalGet& get, const Scans& scans) {
  if (IsScanFunction(get)) return get.bind_data->Cast<ScanBindData>().active->name;
  auto owner = ParquetInputOf(get, scans);
  if (!owner) return std::nullopt;
  return owner->name;
}

void ShareColumns(duckdb::LogicalOperator& plan) {
  std::map<ActiveScan*, std::vector<duckdb::LogicalGet*>> scans;
  CollectScans(plan, scans);
  for (const auto& [active, gets] : scans) {
    std::vector<uint64_t>& columns = active->columns;
    columns.clear();
    for (const duckdb::LogicalGet* get : gets) {
      for (const auto& id : get->GetColumnIds()) {
        const uint64_t column = ColumnOf(id.GetPrimaryIndex());
        if (std::find(columns.begin(), columns.end(), column) == columns.end()) {
          columns.push_back(column);
        }
      }
    }
    if (gets.size() == 1) continue;  // in its own order
    std::sort(columns.begin(), columns.end());
    for (duckdb::LogicalGet* get : gets) {
      get->bind_data->Cast<ScanBindData>().shares_columns = true;
    }
  }
}

}  // namespace weir::sql
