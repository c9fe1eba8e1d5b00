#include "weir/server/topics/topic_scan.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <map>
#include <optional>

#include "duckdb/common/exception.hpp"
#include "duckdb/common/types/data_chunk.hpp"
#include "duckdb/common/types/selection_vector.hpp"
#include "duckdb/execution/expression_executor.hpp"
#include "duckdb/main/client_context.hpp"
#include "duckdb/planner/expression/bound_conjunction_expression.hpp"
#include "duckdb/planner/expression/bound_reference_expression.hpp"
#include "duckdb/planner/filter/conjunction_filter.hpp"
#include "duckdb/planner/filter/constant_filter.hpp"
#include "duckdb/planner/filter/in_filter.hpp"
#include "weir/columnar/duckdb_error.h"
#include "weir/server/topics/record_columns.h"
#include "weir/server/topics/topic_access.h"
#include "weir/server/topics/topic_reader.h"

namespace weir::server {

namespace {

constexpr int32_t kWaitMs = 500;
constexpr int64_t kMicrosOfMs = 1000;

struct ScanInfo : duckdb::TableFunctionInfo {
  std::shared_ptr<TopicAccess> access;
};

struct ScanData : duckdb::TableFunctionData {
  std::shared_ptr<TopicAccess> access;
  TopicInfo topic;
  bool raw = false;
  bool committed = true;
};

// What conditions leave of a column's values.
struct Bounds {
  int64_t min = std::numeric_limits<int64_t>::min();
  int64_t max = std::numeric_limits<int64_t>::max();
};

struct ScanGlobal : duckdb::GlobalTableFunctionState {
  std::vector<uint64_t> columns;  // of RecordColumn
  std::vector<ReadRange> ranges;  // one a partition
  std::atomic<size_t> next{0};
  duckdb::unique_ptr<duckdb::Expression> condition;  // over the output; none: all rows

  duckdb::idx_t MaxThreads() const override { return std::max<size_t>(1, ranges.size()); }
};

struct ScanLocal : duckdb::LocalTableFunctionState {
  std::unique_ptr<KafkaClient> client;
  std::unique_ptr<KafkaAdmin> admin;
  std::unique_ptr<TopicReader> reader;
  std::unique_ptr<duckdb::ExpressionExecutor> executor;
};

template <typename T>
T OrThrow(Result<T> result) {
  if (!result.ok()) columnar::ThrowIntoDuckDB(result.error());
  return std::move(result).value();
}

duckdb::unique_ptr<duckdb::FunctionData> Bind(duckdb::ClientContext&,
                                              duckdb::TableFunctionBindInput& input,
                                              duckdb::vector<duckdb::LogicalType>& types,
                                              duckdb::vector<std::string>& names) {
  auto data = duckdb::make_uniq<ScanData>();
  data->access = input.info->Cast<ScanInfo>().access;
  for (const auto& [name, value] : input.named_parameters) {
    if (name == "raw") data->raw = value.GetValue<bool>();
    if (name == "committed") data->committed = value.GetValue<bool>();
  }
  const auto client = OrThrow(data->access->Connect());
  data->topic = OrThrow(KafkaAdmin(*client).Topic(input.inputs[0].GetValue<std::string>()));
  for (const columnar::Field& field : RecordSchema(data->raw).fields) {
    names.push_back(field.name);
    types.push_back(field.type);
  }
  return data;
}

// Takes from a condition what it says of the least and the greatest value. What it does not
// understand it leaves alone: every row is held against the whole condition anyway.
void Narrow(const duckdb::TableFilter& filter, Bounds* bounds) {
  const auto number = [](const duckdb::Value& value) -> std::optional<int64_t> {
    if (value.IsNull()) return std::nullopt;
    if (value.type().id() == duckdb::LogicalTypeId::TIMESTAMP_TZ) {
      return value.GetValue<duckdb::timestamp_tz_t>().value;
    }
    if (!value.type().IsIntegral()) return std::nullopt;
    return value.GetValue<int64_t>();
  };
  if (filter.filter_type == duckdb::TableFilterType::CONJUNCTION_AND) {
    for (const auto& child : filter.Cast<duckdb::ConjunctionAndFilter>().child_filters) {
      Narrow(*child, bounds);
    }
  } else if (filter.filter_type == duckdb::TableFilterType::IN_FILTER) {
    Bounds all{std::numeric_limits<int64_t>::max(), std::numeric_limits<int64_t>::min()};
    for (const duckdb::Value& value : filter.Cast<duckdb::InFilter>().values) {
      const auto one = number(value);
      if (!one) return;
      all.min = std::min(all.min, *one);
      all.max = std::max(all.max, *one);
    }
    bounds->min = std::max(bounds->min, all.min);
    bounds->max = std::min(bounds->max, all.max);
  } else if (filter.filter_type == duckdb::TableFilterType::CONSTANT_COMPARISON) {
    const auto& comparison = filter.Cast<duckdb::ConstantFilter>();
    const auto value = number(comparison.constant);
    if (!value) return;
    switch (comparison.comparison_type) {
      case duckdb::ExpressionType::COMPARE_EQUAL:
        bounds->min = std::max(bounds->min, *value);
        bounds->max = std::min(bounds->max, *value);
        break;
      case duckdb::ExpressionType::COMPARE_GREATERTHAN:
      case duckdb::ExpressionType::COMPARE_GREATERTHANOREQUALTO:
        bounds->min = std::max(bounds->min, *value);
        break;
      case duckdb::ExpressionType::COMPARE_LESSTHAN:
      case duckdb::ExpressionType::COMPARE_LESSTHANOREQUALTO:
        bounds->max = std::min(bounds->max, *value);
        break;
      default:
        break;
    }
  }
}

// The partitions' parts that may hold rows. A topic's timestamps need not ascend: records may be
// skipped before the first one that is new enough, but none behind the first that is too new.
Result<std::vector<ReadRange>> Ranges(KafkaAdmin& admin, const ScanData& data,
                                      const std::map<uint64_t, Bounds>& bounds) {
  const auto of = [&](uint64_t column) {
    const auto found = bounds.find(column);
    return found == bounds.end() ? Bounds() : found->second;
  };
  const Bounds wanted = of(kRecordPartition);
  std::vector<TopicPartition> partitions;
  for (const TopicPartition& partition : data.topic.Partitions()) {
    const bool may = partition.partition >= wanted.min && partition.partition <= wanted.max;
    if (may) partitions.push_back(partition);
  }
  WEIR_ASSIGN_OR_RETURN(const Offsets begins, admin.OffsetsAt(partitions, kEarliest, false));
  WEIR_ASSIGN_OR_RETURN(const Offsets ends, admin.OffsetsAt(partitions, kLatest, data.committed));
  const int64_t since_us = of(kRecordTimestamp).min;
  Offsets since;
  if (since_us > 0) {
    WEIR_ASSIGN_OR_RETURN(since,
                          admin.OffsetsAt(partitions, since_us / kMicrosOfMs, data.committed));
  }
  const Bounds offsets = of(kRecordOffset);
  std::vector<ReadRange> ranges;
  for (const TopicPartition& partition : partitions) {
    ReadRange range{partition, begins.at(partition).offset, ends.at(partition).offset};
    range.begin = std::max(range.begin, offsets.min);
    if (offsets.max < range.end) range.end = offsets.max + 1;
    if (since_us > 0) {
      const int64_t first = since.at(partition).offset;
      range.begin = std::max(range.begin, first < 0 ? range.end : first);
    }
    if (range.begin < range.end) ranges.push_back(range);
  }
  return ranges;
}

duckdb::unique_ptr<duckdb::GlobalTableFunctionState> InitGlobal(
    duckdb::ClientContext&, duckdb::TableFunctionInitInput& input) {
  const auto& data = input.bind_data->Cast<ScanData>();
  auto state = duckdb::make_uniq<ScanGlobal>();
  state->columns.assign(input.column_ids.begin(), input.column_ids.end());
  std::map<uint64_t, Bounds> bounds;
  if (input.filters) {
    const columnar::Schema schema = RecordSchema(data.raw);
    duckdb::vector<duckdb::unique_ptr<duckdb::Expression>> conditions;
    for (const auto& [at, filter] : input.filters->filters) {
      const uint64_t column = state->columns[at];
      Narrow(*filter, &bounds[column]);
      // One that DuckDB may change while it runs, and that it does not need.
      if (filter->filter_type == duckdb::TableFilterType::OPTIONAL_FILTER) continue;
      const duckdb::BoundReferenceExpression reference(schema.fields[column].type, at);
      conditions.push_back(filter->ToExpression(reference));
    }
    if (conditions.size() == 1) {
      state->condition = std::move(conditions[0]);
    } else if (!conditions.empty()) {
      auto all = duckdb::make_uniq<duckdb::BoundConjunctionExpression>(
          duckdb::ExpressionType::CONJUNCTION_AND);
      all->children = std::move(conditions);
      state->condition = std::move(all);
    }
  }
  const auto client = OrThrow(data.access->Connect());
  KafkaAdmin admin(*client);
  state->ranges = OrThrow(Ranges(admin, data, bounds));
  return state;
}

duckdb::unique_ptr<duckdb::LocalTableFunctionState> InitLocal(
    duckdb::ExecutionContext& context, duckdb::TableFunctionInitInput&,
    duckdb::GlobalTableFunctionState* global_state) {
  const auto& global = global_state->Cast<ScanGlobal>();
  auto local = duckdb::make_uniq<ScanLocal>();
  if (global.condition) {
    local->executor =
        std::make_unique<duckdb::ExpressionExecutor>(context.client, *global.condition);
  }
  return local;
}

// Fills a chunk from the thread's partition. False: it is read to its end.
bool Fill(const ScanData& data, const ScanGlobal& global, ScanLocal& local,
          duckdb::ClientContext& context, duckdb::DataChunk& output) {
  uint64_t rows = 0;
  while (rows < STANDARD_VECTOR_SIZE) {
    if (rows > 0 && !local.reader->has_buffered()) break;  // the server may take its time
    TopicRecord record;
    if (!OrThrow(local.reader->Next(kWaitMs, &record))) {
      if (local.reader->done()) break;
      if (context.IsInterrupted()) throw duckdb::InterruptException();
      continue;
    }
    WriteRecord(record, global.columns, data.raw, output, rows++);
  }
  output.SetCardinality(rows);
  return rows > 0;
}

void Scan(duckdb::ClientContext& context, duckdb::TableFunctionInput& input,
          duckdb::DataChunk& output) {
  const auto& data = input.bind_data->Cast<ScanData>();
  auto& global = input.global_state->Cast<ScanGlobal>();
  auto& local = input.local_state->Cast<ScanLocal>();
  for (;;) {
    if (!local.reader) {
      const size_t range = global.next.fetch_add(1);
      if (range >= global.ranges.size()) return;
      if (!local.client) {
        local.client = OrThrow(data.access->Connect());
        local.admin = std::make_unique<KafkaAdmin>(*local.client);
      }
      local.reader =
          std::make_unique<TopicReader>(*local.admin, std::vector<ReadRange>{global.ranges[range]},
                                        TopicReaderOptions{.committed = data.committed});
    }
    if (!Fill(data, global, local, context, output)) {
      local.reader.reset();
      output.Reset();
      continue;
    }
    if (!local.executor) return;
    duckdb::SelectionVector kept(STANDARD_VECTOR_SIZE);
    const auto count = local.executor->SelectExpression(output, kept);
    if (count == output.size()) return;
    if (count > 0) {
      output.Slice(kept, count);
      return;
    }
    output.Reset();
  }
}

duckdb::InsertionOrderPreservingMap<std::string> Describe(
    duckdb::TableFunctionToStringInput& input) {
  duckdb::InsertionOrderPreservingMap<std::string> lines;
  lines["Source"] = input.bind_data->Cast<ScanData>().topic.name;
  return lines;
}

}  // namespace

duckdb::TableFunction TopicScanFunction(const std::shared_ptr<TopicAccess>& access) {
  duckdb::TableFunction function("topic", {duckdb::LogicalType::VARCHAR}, Scan, Bind, InitGlobal,
                                 InitLocal);
  auto info = duckdb::make_shared_ptr<ScanInfo>();
  info->access = access;
  function.function_info = std::move(info);
  function.named_parameters["raw"] = duckdb::LogicalType::BOOLEAN;
  function.named_parameters["committed"] = duckdb::LogicalType::BOOLEAN;
  function.projection_pushdown = true;
  function.filter_pushdown = true;
  function.to_string = Describe;
  return function;
}

}  // namespace weir::server
