#include "weir/sql/write_function.h"

#include <algorithm>

#include "duckdb/common/exception.hpp"
#include "duckdb/function/copy_function.hpp"
#include "duckdb/main/config.hpp"
#include "duckdb/main/database.hpp"
#include "duckdb/main/extension/extension_loader.hpp"
#include "duckdb/optimizer/optimizer.hpp"
#include "duckdb/optimizer/optimizer_extension.hpp"
#include "duckdb/parser/parsed_data/copy_info.hpp"
#include "duckdb/planner/operator/logical_copy_to_file.hpp"
#include "weir/sql/row_origin.h"
#include "weir/sql/staged_rows.h"

namespace weir::sql {

namespace {

constexpr const char* kFormatName = "weir_write";

struct WriteInfo : duckdb::CopyFunctionInfo {
  std::shared_ptr<FlowWrites> writes;
  std::shared_ptr<Scans> scans;
};

struct WriteBindData : duckdb::FunctionData {
  std::shared_ptr<FlowWrite> write;
  std::shared_ptr<Scans> scans;

  duckdb::unique_ptr<duckdb::FunctionData> Copy() const override {
    return duckdb::make_uniq<WriteBindData>(*this);
  }
  bool Equals(const duckdb::FunctionData& other) const override {
    return write == other.Cast<WriteBindData>().write;
  }
};

struct HookInfo : duckdb::OptimizerExtensionInfo {
  std::shared_ptr<Scans> scans;
};

struct WriteGlobalState : duckdb::GlobalFunctionData {};

// What one thread writes with.
struct WriteLocalState : duckdb::LocalFunctionData {
  std::unique_ptr<columnar::SinkWriter> writer;
  std::unique_ptr<guard::RowGate> gate;
  std::unique_ptr<guard::QuarantineBuilder> quarantine;
  duckdb::SelectionVector accepted;
  duckdb::SelectionVector rejected;
  std::vector<uint64_t> verdicts;
  duckdb::DataChunk out;
  // The last row's origin and place there, and how many rows in sequence had the same before.
  int64_t last_file = -1;
  int64_t last_offset = -1;
  int64_t last_suborder = -1;
  int64_t repeats = 0;
};

[[noreturn]] void Throw(const WriteBindData& data, Error error) {
  const std::string message = error.ToString();
  data.scans->SetError(std::move(error));
  throw duckdb::IOException(message);
}

void Check(const WriteBindData& data, Status status) {
  if (!status.ok()) Throw(data, std::move(status).error());
}

duckdb::unique_ptr<duckdb::FunctionData> Bind(duckdb::ClientContext&,
                                              duckdb::CopyFunctionBindInput& input,
                                              const duckdb::vector<std::string>& names,
                                              const duckdb::vector<duckdb::LogicalType>&) {
  auto& info = input.function_info->Cast<WriteInfo>();
  auto data = duckdb::make_uniq<WriteBindData>();
  data->write = info.writes->Find(input.info.file_path);
  data->scans = info.scans;
  if (!data->write) {
    throw duckdb::BinderException("no flow \"%s\" is running", input.info.file_path);
  }
  FlowWrite& write = *data->write;
  const size_t own = write.table_columns + write.flag_columns;
  if (write.brings_origin) write.origin_column = static_cast<int>(own);
  if (names.size() != own + (write.brings_origin ? kStagedColumnCount : 0)) {
    throw duckdb::InternalException("flow \"%s\" brings %d columns, its table has %d",
                                    input.info.file_path, names.size(), data->write->table_columns);
  }
  return data;
}

duckdb::unique_ptr<duckdb::GlobalFunctionData> InitGlobal(duckdb::ClientContext&,
                                                          duckdb::FunctionData& bind_data,
                                                          const std::string&) {
  auto& data = bind_data.Cast<WriteBindData>();
  FlowWrite& write = *data.write;
  auto gate = write.open_gate(write.origin_column);
  if (!gate.ok()) Throw(data, std::move(gate).error());
  write.gate = std::move(gate).value();
  return duckdb::make_uniq<WriteGlobalState>();
}

duckdb::unique_ptr<duckdb::LocalFunctionData> InitLocal(duckdb::ExecutionContext& context,
                                                        duckdb::FunctionData& bind_data) {
  auto& data = bind_data.Cast<WriteBindData>();
  FlowWrite& write = *data.write;
  auto state = duckdb::make_uniq<WriteLocalState>();
  auto writer = write.table->OpenWriter(context.client);
  if (!writer.ok()) Throw(data, std::move(writer).error());
  state->writer = std::move(writer).value();
  if (write.gate) {
    auto gate = write.gate->OpenGate(context.client);
    if (!gate.ok()) Throw(data, std::move(gate).error());
    state->gate = std::move(gate).value();
  }
  if (write.quarantine_spec) {
    state->quarantine =
        std::make_unique<guard::QuarantineBuilder>(write.quarantine_spec, write.emit_quarantine);
  }
  return state;
}

// Rows that come of one row have its suborder and, in so many bits, their own number: enough for
// two million of each, three times over.
constexpr int kSuborderBits = 21;
constexpr int64_t kRepeatsMax = (int64_t{1} << kSuborderBits) - 1;
constexpr int64_t kSuborderMax = (int64_t{1} << (2 * kSuborderBits)) - 1;

// The rows' places, from their origin.
void PlaceRows(const FlowWrite& write, duckdb::DataChunk& chunk, WriteLocalState& state,
               duckdb::Vector& order, duckdb::Vector& suborder) {
  if (write.origin_column < 0) {
    order.Reference(duckdb::Value::BIGINT(-1));
    suborder.Reference(duckdb::Value::BIGINT(0));
    return;
  }
  const auto column = static_cast<size_t>(write.origin_column);
  if (write.brings_origin) {  // staged rows know theirs
    order.Reference(chunk.data[column + columnar::kOriginColumnCount]);
    suborder.Reference(chunk.data[column + columnar::kOriginColumnCount + 1]);
    return;
  }
  duckdb::UnifiedVectorFormat formats[3];
  const int64_t* values[3];  // file, offset, suborder
  for (const auto& [i, at] : {std::pair(0, 0), std::pair(1, 1), std::pair(2, 3)}) {
    chunk.data[column + static_cast<size_t>(at)].ToUnifiedFormat(chunk.size(), formats[i]);
    values[i] = duckdb::UnifiedVectorFormat::GetData<int64_t>(formats[i]);
  }
  duckdb::Vector places(duckdb::LogicalType::BIGINT);
  duckdb::Vector subplaces(duckdb::LogicalType::BIGINT);
  auto* place = duckdb::FlatVector::GetData<int64_t>(places);
  auto* subplace = duckdb::FlatVector::GetData<int64_t>(subplaces);
  for (size_t row = 0; row < chunk.size(); ++row) {
    const int64_t file = values[0][formats[0].sel->get_index(row)];
    const int64_t offset = values[1][formats[1].sel->get_index(row)];
    const int64_t above = values[2][formats[2].sel->get_index(row)];
    const bool known = file >= 0 && static_cast<size_t>(file) < write.order_bases.size();
    place[row] = (known ? write.order_bases[static_cast<size_t>(file)] : 0) + offset;
    subplace[row] = above;
    if (!write.multiplies) continue;
    const bool again =
        file == state.last_file && offset == state.last_offset && above == state.last_suborder;
    state.repeats = again ? state.repeats + 1 : 0;
    state.last_file = file;
    state.last_offset = offset;
    state.last_suborder = above;
    subplace[row] =
        (std::min(above, kSuborderMax) << kSuborderBits) + std::min(state.repeats, kRepeatsMax);
  }
  order.Reference(places);
  suborder.Reference(subplaces);
}

// The table's columns of the chunk and what its writer wants behind them; no copy of values.
void ReferenceTableColumns(const FlowWrite& write, duckdb::DataChunk& chunk,
                           WriteLocalState& state) {
  using Behind = FlowWrite::Behind;
  duckdb::DataChunk& out = state.out;
  size_t columns = write.table_columns;
  if (write.behind == Behind::kOrder) columns += columnar::kOrderColumnCount;
  if (write.behind == Behind::kStaged) columns += kStagedColumnCount;
  if (out.ColumnCount() == 0) {
    duckdb::vector<duckdb::LogicalType> types;
    for (size_t i = 0; i < write.table_columns; ++i) types.push_back(chunk.data[i].GetType());
    types.resize(columns, duckdb::LogicalType::BIGINT);
    out.InitializeEmpty(types);
  }
  for (size_t i = 0; i < write.table_columns; ++i) out.data[i].Reference(chunk.data[i]);
  size_t next = write.table_columns;
  if (write.behind == Behind::kStaged) {
    for (int i = 0; i < columnar::kOriginColumnCount; ++i, ++next) {
      if (write.origin_column < 0) {
        out.data[next].Reference(duckdb::Value::BIGINT(i == 0 ? -1 : 0));
      } else {
        out.data[next].Reference(chunk.data[static_cast<size_t>(write.origin_column + i)]);
      }
    }
  }
  if (next < columns) PlaceRows(write, chunk, state, out.data[next], out.data[next + 1]);
  out.SetCardinality(chunk.size());
}

void Sink(duckdb::ExecutionContext& context, duckdb::FunctionData& bind_data,
          duckdb::GlobalFunctionData&, duckdb::LocalFunctionData& local_state,
          duckdb::DataChunk& chunk) {
  auto& data = bind_data.Cast<WriteBindData>();
  auto& state = local_state.Cast<WriteLocalState>();
  FlowWrite& write = *data.write;
  write.rows_in += static_cast<int64_t>(chunk.size());
  ReferenceTableColumns(write, chunk, state);
  if (state.gate) {
    auto verdict = state.gate->Check(chunk, state.accepted, state.rejected, state.verdicts);
    if (!verdict.ok()) Throw(data, std::move(verdict).error());
    if (verdict->rejected > 0) {
      write.rows_rejected += static_cast<int64_t>(verdict->rejected);
      if (state.quarantine) {
        Check(data, state.quarantine->AddRejected(*state.gate, chunk, state.rejected,
                                                  verdict->rejected, state.verdicts));
      }
      if (verdict->accepted == 0) return;
      state.out.Slice(state.accepted, verdict->accepted);
    }
  }
  write.rows_out += static_cast<int64_t>(state.out.size());
  Check(data, state.writer->Write(context.client, state.out));
}

void Combine(duckdb::ExecutionContext& context, duckdb::FunctionData& bind_data,
             duckdb::GlobalFunctionData&, duckdb::LocalFunctionData& local_state) {
  auto& data = bind_data.Cast<WriteBindData>();
  auto& state = local_state.Cast<WriteLocalState>();
  if (state.gate) state.gate->Finish();
  if (state.quarantine) Check(data, state.quarantine->Finish());
  Check(data, state.writer->Finish(context.client));
}

void Finalize(duckdb::ClientContext&, duckdb::FunctionData&, duckdb::GlobalFunctionData&) {}

duckdb::CopyFunctionExecutionMode ExecutionMode(bool, bool) {
  return duckdb::CopyFunctionExecutionMode::PARALLEL_COPY_TO_FILE;
}

void AddOrigin(duckdb::OptimizerExtensionInput& input,
               duckdb::unique_ptr<duckdb::LogicalOperator>& plan) {
  if (plan->type != duckdb::LogicalOperatorType::LOGICAL_COPY_TO_FILE) return;
  auto& copy = plan->Cast<duckdb::LogicalCopyToFile>();
  if (copy.function.name != kFormatName) return;
  auto& data = copy.bind_data->Cast<WriteBindData>();
  if (data.write->brings_origin) return;
  const auto& info = static_cast<const HookInfo&>(*input.info);
  const bool multiplies = MultipliesRows(*plan->children[0]);
  if (!ThreadOrigin(plan->children[0], input.optimizer.binder, *info.scans)) return;
  FlowWrite& write = *data.write;
  write.origin_column = static_cast<int>(write.table_columns + write.flag_columns);
  write.multiplies = multiplies;
}

void ShareScannedColumns(duckdb::OptimizerExtensionInput&,
                         duckdb::unique_ptr<duckdb::LogicalOperator>& plan) {
  if (plan->type != duckdb::LogicalOperatorType::LOGICAL_COPY_TO_FILE) return;
  if (plan->Cast<duckdb::LogicalCopyToFile>().function.name == kFormatName) ShareColumns(*plan);
}

}  // namespace

void FlowWrites::Set(std::shared_ptr<FlowWrite> write) {
  std::lock_guard lock(mutex_);
  writes_[write->flow_id] = std::move(write);
}

void FlowWrites::Remove(const std::string& flow_id) {
  std::lock_guard lock(mutex_);
  writes_.erase(flow_id);
}

std::shared_ptr<FlowWrite> FlowWrites::Find(const std::string& flow_id) const {
  std::lock_guard lock(mutex_);
  auto it = writes_.find(flow_id);
  return it == writes_.end() ? nullptr : it->second;
}

void RegisterWriteFunction(duckdb::DatabaseInstance& database, std::shared_ptr<FlowWrites> writes,
                           std::shared_ptr<Scans> scans) {
  duckdb::CopyFunction function(kFormatName);
  function.copy_to_bind = Bind;
  function.copy_to_initialize_global = InitGlobal;
  function.copy_to_initialize_local = InitLocal;
  function.copy_to_sink = Sink;
  function.copy_to_combine = Combine;
  function.copy_to_finalize = Finalize;
  function.execution_mode = ExecutionMode;
  function.extension = kFormatName;
  auto info = duckdb::make_shared_ptr<WriteInfo>();
  info->writes = std::move(writes);
  info->scans = scans;
  function.function_info = std::move(info);
  duckdb::ExtensionLoader loader(database, "weir");
  loader.RegisterFunction(std::move(function));

  duckdb::OptimizerExtension hook;
  hook.pre_optimize_function = AddOrigin;
  hook.optimize_function = ShareScannedColumns;
  auto hook_info = duckdb::make_shared_ptr<HookInfo>();
  hook_info->scans = std::move(scans);
  hook.optimizer_info = std::move(hook_info);
  duckdb::OptimizerExtension::Register(duckdb::DBConfig::GetConfig(database), hook);
}

}  // namespace weir::sql
