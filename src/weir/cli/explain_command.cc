// weir explain: a project's flows as a tree, from the tables nobody reads down to the sources, with
// contracts and what the next run would do. weir check: the same without looking at data files.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <set>

#include "weir/cli/commands.h"
#include "weir/cli/terminal.h"
#include "weir/guard/quarantine.h"
#include "weir/observe/quantity.h"
#include "weir/observe/text_table.h"

namespace weir::cli {

namespace {

struct ExplainFlags {
  ProjectFlags project;
  std::string format = "text";
};

std::string Joined(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

std::string OneLine(const std::string& sql) {
  std::string out;
  for (const char c : sql) {
    const bool blank = c == ' ' || c == '\n' || c == '\t' || c == '\r';
    if (!blank) out += c;
    if (blank && !out.empty() && out.back() != ' ') out += ' ';
  }
  return out;
}

// "./tables/t" -> "tables/t"
std::string WithoutDot(const std::string& path) {
  return path.starts_with("./") ? path.substr(2) : path;
}

std::string CheckLine(const guard::Check& check) {
  return check.name + ": " + OneLine(guard::DescribeCheck(check)) + "  " +
         guard::ActionName(check.action);
}

// Secrets may hide in option values: only these are shown, as they are written in the file.
std::string SourceLine(const sql::Relation& relation) {
  std::string line;
  for (const char* key : {"connector", "format", "path"}) {
    auto option = relation.declared->options.find(key);
    if (option == relation.declared->options.end()) continue;
    line += (line.empty() ? "" : " ") + option->second;
  }
  return line;
}

class Tree {
 public:
  Tree(server::ProjectRuntime& runtime, std::vector<sql::RefreshPlan> plans)
      : runtime_(runtime), prepared_(runtime.prepared()), plans_(std::move(plans)) {}

  Result<std::string> Draw(size_t width) {
    width_ = width;
    Line("", runtime_.project().name);
    const std::vector<std::string> roots = Roots();
    for (size_t i = 0; i < roots.size(); ++i) {
      WEIR_RETURN_IF_ERROR(Node(roots[i], "", i + 1 == roots.size()));
    }
    return std::move(out_);
  }

 private:
  struct Child {
    std::string text;
    std::string name;  // of a table, view or source to go down to; empty: only text
  };

  void Line(const std::string& lead, const std::string& text) {
    const std::string line = lead + text;
    out_ += (width_ == 0 ? line : observe::CutTo(line, width_)) + "\n";
  }

  // Tables that no other flow reads; if nothing is filled, the sources.
  std::vector<std::string> Roots() const {
    std::set<std::string> read;
    for (const sql::PreparedFlow& flow : prepared_.flows) {
      for (const std::string& input : flow.inputs) read.insert(sql::ToLower(input));
    }
    std::vector<std::string> roots;
    for (const sql::PreparedFlow& flow : prepared_.flows) {
      const std::string& table = flow.flow->table;
      const bool known = std::find(roots.begin(), roots.end(), table) != roots.end();
      if (!known && read.count(sql::ToLower(table)) == 0) roots.push_back(table);
    }
    for (const auto& [key, relation] : prepared_.relations) {
      if (relation.source && read.count(key) == 0) roots.push_back(relation.declared->name);
    }
    return roots;
  }

  const sql::ViewStatement* FindView(const std::string& name) const {
    for (const sql::ViewStatement* view : prepared_.views) {
      if (sql::EqualsIgnoreCase(view->name, name)) return view;
    }
    return nullptr;
  }

  // What a query mentions and the project knows, in its own spelling.
  Status AddMentioned(const sql::Fragment& query, std::vector<Child>& children) {
    WEIR_ASSIGN_OR_RETURN(const std::vector<std::string> names, runtime_.session().TablesIn(query));
    for (const std::string& name : names) {
      if (const sql::ViewStatement* view = FindView(name)) {
        children.push_back({"", view->name});
      } else if (const sql::Relation* relation = prepared_.Find(name)) {
        children.push_back({"", relation->declared->name});
      }
    }
    return Status::Ok();
  }

  // "appended: 1 new file of raw", or that it waits for what stands above it in the order.
  std::string Next(size_t flow) const {
    const sql::RefreshPlan& plan = plans_[flow];
    std::vector<std::string> first;
    for (const std::string& input : prepared_.flows[flow].inputs) {
      if (WillChange(input)) first.push_back(input);
    }
    std::string text = std::string(sql::RefreshKindName(plan.kind)) + ": " + plan.reason;
    if (plan.kind == sql::RefreshKind::kUpToDate && !first.empty()) {
      text = "refreshed after " + Joined(first);
    }
    return "next run: " + text;
  }

  bool WillChange(const std::string& table) const {
    for (size_t i = 0; i < prepared_.flows.size(); ++i) {
      if (!sql::EqualsIgnoreCase(prepared_.flows[i].flow->table, table)) continue;
      if (plans_[i].kind != sql::RefreshKind::kUpToDate) return true;
      for (const std::string& input : prepared_.flows[i].inputs) {
        if (WillChange(input)) return true;
      }
    }
    return false;
  }

  Status TableChildren(const sql::Relation& relation, std::vector<Child>& children) {
    const std::string& table = relation.declared->name;
    bool sink_named = false;
    for (size_t i = 0; i < prepared_.flows.size(); ++i) {
      const sql::PreparedFlow& flow = prepared_.flows[i];
      if (!sql::EqualsIgnoreCase(flow.flow->table, table)) continue;
      children.push_back({Next(i), ""});
      if (!sink_named) {
        std::string sink = "sink: " + WithoutDot(runtime_.PlaceOf(table));
        if (!flow.primary_key.empty()) sink += ", key " + Joined(flow.primary_key);
        if (!flow.partition_columns.empty()) {
          sink += ", partitioned by " + Joined(flow.partition_columns);
        }
        children.push_back({sink + ", rejected rows in " + guard::QuarantineTableName(table), ""});
        for (const guard::Check& check : flow.contract.checks) {
          children.push_back({"check " + CheckLine(check), ""});
        }
        sink_named = true;
      }
      children.push_back({"query: " + OneLine(flow.flow->query.text), ""});
      WEIR_RETURN_IF_ERROR(AddMentioned(flow.flow->query, children));
    }
    return Status::Ok();
  }

  Status Node(const std::string& name, const std::string& indent, bool last) {
    const std::string lead = indent + (last ? "└─ " : "├─ ");
    const std::string below = indent + (last ? "   " : "│  ");
    const bool again = !drawn_.insert(sql::ToLower(name)).second;
    std::vector<Child> children;
    if (const sql::ViewStatement* view = FindView(name)) {
      Line(lead, "view " + name + (again ? " (see above)" : ""));
      if (again) return Status::Ok();
      WEIR_RETURN_IF_ERROR(AddMentioned(view->query, children));
    } else {
      const sql::Relation& relation = *prepared_.Find(name);
      const std::string columns =
          observe::Counted(static_cast<int64_t>(relation.schema.fields.size()), "column");
      const bool filled = std::any_of(
          prepared_.flows.begin(), prepared_.flows.end(),
          [&](const sql::PreparedFlow& flow) { return flow.flow->target == relation.declared; });
      if (relation.source && !filled) {
        Line(lead, "source " + name + ": " + SourceLine(relation) + ", " + columns);
        return Status::Ok();
      }
      Line(lead, "table " + name + (again ? " (see above)" : ": " + columns));
      if (again) return Status::Ok();
      WEIR_RETURN_IF_ERROR(TableChildren(relation, children));
    }
    for (size_t i = 0; i < children.size(); ++i) {
      const bool is_last = i + 1 == children.size();
      if (children[i].name.empty()) {
        Line(below + (is_last ? "└─ " : "├─ "), children[i].text);
      } else {
        WEIR_RETURN_IF_ERROR(Node(children[i].name, below, is_last));
      }
    }
    return Status::Ok();
  }

  server::ProjectRuntime& runtime_;
  const sql::PreparedProject& prepared_;
  const std::vector<sql::RefreshPlan> plans_;
  size_t width_ = 0;
  std::string out_;
  std::set<std::string> drawn_;
};

OrderedJson ColumnsJson(const columnar::Schema& schema) {
  OrderedJson columns = OrderedJson::array();
  for (const columnar::Field& field : schema.fields) {
    columns.push_back(
        {{"name", field.name}, {"type", field.type.ToString()}, {"nullable", field.nullable}});
  }
  return columns;
}

// `plans` is empty for check.
OrderedJson ProjectJson(const server::ProjectRuntime& runtime,
                        const std::vector<sql::RefreshPlan>& plans) {
  OrderedJson json;
  json["project"] = runtime.project().name;
  json["sources"] = OrderedJson::array();
  for (const auto& [key, relation] : runtime.prepared().relations) {
    if (!relation.source) continue;
    json["sources"].push_back(
        {{"name", relation.declared->name}, {"columns", ColumnsJson(relation.schema)}});
  }
  json["views"] = OrderedJson::array();
  for (const sql::ViewStatement* view : runtime.project().views)
    json["views"].push_back(view->name);
  json["flows"] = OrderedJson::array();
  for (size_t i = 0; i < runtime.prepared().flows.size(); ++i) {
    const sql::PreparedFlow& flow = runtime.prepared().flows[i];
    OrderedJson item;
    item["flow"] = flow.flow->id;
    item["table"] = flow.flow->table;
    item["inputs"] = flow.inputs;
    item["columns"] = ColumnsJson(flow.schema);
    item["primary_key"] = flow.primary_key;
    item["partition_columns"] = flow.partition_columns;
    item["checks"] = OrderedJson::array();
    for (const guard::Check& check : flow.contract.checks) {
      item["checks"].push_back({{"name", check.name},
                                {"check", guard::DescribeCheck(check)},
                                {"action", guard::ActionName(check.action)}});
    }
    if (i < plans.size()) {
      item["next_run"] = {{"refresh", sql::RefreshKindName(plans[i].kind)},
                          {"reason", plans[i].reason}};
    }
    json["flows"].push_back(std::move(item));
  }
  json["queries"] = runtime.project().queries.size();
  return json;
}

Status Explain(const ExplainFlags& flags) {
  WEIR_ASSIGN_OR_RETURN(const auto options, flags.project.ToOptions());
  WEIR_ASSIGN_OR_RETURN(auto runtime, server::ProjectRuntime::Open(RealEnv(), options));
  WEIR_ASSIGN_OR_RETURN(std::vector<sql::RefreshPlan> plans, runtime->Preview());
  if (flags.format == "json") {
    PrintJson(ProjectJson(*runtime, plans));
    return Status::Ok();
  }
  WEIR_ASSIGN_OR_RETURN(const std::string tree,
                        Tree(*runtime, std::move(plans)).Draw(TerminalWidth(1)));
  fmt::print("{}", tree);
  return Status::Ok();
}

const char* KindOf(const sql::Relation& relation) {
  if (relation.source) return "source";
  return relation.declared->options.count("connector") > 0 ? "sink" : "table";
}

Status Check(const ExplainFlags& flags) {
  WEIR_ASSIGN_OR_RETURN(const auto options, flags.project.ToOptions());
  WEIR_ASSIGN_OR_RETURN(auto runtime, server::ProjectRuntime::Open(RealEnv(), options));
  if (flags.format == "json") {
    PrintJson(ProjectJson(*runtime, {}));
    return Status::Ok();
  }
  for (const std::string& note : runtime->project().notes) fmt::print("note: {}\n", note);
  observe::TextTable table({{"name"}, {"kind"}, {"checks"}, {"columns"}});
  size_t checks = 0;
  for (const auto& [key, relation] : runtime->prepared().relations) {
    std::string own;
    for (const sql::PreparedFlow& flow : runtime->prepared().flows) {
      if (flow.flow->target == relation.declared) {
        own = std::to_string(flow.contract.checks.size());
        checks += flow.contract.checks.size();
      }
    }
    table.Add({relation.declared->name, KindOf(relation), own, relation.schema.ToString()});
  }
  fmt::print("{}", table.ToString(TerminalWidth(1)));
  const auto count = [](size_t n, const char* what) {
    return observe::Counted(static_cast<int64_t>(n), what);
  };
  const sql::Project& project = runtime->project();
  fmt::print("ok: {}, {}, {}, {}, {}\n", count(project.sources.size(), "source"),
             count(project.views.size(), "view"), count(project.flows.size(), "flow"),
             count(checks, "check"),
             project.queries.size() == 1 ? std::string("1 query")
                                         : std::to_string(project.queries.size()) + " queries");
  return Status::Ok();
}

void Add(CLI::App& app, Outcome& outcome, const char* name, const char* about,
         Status (*run)(const ExplainFlags&)) {
  auto flags = std::make_shared<ExplainFlags>();
  CLI::App* command = app.add_subcommand(name, about);
  flags->project.AddTo(*command);
  AddFormatTo(*command, flags->format);
  command->callback([flags, run, &outcome] {
    const Status status = run(*flags);
    if (!status.ok()) outcome.exit_code = Fail(status.error(), flags->format);
  });
}

}  // namespace

void AddExplainCommand(CLI::App& app, Outcome& outcome) {
  Add(app, outcome, "explain", "the flows as a tree, and what the next run would do", Explain);
}

void AddCheckCommand(CLI::App& app, Outcome& outcome) {
  Add(app, outcome, "check", "find mistakes in a project without reading a row", Check);
}

}  // namespace weir::cli
