// Lineage: what a run read and wrote, column by column, as OpenLineage run events.
//
// The caller fills plain structs; RunEventJson writes one event: START when a flow begins, COMPLETE
// or FAIL at its end (the specification asks for one START and one end per run). Facets written:
// schema, version, columnLineage, dataQualityMetrics, dataQualityAssertions on datasets;
// inputStatistics, outputStatistics; sql, jobType on the job; processing_engine, errorMessage on
// the run. Specification: OpenLineage 2-0-2, facets as named in lineage.cc.
//
// Thread rule: free functions over values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weir/guard/check_totals.h"

namespace weir::guard {

// A dataset's name by OpenLineage's naming rules.
struct DatasetName {
  std::string space;  // "file", "s3://bucket", "https://host"
  std::string name;   // "/data/orders.csv", "key/of/object"

  bool operator==(const DatasetName&) const = default;
};

// "/a/b.csv" -> {"file", "/a/b.csv"}; "s3://b/k" -> {"s3://b", "k"}; "https://h/p" likewise.
DatasetName NameOfPath(std::string_view path);

// How an output column (or the whole output) depends on an input column.
enum class Dependence : uint8_t {
  kIdentity,     // DIRECT: the value itself
  kTransformed,  // DIRECT: computed from it
  kAggregated,   // DIRECT: an aggregate over it
  kJoin,         // INDIRECT from here on: it decided which rows there are, or in what order
  kGroupBy,
  kFilter,
  kSort,
  kWindow,
  kConditional,
};

struct ColumnSource {
  DatasetName dataset;
  std::string column;
  Dependence dependence = Dependence::kIdentity;
};

struct LineageColumn {
  std::string name;
  std::string type;
  std::string description;
  std::vector<ColumnSource> sources;  // of outputs
};

struct LineageDataset {
  DatasetName name;
  std::vector<LineageColumn> columns;
  std::optional<std::string> version;  // of a Delta table
  std::optional<int64_t> rows;         // read or written in this run
  std::optional<int64_t> bytes;
  std::optional<int64_t> files;
  // Outputs only: what the whole output depends on (filters, joins, grouping), and the contract's
  // results.
  std::vector<ColumnSource> sources;
  std::vector<CheckResult> checks;
};

struct LineageRun {
  std::string run_id;  // a UUID; see RunUuid
  int64_t event_time_us = 0;
  std::string job_space;  // names the project
  std::string job_name;   // "flights.flights": project and flow
  std::string sql;        // the flow's statement; empty: none
  bool streaming = false;
  std::string engine_version;  // Weir's
  std::string error;           // FAIL: the message
  std::vector<LineageDataset> inputs;
  std::vector<LineageDataset> outputs;
};

enum class RunEvent : uint8_t { kStart, kComplete, kFail };

// One line of JSON.
std::string RunEventJson(RunEvent event, const LineageRun& run);

// The run's name as a UUID: itself if it is one, else one made of its hash.
std::string RunUuid(std::string_view run);

}  // namespace weir::guard
