#include "weir/cli/plan_text.h"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>

#include "weir/observe/quantity.h"
#include "weir/observe/text_table.h"

namespace weir::cli {

namespace {

constexpr size_t kFiguresWidth = 40;  // columns that rows and seconds may take

// A string, or an array of strings, as one line.
std::string OneLine(const Json& value) {
  std::string out;
  if (value.is_string()) out = value.get<std::string>();
  for (size_t i = 0; value.is_array() && i < value.size(); ++i) {
    if (value[i].is_string()) out += (i > 0 ? ", " : "") + value[i].get<std::string>();
  }
  std::replace(out.begin(), out.end(), '\n', ' ');
  return out;
}

std::string Member(const Json& object, const char* key) {
  return object.contains(key) ? OneLine(object[key]) : std::string();
}

double Number(const Json& object, const char* key) {
  return object.contains(key) && object[key].is_number() ? object[key].get<double>() : 0;
}

// DuckDB names columns by place between steps ("#0, #1"): that tells nobody anything.
bool OnlyPlaces(const std::string& text) {
  return text.find_first_not_of("#0123456789, ") == std::string::npos;
}

std::string FilesRead(const Json& info, const NameOfFile& name_of) {
  const std::string files = Member(info, "Filename(s)");
  if (files.empty()) return "";
  const std::string first = files.substr(0, files.find(", "));
  const std::string count = Member(info, "Total Files Read");
  return name_of(first) + (count.empty() || count == "1" ? "" : " (" + count + " files)");
}

std::string Detail(const Json& info, const NameOfFile& name_of) {
  std::string out;
  const auto add = [&](const std::string& label, const std::string& value) {
    if (value.empty() || OnlyPlaces(value)) return;
    out += (out.empty() ? "" : "; ") + label + value;
  };
  add("", FilesRead(info, name_of));
  add("", Member(info, "Source"));
  add("", Member(info, "Table"));
  add("", Member(info, "Join Type"));
  add("on ", Member(info, "Conditions"));
  add("", Member(info, "Expression"));
  add("by ", Member(info, "Groups"));
  add("", Member(info, "Aggregates"));
  add("first ", Member(info, "Top"));
  add("by ", Member(info, "Order By"));
  add("", Member(info, "Projections"));
  add("where ", Member(info, "Filters"));
  add("", Member(info, "Text"));
  return out;
}

// "HASH_GROUP_BY" -> "hash group by"
std::string StepName(const Json& node) {
  std::string name = Member(node, "operator_type");
  if (name.empty()) name = Member(node, "name");
  while (!name.empty() && name.back() == ' ') name.pop_back();
  for (char& c : name) {
    c = c == '_' ? ' ' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  const bool reads = name == "table scan" || name == "read parquet" || name == "read csv" ||
                     name == "read csv auto" || name == "weir scan";
  return reads ? "scan" : name;
}

// A step without inputs has no such member.
Json Children(const Json& node) {
  return node.contains("children") ? node["children"] : Json::array();
}

OrderedJson StepOf(const Json& node, const NameOfFile& name_of) {
  OrderedJson step;
  const Json info = node.contains("extra_info") ? node["extra_info"] : Json::object();
  step["step"] = StepName(node);
  step["detail"] = Detail(info, name_of);
  if (node.contains("operator_cardinality")) {
    step["rows"] = static_cast<int64_t>(Number(node, "operator_cardinality"));
    step["seconds"] = Number(node, "operator_timing");
  }
  const std::string expected = Member(info, "Estimated Cardinality");
  if (!expected.empty()) step["rows_expected"] = std::strtoll(expected.c_str(), nullptr, 10);
  step["inputs"] = OrderedJson::array();
  for (const Json& child : Children(node)) step["inputs"].push_back(StepOf(child, name_of));
  return step;
}

class PlanTable {
 public:
  PlanTable(bool analyzed, size_t width)
      : analyzed_(analyzed),
        step_width_(width > 2 * kFiguresWidth ? width - kFiguresWidth : kFiguresWidth),
        cut_(width > 0),
        table_(analyzed
                   ? std::vector<observe::TextTable::Column>{{"step"},
                                                             {"rows", kRight},
                                                             {"expected", kRight, 5},
                                                             {"seconds", kRight}}
                   : std::vector<observe::TextTable::Column>{{"step"}, {"rows expected", kRight}}) {
  }

  void Add(const OrderedJson& step, const std::string& lead, const std::string& below) {
    std::string text = lead + step["step"].get<std::string>();
    const auto detail = step["detail"].get<std::string>();
    if (!detail.empty()) text += "  " + detail;
    if (cut_) text = observe::CutTo(text, step_width_);
    const std::string expected =
        step.contains("rows_expected") ? observe::Count(step["rows_expected"].get<int64_t>()) : "";
    if (analyzed_) {
      table_.Add({text, observe::Count(step["rows"].get<int64_t>()), expected,
                  fmt::format("{:.3f}", step["seconds"].get<double>())});
    } else {
      table_.Add({text, expected});
    }
    const OrderedJson& inputs = step["inputs"];
    for (size_t i = 0; i < inputs.size(); ++i) {
      const bool last = i + 1 == inputs.size();
      Add(inputs[i], below + (last ? "└─ " : "├─ "), below + (last ? "   " : "│  "));
    }
  }

  std::string ToString() const { return table_.ToString(0); }

 private:
  static constexpr auto kRight = observe::TextTable::kRight;
  const bool analyzed_;
  const size_t step_width_;
  const bool cut_;
  observe::TextTable table_;
};

}  // namespace

Result<OrderedJson> PlanJson(const std::string& duckdb_json, const NameOfFile& name_of) {
  WEIR_ASSIGN_OR_RETURN(const Json plan, ParseJson(duckdb_json));
  OrderedJson out;
  out["plan"] = OrderedJson::array();
  if (plan.is_array()) {  // not run
    for (const Json& node : plan) out["plan"].push_back(StepOf(node, name_of));
    return out;
  }
  out["seconds"] = Number(plan, "latency");
  out["cpu_seconds"] = Number(plan, "cpu_time");
  out["peak_memory_bytes"] = static_cast<int64_t>(Number(plan, "system_peak_buffer_memory"));
  out["spill_bytes"] = static_cast<int64_t>(Number(plan, "system_peak_temp_dir_size"));
  for (const Json& root : Children(plan)) {  // the EXPLAIN itself
    for (const Json& node : Children(root)) out["plan"].push_back(StepOf(node, name_of));
  }
  return out;
}

std::string PlanText(const OrderedJson& plan, size_t width) {
  const bool analyzed = plan.contains("seconds");
  PlanTable table(analyzed, width);
  for (const OrderedJson& root : plan["plan"]) table.Add(root, "", "");
  std::string out =
      plan["plan"].empty() ? "no step: statistics know the answer\n" : table.ToString();
  if (!analyzed) return out;
  const double spill = plan["spill_bytes"].get<double>();
  return out + fmt::format("{}, {} of CPU, peak memory {}, {}\n",
                           observe::Seconds(plan["seconds"].get<double>()),
                           observe::Seconds(plan["cpu_seconds"].get<double>()),
                           observe::Bytes(plan["peak_memory_bytes"].get<double>()),
                           spill > 0 ? observe::Bytes(spill) + " spilled" : "nothing spilled");
}

}  // namespace weir::cli
