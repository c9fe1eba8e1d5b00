#include "weir/server/topics/system_tables.h"

#include "duckdb/common/exception.hpp"
#include "duckdb/common/types/data_chunk.hpp"
#include "duckdb/common/types/value.hpp"
#include "weir/columnar/duckdb_error.h"
#include "weir/columnar/schema.h"
#include "weir/server/topics/topic_access.h"
#include "weir/server/topics/topic_lag.h"

namespace weir::server {

namespace {

using columnar::Schema;
using duckdb::LogicalType;
using duckdb::Value;

using Row = duckdb::vector<Value>;
using Rows = std::vector<Row>;

constexpr double kMsOfSecond = 1000;

Value Text(const std::string& text) {
  return text.empty() ? Value(LogicalType::VARCHAR) : Value(text);
}
Value BigInt(std::optional<int64_t> number) {
  return number ? Value::BIGINT(*number) : Value(LogicalType::BIGINT);
}
Value Double(std::optional<double> number) {
  return number ? Value::DOUBLE(*number) : Value(LogicalType::DOUBLE);
}
Value Integers(const std::vector<int32_t>& numbers) {
  duckdb::vector<Value> values;
  for (const int32_t number : numbers) values.push_back(Value::INTEGER(number));
  return Value::LIST(LogicalType::INTEGER, std::move(values));
}

LogicalType PartitionType() {
  return LogicalType::STRUCT(
      {{"topic", LogicalType::VARCHAR}, {"partition", LogicalType::INTEGER}});
}

Result<Rows> Topics(KafkaAdmin& admin) {
  WEIR_ASSIGN_OR_RETURN(const auto topics, admin.Topics());
  std::vector<TopicPartition> all;
  for (const TopicInfo& topic : topics) {
    const auto more = topic.Partitions();
    all.insert(all.end(), more.begin(), more.end());
  }
  WEIR_ASSIGN_OR_RETURN(const Offsets begins, admin.OffsetsAt(all, kEarliest, false));
  WEIR_ASSIGN_OR_RETURN(const Offsets ends, admin.OffsetsAt(all, kLatest, false));
  WEIR_ASSIGN_OR_RETURN(const auto sizes, admin.Sizes(topics));
  Rows rows;
  for (const TopicInfo& topic : topics) {
    int64_t records = 0;
    std::optional<int64_t> bytes;
    for (const TopicPartition& partition : topic.Partitions()) {
      records += ends.at(partition).offset - begins.at(partition).offset;
      const auto size = sizes.find(partition);
      if (size != sizes.end()) bytes = bytes.value_or(0) + size->second;
    }
    rows.push_back({Value(topic.name),
                    Value::INTEGER(static_cast<int32_t>(topic.partitions.size())),
                    Value::BIGINT(records), BigInt(bytes), Value::BOOLEAN(topic.internal)});
  }
  return rows;
}

Result<Rows> Partitions(KafkaAdmin& admin) {
  WEIR_ASSIGN_OR_RETURN(const auto topics, admin.Topics());
  std::vector<TopicPartition> all;
  for (const TopicInfo& topic : topics) {
    const auto more = topic.Partitions();
    all.insert(all.end(), more.begin(), more.end());
  }
  WEIR_ASSIGN_OR_RETURN(const Offsets begins, admin.OffsetsAt(all, kEarliest, false));
  WEIR_ASSIGN_OR_RETURN(const Offsets ends, admin.OffsetsAt(all, kLatest, false));
  WEIR_ASSIGN_OR_RETURN(const Offsets stable, admin.OffsetsAt(all, kLatest, true));
  WEIR_ASSIGN_OR_RETURN(const auto sizes, admin.Sizes(topics));
  Rows rows;
  for (const TopicInfo& topic : topics) {
    for (const PartitionInfo& partition : topic.partitions) {
      const TopicPartition key{topic.name, partition.index};
      const auto size = sizes.find(key);
      rows.push_back({Value(topic.name), Value::INTEGER(partition.index),
                      Value::BIGINT(begins.at(key).offset), Value::BIGINT(ends.at(key).offset),
                      Value::BIGINT(stable.at(key).offset),
                      size == sizes.end() ? BigInt({}) : BigInt(size->second),
                      Value::INTEGER(partition.leader), Integers(partition.replicas),
                      Integers(partition.in_sync)});
    }
  }
  return rows;
}

Result<std::vector<GroupDescription>> Described(KafkaAdmin& admin) {
  WEIR_ASSIGN_OR_RETURN(const auto groups, admin.Groups());
  std::vector<GroupDescription> all;
  for (const GroupInfo& group : groups) {
    auto described = admin.Describe(group);
    if (!described.ok() && described.error().code() == ErrorCode::kNotFound) continue;
    if (!described.ok()) return std::move(described).error();
    all.push_back(std::move(described).value());
  }
  return all;
}

Result<Rows> Groups(KafkaAdmin& admin) {
  WEIR_ASSIGN_OR_RETURN(const auto groups, Described(admin));
  Rows rows;
  for (const GroupDescription& group : groups) {
    rows.push_back({Value(group.group.id), Text(group.group.state), Text(group.group.type),
                    Text(group.assignor),
                    Value::INTEGER(static_cast<int32_t>(group.members.size()))});
  }
  return rows;
}

Result<Rows> GroupMembers(KafkaAdmin& admin) {
  WEIR_ASSIGN_OR_RETURN(const auto groups, Described(admin));
  Rows rows;
  for (const GroupDescription& group : groups) {
    for (const GroupMember& member : group.members) {
      const Row head = {Value(group.group.id), Value(member.id), Text(member.instance),
                        Text(member.client), Text(member.host)};
      const auto add = [&](Value topic, Value partition) {
        Row row = head;
        row.push_back(std::move(topic));
        row.push_back(std::move(partition));
        rows.push_back(std::move(row));
      };
      if (member.assigned.empty()) add(Value(LogicalType::VARCHAR), Value(LogicalType::INTEGER));
      for (const TopicPartition& assigned : member.assigned) {
        add(Value(assigned.topic), Value::INTEGER(assigned.partition));
      }
    }
  }
  return rows;
}

Result<Rows> ConsumerLag(KafkaAdmin& admin) {
  WEIR_ASSIGN_OR_RETURN(const auto groups, admin.Groups());
  WEIR_ASSIGN_OR_RETURN(const auto lags, LagOf(admin, groups, {}));
  Rows rows;
  for (const PartitionLag& lag : lags) {
    rows.push_back({Value(lag.group), Value(lag.partition.topic),
                    Value::INTEGER(lag.partition.partition), BigInt(lag.committed),
                    Value::BIGINT(lag.begin), Value::BIGINT(lag.end), BigInt(lag.records),
                    Double(lag.seconds), Value::BIGINT(lag.lost), Text(lag.member),
                    Text(lag.client), Text(lag.host)});
  }
  return rows;
}

Result<Rows> Transactions(KafkaAdmin& admin) {
  WEIR_ASSIGN_OR_RETURN(const auto transactions, admin.Transactions(true));
  const int64_t now_ms = admin.client().env().NowMicros() / 1000;
  Rows rows;
  for (const TransactionInfo& transaction : transactions) {
    const bool open = transaction.IsOpen() && transaction.started_ms >= 0;
    duckdb::vector<Value> partitions;
    for (const TopicPartition& partition : transaction.partitions) {
      partitions.push_back(Value::STRUCT(
          {{"topic", Value(partition.topic)}, {"partition", Value::INTEGER(partition.partition)}}));
    }
    rows.push_back(
        {Text(transaction.id), Value(transaction.state), Value::BOOLEAN(transaction.IsOpen()),
         Value::BIGINT(transaction.producer_id), Value::SMALLINT(transaction.producer_epoch),
         open ? Value::TIMESTAMPTZ(duckdb::timestamp_tz_t(transaction.started_ms * 1000))
              : Value(LogicalType::TIMESTAMP_TZ),
         open ? Double(static_cast<double>(now_ms - transaction.started_ms) / kMsOfSecond)
              : Double({}),
         transaction.timeout_ms > 0
             ? Double(static_cast<double>(transaction.timeout_ms) / kMsOfSecond)
             : Double({}),
         Value::BIGINT(transaction.held_back),
         Value::LIST(PartitionType(), std::move(partitions))});
  }
  return rows;
}

struct SystemTable {
  const char* name;
  Schema schema;
  Result<Rows> (*rows)(KafkaAdmin& admin);
};

const std::vector<SystemTable>& Tables() {
  const LogicalType text = LogicalType::VARCHAR;
  const LogicalType integer = LogicalType::INTEGER;
  const LogicalType bigint = LogicalType::BIGINT;
  const LogicalType real = LogicalType::DOUBLE;
  static const std::vector<SystemTable> tables = {
      {"topics",
       {{{"topic", text},
         {"partitions", integer},
         {"records", bigint},
         {"bytes", bigint},
         {"internal", LogicalType::BOOLEAN}}},
       Topics},
      {"partitions",
       {{{"topic", text},
         {"partition", integer},
         {"begin_offset", bigint},
         {"end_offset", bigint},
         {"stable_offset", bigint},
         {"bytes", bigint},
         {"leader", integer},
         {"replicas", LogicalType::LIST(integer)},
         {"in_sync", LogicalType::LIST(integer)}}},
       Partitions},
      {"groups",
       {{{"group_id", text},
         {"state", text},
         {"protocol", text},
         {"assignor", text},
         {"members", integer}}},
       Groups},
      {"group_members",
       {{{"group_id", text},
         {"member_id", text},
         {"instance_id", text},
         {"client_id", text},
         {"host", text},
         {"topic", text},
         {"partition", integer}}},
       GroupMembers},
      {"consumer_lag",
       {{{"group_id", text},
         {"topic", text},
         {"partition", integer},
         {"committed_offset", bigint},
         {"begin_offset", bigint},
         {"end_offset", bigint},
         {"lag_records", bigint},
         {"lag_seconds", real},
         {"lost_records", bigint},
         {"member_id", text},
         {"client_id", text},
         {"host", text}}},
       ConsumerLag},
      {"transactions",
       {{{"transactional_id", text},
         {"state", text},
         {"open", LogicalType::BOOLEAN},
         {"producer_id", bigint},
         {"producer_epoch", LogicalType::SMALLINT},
         {"started", LogicalType::TIMESTAMP_TZ},
         {"open_seconds", real},
         {"timeout_seconds", real},
         {"held_back_records", bigint},
         {"partitions", LogicalType::LIST(PartitionType())}}},
       Transactions}};
  return tables;
}

struct SystemInfo : duckdb::TableFunctionInfo {
  std::shared_ptr<TopicAccess> access;
};

struct SystemData : duckdb::TableFunctionData {
  std::shared_ptr<TopicAccess> access;
  const SystemTable* table = nullptr;
};

struct SystemState : duckdb::GlobalTableFunctionState {
  Rows rows;
  size_t next = 0;
};

duckdb::unique_ptr<duckdb::FunctionData> Bind(duckdb::ClientContext&,
                                              duckdb::TableFunctionBindInput& input,
                                              duckdb::vector<LogicalType>& types,
                                              duckdb::vector<std::string>& names) {
  auto data = duckdb::make_uniq<SystemData>();
  data->access = input.info->Cast<SystemInfo>().access;
  const std::string name = input.inputs[0].GetValue<std::string>();
  for (const SystemTable& table : Tables()) {
    if (name == table.name) data->table = &table;
  }
  if (data->table == nullptr) throw duckdb::BinderException("no table system.%s", name);
  for (const columnar::Field& field : data->table->schema.fields) {
    names.push_back(field.name);
    types.push_back(field.type);
  }
  return data;
}

duckdb::unique_ptr<duckdb::GlobalTableFunctionState> Init(duckdb::ClientContext&,
                                                          duckdb::TableFunctionInitInput& input) {
  const auto& data = input.bind_data->Cast<SystemData>();
  auto state = duckdb::make_uniq<SystemState>();
  const auto client = data.access->Connect();
  if (!client.ok()) columnar::ThrowIntoDuckDB(client.error());
  KafkaAdmin admin(**client);
  auto rows = data.table->rows(admin);
  if (!rows.ok()) columnar::ThrowIntoDuckDB(rows.error());
  state->rows = std::move(rows).value();
  return state;
}

void Scan(duckdb::ClientContext&, duckdb::TableFunctionInput& input, duckdb::DataChunk& output) {
  auto& state = input.global_state->Cast<SystemState>();
  uint64_t count = 0;
  for (; count < STANDARD_VECTOR_SIZE && state.next < state.rows.size(); ++count) {
    const Row& row = state.rows[state.next++];
    for (size_t i = 0; i < row.size(); ++i) output.SetValue(i, count, row[i]);
  }
  output.SetCardinality(count);
}

}  // namespace

std::vector<std::string> SystemTableNames() {
  std::vector<std::string> names;
  for (const SystemTable& table : Tables()) names.emplace_back(table.name);
  return names;
}

duckdb::TableFunction SystemTableFunction(const std::shared_ptr<TopicAccess>& access) {
  duckdb::TableFunction function("weir_system", {LogicalType::VARCHAR}, Scan, Bind, Init);
  auto info = duckdb::make_shared_ptr<SystemInfo>();
  info->access = access;
  function.function_info = std::move(info);
  return function;
}

}  // namespace weir::server
