#include "weir/observe/report_text.h"

#include <fmt/core.h>

#include <algorithm>

#include "weir/base/metrics.h"
#include "weir/observe/quantity.h"
#include "weir/observe/text_table.h"

namespace weir::observe {

namespace {

constexpr size_t kNotesShown = 10;  // of a table

std::string FigureSeconds(double seconds) { return fmt::format("{:.2f}", seconds); }

std::string BytesOrNothing(int64_t bytes) {
  return bytes > 0 ? Bytes(static_cast<double>(bytes)) : std::string();
}

std::string Did(const TableFigures& table) {
  if (!table.skipped.empty()) return "skipped";
  if (!table.error.empty()) return "failed";
  return table.refresh;
}

std::string FiguresTable(const RunReport& report, size_t width) {
  constexpr auto kRight = TextTable::kRight;
  TextTable table({{"table"},
                   {"", TextTable::kLeft, 9},
                   {"rows in", kRight},
                   {"out", kRight},
                   {"rejected", kRight},
                   {"read", kRight, 6},
                   {"written", kRight, 5},
                   {"seconds", kRight},
                   {"CPU s", kRight, 8},
                   {"I/O wait", kRight, 3},
                   {"memory", kRight, 7},
                   {"spill", kRight, 4}});
  for (const TableFigures& t : report.tables) {
    const bool worked = t.rows_in > 0 || t.epoch > 0 || t.bytes_read > 0;
    if (!worked) {
      table.Add({t.table, Did(t), "", "", "", "", "",
                 t.skipped.empty() ? FigureSeconds(t.seconds) : "", "", "", "", ""});
      continue;
    }
    table.Add({t.table, Did(t), Count(t.rows_in), Count(t.rows_out), Count(t.rejected()),
               BytesOrNothing(t.bytes_read), BytesOrNothing(t.bytes_written),
               FigureSeconds(t.seconds), FigureSeconds(t.cpu_seconds),
               FigureSeconds(t.io_wait_seconds), BytesOrNothing(t.peak_memory_bytes),
               BytesOrNothing(t.spill_bytes)});
  }
  return table.ToString(width);
}

// "3 rows broke flew (arr_delay IS NOT NULL): QUARANTINE"
std::string BrokenCheck(const CheckFigures& check) {
  std::string line = check.name + ": ";
  line += check.detail.empty() ? Count(check.failed) + " of " + Counted(check.checked, "row")
                               : check.detail;
  line += " broke it, " + check.action;
  if (!check.example.empty()) line += " (" + check.example + ")";
  return line;
}

}  // namespace

std::string ReportText(const RunReport& report, size_t width) {
  std::string out;
  if (!report.tables.empty()) out += FiguresTable(report, width);
  for (const TableFigures& table : report.tables) {
    std::vector<std::string> lines;
    if (!table.skipped.empty()) {
      lines.push_back("skipped, as " + table.skipped);
    } else if (!table.reason.empty()) {
      lines.push_back(table.refresh + ": " + table.reason);
    }
    if (table.recovered) lines.push_back("the commit of the run before was finished first");
    // A note for each of a thousand files would hide the rest.
    const size_t notes = std::min(table.notes.size(), kNotesShown);
    lines.insert(lines.end(), table.notes.begin(),
                 table.notes.begin() + static_cast<std::ptrdiff_t>(notes));
    if (notes < table.notes.size()) {
      lines.push_back("and " + Counted(static_cast<int64_t>(table.notes.size() - notes), "note") +
                      " more: `weir runs show " + report.run.substr(0, 8) + " --format json`");
    }
    for (const CheckFigures& check : table.checks) {
      if (check.failed == 0) continue;
      lines.push_back(BrokenCheck(check));
      if (check.fix.empty()) continue;
      std::string fix = "  fix: " + check.fix;
      if (check.action == "QUARANTINE") fix += "; all: weir quarantine show " + table.table;
      lines.push_back(std::move(fix));
    }
    for (size_t i = 0; i < lines.size(); ++i) {
      // Never cut: the place and the value stand at the end.
      out += (i == 0 ? table.table + "  " : std::string("  ")) + lines[i] + "\n";
    }
  }
  const Bottleneck bottleneck = FindBottleneck(report.Figures());
  std::string where;
  if (const TableFigures* slowest = report.Slowest(); slowest && report.tables.size() > 1) {
    where = " (most of it in " + slowest->table + ", " + Seconds(slowest->seconds) + ")";
  }
  out += fmt::format("bottleneck: {}{}\n", bottleneck.ToString(),
                     bottleneck.resource == Resource::kNothing ? "" : where);
  if (!bottleneck.change.empty()) out += "to change:  " + bottleneck.change + "\n";
  out += fmt::format("run {} took {}, peak memory {}\n", report.run, Seconds(report.seconds),
                     Bytes(static_cast<double>(report.peak_memory_bytes)));
  return out;
}

std::string ReportPrometheus(const RunReport& report) {
  MetricRegistry metrics;
  const Labels run{{"project", report.project}};
  metrics.GetGauge("weir_run_seconds", "Wall time of the last run.", run).Set(report.seconds);
  metrics.GetGauge("weir_run_exit_code", "Exit code of the last run.", run).Set(report.exit_code);
  metrics.GetGauge("weir_run_start_time_seconds", "Start of the last run, since 1970.", run)
      .Set(static_cast<double>(report.started_us) / 1e6);
  metrics.GetGauge("weir_run_peak_memory_bytes", "Peak resident memory of the last run.", run)
      .Set(static_cast<double>(report.peak_memory_bytes));
  for (const TableFigures& t : report.tables) {
    const Labels labels{{"project", report.project}, {"table", t.table}};
    const auto set = [&](const char* name, const char* help, double value) {
      metrics.GetGauge(name, help, labels).Set(value);
    };
    const auto count = [&](const char* name, const char* help, int64_t value) {
      set(name, help, static_cast<double>(value));
    };
    count("weir_table_failed", "1 if the last run did not bring this table up to date.",
          t.error.empty() && t.skipped.empty() ? 0 : 1);
    count("weir_table_rows_in", "Rows of the query, before checks.", t.rows_in);
    count("weir_table_rows_out", "Rows written.", t.rows_out);
    count("weir_table_rows_dropped", "Rows left out by DROP ROW.", t.rows_dropped);
    count("weir_table_rows_quarantined", "Rows put into the quarantine.", t.rows_quarantined);
    count("weir_table_rows_unparsed", "Rows that could not be parsed.", t.rows_unparsed);
    count("weir_table_rows_warned", "Rows kept although they broke a check.", t.rows_warned);
    count("weir_table_read_bytes", "Bytes read of sources.", t.bytes_read);
    count("weir_table_written_bytes", "Bytes of files written.", t.bytes_written);
    count("weir_table_version", "Version of the table, -1 if nothing was committed.", t.version);
    count("weir_table_peak_memory_bytes", "Peak resident memory meanwhile.", t.peak_memory_bytes);
    count("weir_table_spill_bytes", "Most bytes in the spill folder.", t.spill_bytes);
    set("weir_table_score", "Share of checks that rows passed, weighted by action.", t.score);
    set("weir_table_seconds", "Wall time.", t.seconds);
    set("weir_table_cpu_seconds", "CPU time, user and system.", t.cpu_seconds);
    set("weir_table_io_wait_seconds", "Time threads waited for storage.", t.io_wait_seconds);
    for (const CheckFigures& check : t.checks) {
      Labels of_check = labels;
      of_check["check"] = check.name;
      of_check["action"] = check.action;
      metrics.GetGauge("weir_check_rows", "Rows that the check looked at.", of_check)
          .Set(static_cast<double>(check.checked));
      metrics.GetGauge("weir_check_failed_rows", "Rows that broke the check.", of_check)
          .Set(static_cast<double>(check.failed));
    }
  }
  return metrics.PrometheusText();
}

namespace {

const TableFigures* Find(const RunReport& report, const std::string& name) {
  for (const TableFigures& table : report.tables) {
    if (table.table == name) return &table;
  }
  return nullptr;
}

// The tables of both, in the order of b and then those of a that b lacks.
std::vector<std::string> NamesOfBoth(const RunReport& a, const RunReport& b) {
  std::vector<std::string> names;
  for (const RunReport* report : {&b, &a}) {
    for (const TableFigures& table : report->tables) {
      if (std::find(names.begin(), names.end(), table.table) == names.end()) {
        names.push_back(table.table);
      }
    }
  }
  return names;
}

std::string Change(double a, double b) {
  if (a == b) return "=";
  if (a == 0) return "new";
  return fmt::format("{:+.0f} %", (b - a) / a * 100);
}

// Below a tenth of a second, chance decides; beyond tenfold, percents are hard to read.
std::string ChangeOfSeconds(double a, double b) {
  if (std::max(a, b) < 0.1) return "";
  if (std::min(a, b) <= 0.01) return b > a ? "longer" : "shorter";
  if (b >= 10 * a) return fmt::format("{:.0f} times", b / a);
  return Change(a, b);
}

std::string FromTo(const std::string& a, const std::string& b) {
  return a == b ? a : a + " -> " + b;
}

}  // namespace

std::string CompareText(const RunReport& a, const RunReport& b, size_t width) {
  constexpr auto kRight = TextTable::kRight;
  std::string out = fmt::format("A  {}  {}\nB  {}  {}\n", a.run, UtcTime(a.started_us), b.run,
                                UtcTime(b.started_us));
  TextTable table({{"table"},
                   {"", TextTable::kLeft, 5},
                   {"rows out A -> B", kRight},
                   {"", kRight, 8},
                   {"rejected A -> B", kRight},
                   {"seconds A -> B", kRight},
                   {"", kRight, 8}});
  const TableFigures none;
  for (const std::string& name : NamesOfBoth(a, b)) {
    const TableFigures* in_a = Find(a, name);
    const TableFigures* in_b = Find(b, name);
    const TableFigures& x = in_a ? *in_a : none;
    const TableFigures& y = in_b ? *in_b : none;
    table.Add({name,
               !in_a   ? "only in B"
               : !in_b ? "only in A"
                       : FromTo(Did(x), Did(y)),
               FromTo(Count(x.rows_out), Count(y.rows_out)),
               Change(static_cast<double>(x.rows_out), static_cast<double>(y.rows_out)),
               FromTo(Count(x.rejected()), Count(y.rejected())),
               FromTo(FigureSeconds(x.seconds), FigureSeconds(y.seconds)),
               ChangeOfSeconds(x.seconds, y.seconds)});
  }
  out += table.ToString(width);
  const std::string change = ChangeOfSeconds(a.seconds, b.seconds);
  out += fmt::format("whole run: {} -> {}{}, peak memory {} -> {}\n", Seconds(a.seconds),
                     Seconds(b.seconds), change.empty() ? "" : " (" + change + ")",
                     Bytes(static_cast<double>(a.peak_memory_bytes)),
                     Bytes(static_cast<double>(b.peak_memory_bytes)));
  return out;
}

OrderedJson CompareJson(const RunReport& a, const RunReport& b) {
  OrderedJson json;
  json["a"] = a.run;
  json["b"] = b.run;
  json["seconds"] = {a.seconds, b.seconds};
  json["tables"] = OrderedJson::array();
  const TableFigures none;
  for (const std::string& name : NamesOfBoth(a, b)) {
    const TableFigures* in_a = Find(a, name);
    const TableFigures* in_b = Find(b, name);
    const TableFigures& x = in_a ? *in_a : none;
    const TableFigures& y = in_b ? *in_b : none;
    OrderedJson item;
    item["table"] = name;
    item["in_a"] = in_a != nullptr;
    item["in_b"] = in_b != nullptr;
    item["rows_in"] = {x.rows_in, y.rows_in};
    item["rows_out"] = {x.rows_out, y.rows_out};
    item["rejected"] = {x.rejected(), y.rejected()};
    item["seconds"] = {x.seconds, y.seconds};
    json["tables"].push_back(std::move(item));
  }
  return json;
}

}  // namespace weir::observe
