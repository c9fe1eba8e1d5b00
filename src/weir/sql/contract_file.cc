#include "weir/sql/contract_file.h"

#include <algorithm>
#include <memory>

#include "weir/guard/odcs.h"

namespace weir::sql {
namespace {

bool SameNames(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  return a.size() == b.size() && std::all_of(a.begin(), a.end(), [&](const std::string& name) {
           return std::any_of(b.begin(), b.end(), [&](const std::string& other) {
             return EqualsIgnoreCase(name, other);
           });
         });
}

void AddChecks(const guard::OdcsTable& described, TableStatement* table) {
  for (const guard::Check& check : described.contract.checks) {
    const bool declared = std::any_of(
        table->checks.begin(), table->checks.end(),
        [&](const guard::Check& other) { return EqualsIgnoreCase(other.name, check.name); });
    const bool key =
        check.kind == guard::CheckKind::kUnique && SameNames(check.columns, table->primary_key);
    if (declared || key) continue;
    // Errors show the condition itself; the file's line stands in the name.
    Fragment place;
    place.source = std::make_shared<const SourceText>(
        SourceText{"constraint '" + check.name + "' of " + check.where, check.expression});
    place.text = check.expression;
    table->checks.push_back(check);
    table->check_places.push_back(std::move(place));
  }
}

Result<guard::OdcsDocument> Read(Env& env, const std::string& file) {
  auto text = env.ReadFile(file);
  if (!text.ok()) return std::move(text).error().While("reading the data contract");
  return guard::ParseOdcs(*text, file, guard::OdcsOptions{});
}

void AddNotes(const guard::OdcsDocument& document, const std::string& file, Project* project) {
  for (const std::string& note : document.not_run) {
    const std::string line = file + ": not run: " + note;
    if (std::find(project->notes.begin(), project->notes.end(), line) == project->notes.end()) {
      project->notes.push_back(line);
    }
  }
}

std::vector<std::string> NamesIn(const guard::OdcsDocument& document) {
  std::vector<std::string> names;
  for (const guard::OdcsTable& table : document.tables) names.push_back(table.name);
  return names;
}

}  // namespace

Status AddContractFiles(Env& env, const std::vector<std::string>& files, Project* project) {
  for (const std::string& file : files) {
    WEIR_ASSIGN_OR_RETURN(const guard::OdcsDocument document, Read(env, file));
    bool used = false;
    for (Statement& statement : project->statements) {
      auto* table = std::get_if<TableStatement>(&statement.body);
      if (table == nullptr || table->options.count("contract") > 0) continue;
      const guard::OdcsTable* described = document.Find(table->name);
      if (described == nullptr) continue;
      used = true;
      AddChecks(*described, table);
    }
    if (!used) {
      std::string names;
      for (const std::string& name : NamesIn(document)) names += (names.empty() ? "" : ", ") + name;
      return Error::User(ErrorCode::kNotFound, "the contract describes " +
                                                   (names.empty() ? "no table" : names) +
                                                   "; the project has no table of such a name")
          .At(file)
          .Fix(
              "name the table as the contract does, or point at the file with WITH ('contract' = "
              "...)");
    }
    AddNotes(document, file, project);
  }

  for (Statement& statement : project->statements) {
    auto* table = std::get_if<TableStatement>(&statement.body);
    if (table == nullptr) continue;
    const auto option = table->options.find("contract");
    if (option == table->options.end()) continue;
    WEIR_ASSIGN_OR_RETURN(const std::string value, ExpandVariables(env, option->second));
    const bool absolute = !value.empty() && value[0] == '/';
    const std::string file = absolute ? value : JoinPath(project->folder, value);
    WEIR_ASSIGN_OR_RETURN(const guard::OdcsDocument document, Read(env, file));
    const guard::OdcsTable* described = document.Find(table->name);
    if (described == nullptr) described = document.Find("");  // the only one it has
    if (described == nullptr) {
      return statement.text
          .ErrorHere(0, ErrorCode::kNotFound,
                     "contract " + file + " does not describe '" + table->name + "'")
          .Fix(DidYouMean(table->name, NamesIn(document)));
    }
    AddChecks(*described, table);
    AddNotes(document, file, project);
  }
  return Status::Ok();
}

}  // namespace weir::sql
