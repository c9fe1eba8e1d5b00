#include "weir/sql/project.h"

#include <algorithm>

#include "weir/sql/contract_file.h"

namespace weir::sql {

namespace {

bool EndsWith(const std::string& text, const std::string& ending) {
  return text.size() >= ending.size() &&
         text.compare(text.size() - ending.size(), ending.size(), ending) == 0;
}

bool IsExternal(const TableStatement& table) { return table.options.count("connector") > 0; }

class ProjectBuilder {
 public:
  explicit ProjectBuilder(Project& project) : project_(project) {}

  Status Build() {
    for (const Statement& statement : project_.statements) {
      WEIR_RETURN_IF_ERROR(
          std::visit([&](const auto& body) { return Add(statement, body); }, statement.body));
    }
    for (const Statement& statement : project_.statements) {
      if (const auto* insert = std::get_if<InsertStatement>(&statement.body)) {
        WEIR_RETURN_IF_ERROR(AddInsert(statement, *insert));
      }
    }
    return Status::Ok();
  }

 private:
  Status Claim(const Statement& statement, const std::string& name) {
    auto [it, fresh] = places_.emplace(ToLower(name), &statement);
    if (fresh) return Status::Ok();
    const Fragment& first = it->second->text;
    return statement.text
        .ErrorHere(0, ErrorCode::kInvalid,
                   "'" + name + "' is declared twice; the first time at " +
                       PlaceOf(*first.source, first.begin))
        .Fix("rename one of them");
  }

  Status Add(const Statement& statement, const TableStatement& table) {
    WEIR_RETURN_IF_ERROR(Claim(statement, table.name));
    if (ToLower(table.name).find("__quarantine") != std::string::npos || table.name == "_weir") {
      return statement.text.ErrorHere(0, ErrorCode::kInvalid,
                                      "the name '" + table.name + "' is reserved");
    }
    if (!table.materialized && !table.query.empty()) {
      return statement.text
          .ErrorHere(0, ErrorCode::kInvalid, "CREATE TABLE ... AS would run once and be forgotten")
          .Fix("write CREATE MATERIALIZED TABLE " + table.name + " AS SELECT ...");
    }
    if (IsExternal(table) && !table.materialized) {
      project_.sources.push_back(&table);
      return Status::Ok();
    }
    if (!table.materialized && table.columns.empty()) {
      return statement.text
          .ErrorHere(0, ErrorCode::kInvalid,
                     "table '" + table.name + "' has no columns and no connector")
          .Fix("declare its columns, or say WITH ('connector' = 'filesystem', ...)");
    }
    WEIR_RETURN_IF_ERROR(CheckOptions(table));
    project_.tables.push_back(&table);
    if (table.materialized) {
      Flow flow;
      flow.table = table.name;
      flow.target = &table;
      flow.query = table.query;
      auto mode = table.options.find("refresh-mode");
      flow.overwrite = mode != table.options.end() && mode->second == "full";
      flow.text = statement.text;
      WEIR_RETURN_IF_ERROR(AddFlow(std::move(flow), table));
    }
    return Status::Ok();
  }

  // Of a table of ours. One without a connector may be a source whose 'connector' is mistyped.
  static Status CheckOptions(const TableStatement& table) {
    std::vector<std::string> known = {"quarantine.max-ratio", "quarantine.min-rows", "parses",
                                      "contract", "flow.id"};
    for (const auto& [key, at] : table.option_places) {
      const bool good =
          key.rfind("delta.", 0) == 0 || std::find(known.begin(), known.end(), key) != known.end();
      if (good) continue;
      if (!table.materialized) known.push_back("connector");
      const std::string near = DidYouMean(key, known);
      std::string all;
      for (const std::string& name : known) all += "'" + name + "', ";
      Error error = ErrorAt(*table.source, at, ErrorCode::kInvalid,
                            "a table without a connector has no option '" + key + "'");
      if (!near.empty()) return std::move(error).Fix(near);
      return std::move(error).Fix("it may have " + all + "'delta.…'");
    }
    return Status::Ok();
  }

  Status Add(const Statement& statement, const ViewStatement& view) {
    WEIR_RETURN_IF_ERROR(Claim(statement, view.name));
    project_.views.push_back(&view);
    return Status::Ok();
  }

  Status Add(const Statement&, const InsertStatement&) { return Status::Ok(); }  // second pass

  Status Add(const Statement&, const SetStatement& set) {
    project_.settings[set.key] = set.value;
    project_.notes.push_back("SET '" + set.key + "': nothing here reads this setting");
    return Status::Ok();
  }

  Status Add(const Statement&, const QueryStatement& query) {
    project_.queries.push_back(&query);
    return Status::Ok();
  }

  Status Add(const Statement&, const MacroStatement& macro) {
    project_.macros.push_back(&macro);
    return Status::Ok();
  }

  Status Add(const Statement&, const TopicStatement& topic) {
    for (const TopicStatement* other : project_.topics) {
      if (other->name != topic.name || other->options != topic.options) continue;
      return ErrorAt(*topic.source, 0, ErrorCode::kInvalid,
                     "topic " + topic.name + " is created twice");
    }
    project_.topics.push_back(&topic);
    return Status::Ok();
  }

  Status AddInsert(const Statement& statement, const InsertStatement& insert) {
    const TableStatement* target = project_.FindTable(insert.table);
    if (target == nullptr) {
      return statement.text
          .ErrorHere(0, ErrorCode::kNotFound,
                     "no table named '" + insert.table + "' to insert into")
          .Fix(DidYouMean(insert.table, project_.Names()));
    }
    if (target->materialized) {
      return statement.text
          .ErrorHere(0, ErrorCode::kInvalid,
                     "'" + insert.table + "' is filled by its own definition")
          .Fix("declare it with CREATE TABLE to fill it with INSERT");
    }
    // What else can't be written, its connector says when the project is prepared.
    if (IsExternal(*target) && target->options.at("connector") == "filesystem") {
      return statement.text
          .ErrorHere(0, ErrorCode::kUnsupported,
                     "'" + insert.table + "' is a source: Weir writes Delta tables, not files")
          .Fix(
              "declare it without a connector; for other formats: weir sql -c \"COPY (SELECT ...) "
              "TO 'out.parquet'\"");
    }
    Flow flow;
    flow.table = target->name;
    flow.target = target;
    flow.query = insert.query;
    flow.external = IsExternal(*target);
    if (flow.external && insert.overwrite) {
      return statement.text
          .ErrorHere(0, ErrorCode::kUnsupported,
                     "'" + insert.table + "' can't be overwritten: what was sent stays sent")
          .Fix("write INSERT INTO");
    }
    flow.overwrite = insert.overwrite;
    flow.insert_columns = insert.columns;
    flow.text = statement.text;
    return AddFlow(std::move(flow), *target);
  }

  Status AddFlow(Flow flow, const TableStatement& table) {
    auto given = table.options.find("flow.id");
    std::string id = given == table.options.end() ? ToLower(table.name) : given->second;
    const bool plain = !id.empty() && std::all_of(id.begin(), id.end(), [](unsigned char c) {
      return std::isalnum(c) || c == '_' || c == '-' || c >= 0x80;
    });
    if (!plain) {
      return flow.text
          .ErrorHere(0, ErrorCode::kInvalid, "'" + id + "' can't be the name of a folder")
          .Fix("use letters, digits, _ and - or give another 'flow.id'");
    }
    const int count = ++flows_into_[id];
    if (count > 1) id += "-" + std::to_string(count);
    flow.id = std::move(id);
    project_.flows.push_back(std::move(flow));
    return Status::Ok();
  }

  Project& project_;
  std::map<std::string, const Statement*> places_;
  std::map<std::string, int> flows_into_;
};

}  // namespace

const TableStatement* Project::FindTable(const std::string& name) const {
  for (const auto* list : {&sources, &tables}) {
    for (const TableStatement* table : *list) {
      if (EqualsIgnoreCase(table->name, name)) return table;
    }
  }
  return nullptr;
}

std::vector<std::string> Project::Names() const {
  std::vector<std::string> names;
  for (const TableStatement* table : sources) names.push_back(table->name);
  for (const TableStatement* table : tables) names.push_back(table->name);
  for (const ViewStatement* view : views) names.push_back(view->name);
  return names;
}

Result<std::unique_ptr<Project>> ParseProject(std::string folder, std::vector<SourceText> files) {
  auto project = std::make_unique<Project>();
  project->folder = std::move(folder);
  for (SourceText& file : files) {
    WEIR_ASSIGN_OR_RETURN(std::vector<Statement> statements,
                          ParseStatements(std::make_shared<SourceText>(std::move(file))));
    for (Statement& statement : statements) project->statements.push_back(std::move(statement));
  }
  WEIR_RETURN_IF_ERROR(ProjectBuilder(*project).Build());
  return project;
}

Result<FileInfo> StatProject(Env& env, const std::string& path) {
  auto info = env.Stat(path);
  if (info.ok() || info.error().code() != ErrorCode::kNotFound) return info;
  std::vector<std::string> names;
  if (const auto beside = env.ListDir(ParentPath(path)); beside.ok()) {
    for (const FileInfo& entry : *beside) {
      if (entry.is_directory || EndsWith(entry.path, ".sql")) names.push_back(entry.path);
    }
  }
  const std::string near = DidYouMean(BaseName(path), names);
  return Error::User(ErrorCode::kNotFound, "no project '" + path + "': there is no such file")
      .Fix(near.empty() ? "name a .sql file or a folder of .sql files" : near);
}

Result<std::unique_ptr<Project>> LoadProject(Env& env, const std::string& path,
                                             const std::vector<std::string>& contracts) {
  WEIR_ASSIGN_OR_RETURN(const FileInfo info, StatProject(env, path));
  std::vector<std::string> paths;
  std::string folder = path;
  if (info.is_directory) {
    WEIR_ASSIGN_OR_RETURN(std::vector<FileInfo> entries, env.ListDir(path));
    for (const FileInfo& entry : entries) {
      if (!entry.is_directory && EndsWith(entry.path, ".sql")) {
        paths.push_back(JoinPath(path, entry.path));
      }
    }
    if (paths.empty()) {
      return Error::User(ErrorCode::kNotFound, "no .sql file in the folder")
          .At(path)
          .Fix("write one, or let `weir init " + path + "` write a small working project");
    }
  } else {
    folder = ParentPath(path);
    paths.push_back(path);
  }
  std::vector<SourceText> files;
  for (const std::string& file : paths) {
    WEIR_ASSIGN_OR_RETURN(std::string text, env.ReadFile(file));
    files.push_back({file, std::move(text)});
  }
  WEIR_ASSIGN_OR_RETURN(auto project, ParseProject(folder, std::move(files)));
  WEIR_RETURN_IF_ERROR(AddContractFiles(env, contracts, project.get()));
  std::string trimmed = path;
  while (trimmed.size() > 1 && trimmed.back() == '/') trimmed.pop_back();
  project->name = BaseName(trimmed);
  if (project->name == "." || project->name == "..") {
    std::string here = env.Variable("PWD").value_or("project");
    project->name = BaseName(project->name == "." ? here : ParentPath(here));
  }
  if (EndsWith(project->name, ".sql")) project->name.resize(project->name.size() - 4);
  return project;
}

Result<std::string> ExpandVariables(Env& env, const std::string& text) {
  std::string out;
  size_t pos = 0;
  while (true) {
    const size_t open = text.find("${", pos);
    if (open == std::string::npos) return out + text.substr(pos);
    const size_t close = text.find('}', open);
    if (close == std::string::npos) {
      return Error::User(ErrorCode::kInvalid, "'${' without '}' in '" + text + "'");
    }
    out += text.substr(pos, open - pos);
    std::string name = text.substr(open + 2, close - open - 2);
    std::optional<std::string> fallback;
    if (size_t dash = name.find(":-"); dash != std::string::npos) {
      fallback = name.substr(dash + 2);
      name.resize(dash);
    }
    std::optional<std::string> value = env.Variable(name);
    if (!value && !fallback) {
      return Error::User(ErrorCode::kNotFound, "the environment variable " + name + " is not set")
          .Fix("set it, or write ${" + name + ":-default}");
    }
    out += value ? *value : *fallback;
    pos = close + 1;
  }
}

}  // namespace weir::sql
