#include "weir/guard/lineage.h"

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "weir/base/json_writer.h"
#include "weir/base/version.h"
#include "xxhash.h"

namespace weir::guard {
namespace {

constexpr const char* kEventSchema =
    "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent";
constexpr const char* kFacets = "https://openlineage.io/spec/facets/";

std::string Producer() { return "urn:weir:" + std::string(base::Version()); }

// "2024-01-31T12:00:00.123456Z"
std::string Iso(int64_t us) {
  namespace chrono = std::chrono;
  const chrono::sys_time<chrono::microseconds> time{chrono::microseconds(us)};
  const auto day = chrono::floor<chrono::days>(time);
  const chrono::year_month_day date(day);
  const chrono::hh_mm_ss clock(time - day);
  char text[64];
  std::snprintf(text, sizeof(text), "%04d-%02u-%02uT%02d:%02d:%02d.%06lldZ",
                static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
                static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()),
                static_cast<long long>(clock.subseconds().count()));
  return text;
}

// Opens the facet's object: "schema": {"_producer": …, "_schemaURL": …. The caller closes it.
void BeginFacet(JsonWriter* json, const char* key, const char* version, const char* name) {
  json->Key(key).BeginObject();
  json->Key("_producer").String(Producer());
  json->Key("_schemaURL")
      .String(std::string(kFacets) + version + "/" + name + ".json#/$defs/" + name);
}

void AppendTransformation(Dependence dependence, JsonWriter* json) {
  const char* subtype = "";
  switch (dependence) {
    case Dependence::kIdentity:
      subtype = "IDENTITY";
      break;
    case Dependence::kTransformed:
      subtype = "TRANSFORMATION";
      break;
    case Dependence::kAggregated:
      subtype = "AGGREGATION";
      break;
    case Dependence::kJoin:
      subtype = "JOIN";
      break;
    case Dependence::kGroupBy:
      subtype = "GROUP_BY";
      break;
    case Dependence::kFilter:
      subtype = "FILTER";
      break;
    case Dependence::kSort:
      subtype = "SORT";
      break;
    case Dependence::kWindow:
      subtype = "WINDOW";
      break;
    case Dependence::kConditional:
      subtype = "CONDITIONAL";
      break;
  }
  const bool direct = dependence <= Dependence::kAggregated;
  json->Key("transformations").BeginArray().BeginObject();
  json->Key("type").String(direct ? "DIRECT" : "INDIRECT");
  json->Key("subtype").String(subtype).Key("description").String("").Key("masking").Bool(false);
  json->EndObject().EndArray();
}

void AppendSources(const std::vector<ColumnSource>& sources, JsonWriter* json) {
  json->BeginArray();
  for (const ColumnSource& source : sources) {
    json->BeginObject();
    json->Key("namespace").String(source.dataset.space);
    json->Key("name").String(source.dataset.name);
    json->Key("field").String(source.column);
    AppendTransformation(source.dependence, json);
    json->EndObject();
  }
  json->EndArray();
}

void AppendColumnLineage(const LineageDataset& dataset, JsonWriter* json) {
  bool any = !dataset.sources.empty();
  for (const LineageColumn& column : dataset.columns) any = any || !column.sources.empty();
  if (!any) return;
  BeginFacet(json, "columnLineage", "1-2-0", "ColumnLineageDatasetFacet");
  json->Key("fields").BeginObject();
  for (const LineageColumn& column : dataset.columns) {
    if (column.sources.empty()) continue;
    json->Key(column.name).BeginObject().Key("inputFields");
    AppendSources(column.sources, json);
    json->EndObject();
  }
  json->EndObject();
  json->Key("dataset");
  AppendSources(dataset.sources, json);
  json->EndObject();
}

const char* AssertionOf(const Check& check) {
  switch (check.kind) {
    case CheckKind::kUnique:
      return "unique";
    case CheckKind::kReferences:
      return "relationships";
    case CheckKind::kFresh:
      return "freshness";
    case CheckKind::kSql:
      return "custom_sql";
    case CheckKind::kParses:
      return "parses";
    case CheckKind::kRatio:
      return check.measure == Measure::kRowCount ? "row_count" : "ratio";
    case CheckKind::kRow:
      return "expression";
  }
  return "expression";
}

void AppendAssertion(const CheckResult& result, JsonWriter* json) {
  const Check& check = result.check;
  const bool success = result.table ? result.table->passed : result.counts.failed == 0;
  json->BeginObject();
  json->Key("assertion").String(AssertionOf(check));
  json->Key("success").Bool(success);
  if (check.columns.size() == 1) json->Key("column").String(check.columns[0]);
  json->Key("severity").String(check.action == Action::kWarn ? "warn" : "error");
  json->Key("name").String(check.name);
  if (!check.description.empty()) json->Key("description").String(check.description);
  if (result.table) {
    json->Key("expected")
        .String(check.kind == CheckKind::kFresh ? DescribeCheck(check)
                                                : check.threshold.ToString());
    json->Key("actual").String(result.table->detail);
  } else {
    json->Key("expected").String("0 failing rows");
    json->Key("actual").String(std::to_string(result.counts.failed) + " of " +
                               std::to_string(result.counts.checked));
  }
  json->Key("content").String(DescribeCheck(check));
  json->Key("contentType").String(check.kind == CheckKind::kSql ? "sql" : "expression");
  json->Key("params").BeginObject();
  json->Key("onViolation").String(ActionName(check.action));
  json->EndObject().EndObject();
}

void AppendQuality(const LineageDataset& dataset, JsonWriter* json) {
  if (dataset.checks.empty()) return;
  // The rows that the checks judged; the rows written stand in outputStatistics.
  int64_t rows = 0;
  for (const CheckResult& result : dataset.checks) {
    rows = std::max(rows, result.counts.checked);
  }
  BeginFacet(json, "dataQualityMetrics", "1-0-0", "DataQualityMetricsDatasetFacet");
  json->Key("rowCount").Int(rows);
  json->Key("columnMetrics").BeginObject().EndObject();
  json->EndObject();
  BeginFacet(json, "dataQualityAssertions", "1-1-0", "DataQualityAssertionsDatasetFacet");
  json->Key("assertions").BeginArray();
  for (const CheckResult& result : dataset.checks) AppendAssertion(result, json);
  json->EndArray().EndObject();
}

void AppendStatistics(const LineageDataset& dataset, bool output, JsonWriter* json) {
  if (!dataset.rows && !dataset.bytes && !dataset.files) return;
  json->Key(output ? "outputFacets" : "inputFacets").BeginObject();
  if (output) {
    BeginFacet(json, "outputStatistics", "1-0-2", "OutputStatisticsOutputDatasetFacet");
  } else {
    BeginFacet(json, "inputStatistics", "1-0-0", "InputStatisticsInputDatasetFacet");
  }
  if (dataset.rows) json->Key("rowCount").Int(*dataset.rows);
  if (dataset.bytes) json->Key("size").Int(*dataset.bytes);
  if (dataset.files) json->Key("fileCount").Int(*dataset.files);
  json->EndObject().EndObject();
}

void AppendDataset(const LineageDataset& dataset, bool output, JsonWriter* json) {
  json->BeginObject();
  json->Key("namespace").String(dataset.name.space).Key("name").String(dataset.name.name);
  json->Key("facets").BeginObject();
  if (!dataset.columns.empty()) {
    BeginFacet(json, "schema", "1-2-0", "SchemaDatasetFacet");
    json->Key("fields").BeginArray();
    int64_t position = 0;
    for (const LineageColumn& column : dataset.columns) {
      json->BeginObject().Key("name").String(column.name).Key("type").String(column.type);
      if (!column.description.empty()) json->Key("description").String(column.description);
      json->Key("ordinal_position").Int(++position).EndObject();
    }
    json->EndArray().EndObject();
  }
  if (dataset.version) {
    BeginFacet(json, "version", "1-0-1", "DatasetVersionDatasetFacet");
    json->Key("datasetVersion").String(*dataset.version).EndObject();
  }
  if (output) {
    AppendColumnLineage(dataset, json);
    AppendQuality(dataset, json);
  }
  json->EndObject();
  AppendStatistics(dataset, output, json);
  json->EndObject();
}

const char* EventName(RunEvent event) {
  switch (event) {
    case RunEvent::kStart:
      return "START";
    case RunEvent::kComplete:
      return "COMPLETE";
    case RunEvent::kFail:
      return "FAIL";
  }
  return "OTHER";
}

bool IsUuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const bool hex = (text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f') ||
                     (text[i] >= 'A' && text[i] <= 'F');
    if (dash ? text[i] != '-' : !hex) return false;
  }
  return true;
}

}  // namespace

DatasetName NameOfPath(std::string_view path) {
  const size_t scheme = path.find("://");
  if (scheme == std::string_view::npos) return {"file", std::string(path)};
  const size_t slash = path.find('/', scheme + 3);
  std::string space(path.substr(0, slash));
  std::string name(slash == std::string_view::npos ? "" : path.substr(slash + 1));
  if (space.starts_with("http")) name.insert(name.begin(), '/');
  return {std::move(space), std::move(name)};
}

std::string RunEventJson(RunEvent event, const LineageRun& run) {
  JsonWriter json;
  json.BeginObject();
  json.Key("eventTime").String(Iso(run.event_time_us));
  json.Key("eventType").String(EventName(event));
  json.Key("producer").String(Producer());
  json.Key("schemaURL").String(kEventSchema);

  json.Key("run").BeginObject();
  json.Key("runId").String(run.run_id).Key("facets").BeginObject();
  BeginFacet(&json, "processing_engine", "1-1-1", "ProcessingEngineRunFacet");
  json.Key("version").String(run.engine_version).Key("name").String("Weir").EndObject();
  if (event == RunEvent::kFail) {
    BeginFacet(&json, "errorMessage", "1-0-1", "ErrorMessageRunFacet");
    json.Key("message").String(run.error).Key("programmingLanguage").String("SQL").EndObject();
  }
  json.EndObject().EndObject();

  json.Key("job").BeginObject();
  json.Key("namespace").String(run.job_space).Key("name").String(run.job_name);
  json.Key("facets").BeginObject();
  BeginFacet(&json, "jobType", "2-0-4", "JobTypeJobFacet");
  json.Key("processingType").String(run.streaming ? "STREAMING" : "BATCH");
  json.Key("integration").String("WEIR").Key("jobType").String("QUERY").EndObject();
  if (!run.sql.empty()) {
    BeginFacet(&json, "sql", "1-1-0", "SQLJobFacet");
    json.Key("query").String(run.sql).Key("dialect").String("weir").EndObject();
  }
  json.EndObject().EndObject();

  json.Key("inputs").BeginArray();
  for (const LineageDataset& input : run.inputs) AppendDataset(input, false, &json);
  json.EndArray();
  json.Key("outputs").BeginArray();
  for (const LineageDataset& output : run.outputs) AppendDataset(output, true, &json);
  json.EndArray().EndObject();
  return json.Take();
}

std::string RunUuid(std::string_view run) {
  if (IsUuid(run)) return std::string(run);
  const XXH128_hash_t hash = XXH3_128bits(run.data(), run.size());
  // RFC 9562: version 8 (its 48 + 12 + 62 free bits are ours), variant 10.
  const uint64_t high = (hash.high64 & ~0xF000ull) | 0x8000ull;
  const uint64_t low = (hash.low64 & 0x3FFFFFFFFFFFFFFFull) | 0x8000000000000000ull;
  char text[40];
  std::snprintf(text, sizeof(text), "%08llx-%04llx-%04llx-%04llx-%012llx",
                static_cast<unsigned long long>(high >> 32),
                static_cast<unsigned long long>((high >> 16) & 0xFFFF),
                static_cast<unsigned long long>(high & 0xFFFF),
                static_cast<unsigned long long>(low >> 48),
                static_cast<unsigned long long>(low & 0xFFFFFFFFFFFFull));
  return text;
}

}  // namespace weir::guard
