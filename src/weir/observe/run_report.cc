#include "weir/observe/run_report.h"

#include <algorithm>

namespace weir::observe {

namespace {

constexpr int kFormat = 1;

// The figures of a table whose names are the same in the span, in the JSON and here.
constexpr std::pair<const char*, int64_t TableFigures::*> kCounts[] = {
    {"rows_in", &TableFigures::rows_in},
    {"rows_out", &TableFigures::rows_out},
    {"rows_unparsed", &TableFigures::rows_unparsed},
    {"rows_dropped", &TableFigures::rows_dropped},
    {"rows_quarantined", &TableFigures::rows_quarantined},
    {"rows_warned", &TableFigures::rows_warned},
    {"rows_read", &TableFigures::rows_read},
    {"bytes_read", &TableFigures::bytes_read},
    {"bytes_written", &TableFigures::bytes_written},
    {"files_written", &TableFigures::files_written},
    {"version", &TableFigures::version},
    {"epoch", &TableFigures::epoch},
    {"disk_read_bytes", &TableFigures::disk_read_bytes},
    {"disk_written_bytes", &TableFigures::disk_written_bytes},
    {"peak_memory_bytes", &TableFigures::peak_memory_bytes},
    {"spill_bytes", &TableFigures::spill_bytes},
};
constexpr std::pair<const char*, double TableFigures::*> kMeasures[] = {
    {"score", &TableFigures::score},
    {"cpu_seconds", &TableFigures::cpu_seconds},
    {"io_wait_seconds", &TableFigures::io_wait_seconds},
};
constexpr std::pair<const char*, std::string TableFigures::*> kTexts[] = {
    {"table", &TableFigures::table},     {"flow", &TableFigures::flow},
    {"refresh", &TableFigures::refresh}, {"reason", &TableFigures::reason},
    {"skipped", &TableFigures::skipped}, {"error", &TableFigures::error},
};

template <typename T>
T Get(const Json& object, const char* key, T otherwise) {
  auto it = object.find(key);
  if (it == object.end()) return otherwise;
  if constexpr (std::is_same_v<T, std::string>) {
    return it->is_string() ? it->get<std::string>() : otherwise;
  } else if constexpr (std::is_same_v<T, bool>) {
    return it->is_boolean() ? it->get<bool>() : otherwise;
  } else {
    return it->is_number() ? it->get<T>() : otherwise;
  }
}

std::string ExampleOf(const Json& check) {
  auto sample = check.find("sample");
  if (sample == check.end() || !sample->is_array() || sample->empty()) return "";
  const Json& row = sample->front();
  if (!row.is_object()) return "";
  std::string text;
  const std::string file = Get<std::string>(row, "file", "");
  if (!file.empty()) {
    text = file;
    const int64_t position = Get<int64_t>(row, "position", -1);
    const int64_t line = Get<int64_t>(row, "line", -1);
    if (line > 0) text += " line " + std::to_string(line) + ",";
    const std::string unit = Get<std::string>(row, "unit", "byte");
    if (position >= 0) text += " at " + unit + " " + std::to_string(position);
  }
  for (const char* part : {"values", "message"}) {
    const std::string what = Get<std::string>(row, part, "");
    if (!what.empty()) text += (text.empty() ? "" : ": ") + what;
  }
  return text;
}

// The JSON that guard's CheckTotals writes.
std::vector<CheckFigures> ChecksOf(const std::string& text) {
  std::vector<CheckFigures> checks;
  if (text.empty()) return checks;
  auto json = ParseJson(text);
  if (!json.ok() || !json->is_object()) return checks;
  auto list = json->find("checks");
  if (list == json->end() || !list->is_array()) return checks;
  for (const Json& item : *list) {
    if (!item.is_object()) continue;
    CheckFigures check;
    check.name = Get<std::string>(item, "name", "");
    check.check = Get<std::string>(item, "check", "");
    check.action = Get<std::string>(item, "action", "");
    check.detail = Get<std::string>(item, "detail", "");
    check.checked = Get<int64_t>(item, "checked", Get<int64_t>(item, "rows", 0));
    check.failed = Get<int64_t>(item, "failed", Get<int64_t>(item, "broken", 0));
    // A check of the table is kept or broken as a whole; how many rows stands in its detail.
    if (!check.detail.empty() && Get(item, "passed", true)) check.failed = 0;
    if (!check.detail.empty() && !Get(item, "passed", true) && check.failed == 0) check.failed = 1;
    check.example = ExampleOf(item);
    check.fix = Get<std::string>(item, "fix", "");
    checks.push_back(std::move(check));
  }
  return checks;
}

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  size_t begin = 0;
  while (begin < text.size()) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

TableFigures FiguresOfSpan(const Span& span) {
  TableFigures table;
  for (const auto& [name, member] : kTexts) table.*member = span.Text(name);
  for (const auto& [name, member] : kCounts) table.*member = span.Int(name, table.*member);
  for (const auto& [name, member] : kMeasures) table.*member = span.Real(name, table.*member);
  table.notes = Lines(span.Text("notes"));
  table.checks = ChecksOf(span.Text("checks"));
  table.recovered = span.Flag("recovered");
  table.seconds = static_cast<double>(span.duration_ns()) / 1e9;
  return table;
}

OrderedJson TableJson(const RunReport& report, const TableFigures& table) {
  OrderedJson json;
  for (const auto& [name, member] : kTexts) json[name] = table.*member;
  for (const auto& [name, member] : kCounts) json[name] = table.*member;
  json["recovered"] = table.recovered;
  json["seconds"] = table.seconds;
  for (const auto& [name, member] : kMeasures) json[name] = table.*member;
  json["notes"] = table.notes;
  json["step_seconds"] = OrderedJson::object();
  for (const auto& [step, seconds] : table.step_seconds) json["step_seconds"][step] = seconds;
  json["checks"] = OrderedJson::array();
  for (const CheckFigures& check : table.checks) {
    OrderedJson item;
    item["name"] = check.name;
    item["check"] = check.check;
    item["action"] = check.action;
    item["checked"] = check.checked;
    item["failed"] = check.failed;
    if (!check.detail.empty()) item["detail"] = check.detail;
    if (!check.example.empty()) item["example"] = check.example;
    if (!check.fix.empty()) item["fix"] = check.fix;
    json["checks"].push_back(std::move(item));
  }
  const Bottleneck bottleneck = FindBottleneck(report.FiguresOf(table));
  json["bottleneck"]["resource"] = ResourceName(bottleneck.resource);
  json["bottleneck"]["evidence"] = bottleneck.evidence;
  json["bottleneck"]["change"] = bottleneck.change;
  return json;
}

TableFigures TableFromJson(const Json& json) {
  TableFigures table;
  for (const auto& [name, member] : kTexts) table.*member = Get<std::string>(json, name, "");
  for (const auto& [name, member] : kCounts) table.*member = Get<int64_t>(json, name, 0);
  for (const auto& [name, member] : kMeasures) table.*member = Get<double>(json, name, 0);
  table.recovered = Get<bool>(json, "recovered", false);
  table.seconds = Get<double>(json, "seconds", 0);
  if (auto notes = json.find("notes"); notes != json.end() && notes->is_array()) {
    for (const Json& note : *notes) {
      if (note.is_string()) table.notes.push_back(note.get<std::string>());
    }
  }
  if (auto steps = json.find("step_seconds"); steps != json.end() && steps->is_object()) {
    for (const auto& [step, seconds] : steps->items()) {
      if (seconds.is_number()) table.step_seconds[step] = seconds.get<double>();
    }
  }
  if (auto checks = json.find("checks"); checks != json.end() && checks->is_array()) {
    for (const Json& item : *checks) {
      if (!item.is_object()) continue;
      CheckFigures check;
      check.name = Get<std::string>(item, "name", "");
      check.check = Get<std::string>(item, "check", "");
      check.action = Get<std::string>(item, "action", "");
      check.checked = Get<int64_t>(item, "checked", 0);
      check.failed = Get<int64_t>(item, "failed", 0);
      check.detail = Get<std::string>(item, "detail", "");
      check.example = Get<std::string>(item, "example", "");
      check.fix = Get<std::string>(item, "fix", "");
      table.checks.push_back(std::move(check));
    }
  }
  return table;
}

}  // namespace

WorkFigures RunReport::FiguresOf(const TableFigures& table) const {
  WorkFigures figures;
  figures.seconds = table.seconds;
  figures.cpu_seconds = table.cpu_seconds;
  figures.io_wait_seconds = table.io_wait_seconds;
  for (const auto& [step, seconds] : table.step_seconds) {
    if (step == "prepare") figures.prepare_seconds += seconds;
    if (step == "commit") figures.commit_seconds += seconds;
  }
  figures.cpus = cpus;
  figures.threads = threads;
  figures.disk_read_bytes = table.disk_read_bytes;
  figures.disk_written_bytes = table.disk_written_bytes;
  figures.bytes_read = table.bytes_read;
  figures.reads_remote = reads_remote;
  figures.peak_memory_bytes = table.peak_memory_bytes;
  figures.memory_budget_bytes = memory_budget_bytes;
  figures.spill_bytes = table.spill_bytes;
  return figures;
}

WorkFigures RunReport::Figures() const {
  WorkFigures all;
  all.cpus = cpus;
  all.threads = threads;
  all.reads_remote = reads_remote;
  all.memory_budget_bytes = memory_budget_bytes;
  for (const TableFigures& table : tables) {
    const WorkFigures one = FiguresOf(table);
    all.seconds += one.seconds;
    all.cpu_seconds += one.cpu_seconds;
    all.io_wait_seconds += one.io_wait_seconds;
    all.prepare_seconds += one.prepare_seconds;
    all.commit_seconds += one.commit_seconds;
    all.disk_read_bytes += one.disk_read_bytes;
    all.disk_written_bytes += one.disk_written_bytes;
    all.bytes_read += one.bytes_read;
    all.peak_memory_bytes = std::max(all.peak_memory_bytes, one.peak_memory_bytes);
    all.spill_bytes = std::max(all.spill_bytes, one.spill_bytes);
  }
  return all;
}

const TableFigures* RunReport::Slowest() const {
  const TableFigures* slowest = nullptr;
  for (const TableFigures& table : tables) {
    if (!table.skipped.empty()) continue;
    if (slowest == nullptr || table.seconds > slowest->seconds) slowest = &table;
  }
  return slowest;
}

RunReport ReportFromSpans(const std::vector<Span>& spans,
                          const std::map<std::string, Sampled>& sampled) {
  RunReport report;
  const Span* run = nullptr;
  for (const Span& span : spans) {
    if (span.name == "run") run = &span;
  }
  if (run == nullptr) return report;
  report.run = run->Text("run");
  report.project = run->Text("project");
  report.seconds = static_cast<double>(run->duration_ns()) / 1e9;
  std::map<SpanId, size_t> tables;
  for (const Span& span : spans) {
    if (span.name == "table" && span.parent == run->id) {
      tables[span.id] = report.tables.size();
      report.tables.push_back(FiguresOfSpan(span));
    }
  }
  for (const Span& span : spans) {
    auto it = tables.find(span.parent);
    if (it == tables.end()) continue;
    report.tables[it->second].step_seconds[span.name] +=
        static_cast<double>(span.duration_ns()) / 1e9;
  }
  for (TableFigures& table : report.tables) {
    if (auto it = sampled.find(table.table); it != sampled.end()) {
      // The spans know the process's peak so far; the samples, what this table needed.
      table.peak_memory_bytes = it->second.peak_memory_bytes;
      table.spill_bytes = it->second.spill_bytes;
    }
  }
  return report;
}

OrderedJson ReportJson(const RunReport& report) {
  OrderedJson json;
  json["format"] = kFormat;
  json["run"] = report.run;
  json["project"] = report.project;
  json["weir_version"] = report.version;
  json["started_us"] = report.started_us;
  json["seconds"] = report.seconds;
  json["exit_code"] = report.exit_code;
  json["interrupted"] = report.interrupted;
  json["machine"] = report.machine;
  json["cpus"] = report.cpus;
  json["threads"] = report.threads;
  json["memory_budget_bytes"] = report.memory_budget_bytes;
  json["peak_memory_bytes"] = report.peak_memory_bytes;
  json["reads_remote"] = report.reads_remote;
  json["tables"] = OrderedJson::array();
  for (const TableFigures& table : report.tables) {
    json["tables"].push_back(TableJson(report, table));
  }
  const Bottleneck bottleneck = FindBottleneck(report.Figures());
  json["bottleneck"]["resource"] = ResourceName(bottleneck.resource);
  json["bottleneck"]["evidence"] = bottleneck.evidence;
  json["bottleneck"]["change"] = bottleneck.change;
  return json;
}

Result<RunReport> ReportFromJson(std::string_view text) {
  WEIR_ASSIGN_OR_RETURN(const Json json, ParseJson(text));
  if (!json.is_object() || Get<int64_t>(json, "format", 0) < 1) {
    return Error::Operator(ErrorCode::kCorrupt, "this is not the record of a run");
  }
  if (Get<int64_t>(json, "format", 0) > kFormat) {
    return Error::User(ErrorCode::kUnsupported, "the record was written by a later Weir")
        .Fix("use that one to look at it");
  }
  RunReport report;
  report.run = Get<std::string>(json, "run", "");
  report.project = Get<std::string>(json, "project", "");
  report.version = Get<std::string>(json, "weir_version", "");
  report.started_us = Get<int64_t>(json, "started_us", 0);
  report.seconds = Get<double>(json, "seconds", 0);
  report.exit_code = Get<int>(json, "exit_code", 0);
  report.interrupted = Get<bool>(json, "interrupted", false);
  report.machine = Get<std::string>(json, "machine", "");
  report.cpus = Get<int>(json, "cpus", 1);
  report.threads = Get<int>(json, "threads", 1);
  report.memory_budget_bytes = Get<int64_t>(json, "memory_budget_bytes", 0);
  report.peak_memory_bytes = Get<int64_t>(json, "peak_memory_bytes", 0);
  report.reads_remote = Get<bool>(json, "reads_remote", false);
  if (auto tables = json.find("tables"); tables != json.end() && tables->is_array()) {
    for (const Json& table : *tables) {
      if (table.is_object()) report.tables.push_back(TableFromJson(table));
    }
  }
  return report;
}

}  // namespace weir::observe
