#include "weir/connect/records/record_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <utility>

#include "weir/connect/records/record_metadata.h"
#include "weir/connect/records/record_scan.h"

namespace weir::connect {

namespace {

using Column = RecordSourceFacts::Column;

class RecordSource : public columnar::BatchSource {
 public:
  RecordSource(std::shared_ptr<const RecordSourceFacts> facts, OpenRecordLog open)
      : facts_(std::move(facts)), open_(std::move(open)) {}

  const columnar::Schema& schema() const override { return facts_->schema; }

  bool planned_when_read() const override { return true; }
  Result<std::unique_ptr<columnar::SourceScan>> Plan(
      const columnar::ScanRequest& request) override {
    WEIR_ASSIGN_OR_RETURN(std::shared_ptr<RecordLog> log, Log());
    return PlanRecordScan(facts_, std::move(log), request);
  }

 private:
  Result<std::shared_ptr<RecordLog>> Log() {
    std::lock_guard lock(mutex_);
    if (!log_) {
      WEIR_ASSIGN_OR_RETURN(log_, open_());
    }
    return log_;
  }

  const std::shared_ptr<const RecordSourceFacts> facts_;
  const OpenRecordLog open_;
  std::mutex mutex_;  // guards log_
  std::shared_ptr<RecordLog> log_;
};

// A decoder made and thrown away says what is wrong with fields and options.
Status CheckFormat(const columnar::RecordFormatOptions& format, const columnar::Schema& fields) {
  std::vector<columnar::RecordColumn> columns;
  for (size_t i = 0; i < fields.fields.size(); ++i) {
    columns.push_back({static_cast<int>(i), "", {}});
  }
  return columnar::NewRecordDecoder(format, fields, std::move(columns)).status();
}

}  // namespace

Result<std::shared_ptr<columnar::BatchSource>> OpenRecordSource(RecordSourceOptions options,
                                                                OpenRecordLog open) {
  auto facts = std::make_shared<RecordSourceFacts>();
  for (const columnar::MetadataColumn& column : options.metadata) {
    WEIR_RETURN_IF_ERROR(CheckRecordMetadata(column, options.records.value.name));
  }
  if (!options.declared) {
    return Error::User(ErrorCode::kInvalid, "the columns of a topic's records must be declared")
        .Fix("write them in CREATE TABLE " + options.name + " (...)");
  }
  facts->schema = *options.declared;
  columnar::Schema physical;
  std::vector<size_t> places;  // of the physical columns in the schema
  facts->columns.resize(facts->schema.fields.size());
  for (size_t i = 0; i < facts->schema.fields.size(); ++i) {
    const std::string& name = facts->schema.fields[i].name;
    const auto found = std::find_if(options.metadata.begin(), options.metadata.end(),
                                    [&](const auto& m) { return m.name == name; });
    if (found == options.metadata.end()) {
      physical.fields.push_back(facts->schema.fields[i]);
      places.push_back(i);
    } else if (found->key.starts_with(kValueMetadataPrefix)) {
      facts->columns[i] = {Column::From::kValueMetadata, -1,
                           found->key.substr(std::string(kValueMetadataPrefix).size())};
    } else {
      facts->columns[i] = {Column::From::kMetadata, -1, found->key};
    }
  }
  WEIR_ASSIGN_OR_RETURN(const RecordOptions::Part key, options.records.KeyPart(physical));
  WEIR_ASSIGN_OR_RETURN(const RecordOptions::Part value, options.records.ValuePart(physical));
  facts->key_fields = key.schema;
  facts->value_fields = value.schema;
  for (size_t i = 0; i < key.columns.size(); ++i) {
    facts->columns[places[key.columns[i]]] = {Column::From::kKey, static_cast<int>(i), ""};
  }
  // What stands in both is read from the value, as in Flink.
  for (size_t i = 0; i < value.columns.size(); ++i) {
    facts->columns[places[value.columns[i]]] = {Column::From::kValue, static_cast<int>(i), ""};
  }
  const bool has_op =
      std::any_of(facts->columns.begin(), facts->columns.end(), [](const Column& column) {
        return column.from == Column::From::kValueMetadata && column.key == "op";
      });
  facts->value_format = {options.records.value.name, options.records.value.options, has_op};
  WEIR_RETURN_IF_ERROR(CheckFormat(facts->value_format, facts->value_fields));
  if (options.records.key) {
    facts->key_format = {options.records.key->name, options.records.key->options};
    WEIR_RETURN_IF_ERROR(CheckFormat(facts->key_format, facts->key_fields));
  }
  facts->options = std::move(options);
  return std::make_shared<RecordSource>(std::move(facts), std::move(open));
}

}  // namespace weir::connect
