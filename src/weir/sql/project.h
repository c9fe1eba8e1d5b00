// Project: one folder of .sql files, read and checked as far as possible without touching data.
// Names are resolved and flows put in order later, by the Session, which has a parser for queries.
//
// Thread rule: immutable once loaded.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "weir/base/env.h"
#include "weir/base/result.h"
#include "weir/sql/statement.h"

namespace weir::sql {

// A running query from sources to one table: MATERIALIZED TABLE or INSERT.
struct Flow {
  std::string id;     // survives renames: option 'flow.id', else the table's name
  std::string table;  // the target
  const TableStatement* target = nullptr;
  Fragment query;
  bool external = false;                    // the target has a connector: rows are only added
  bool overwrite = false;                   // INSERT OVERWRITE, REFRESH_MODE = FULL
  std::vector<std::string> insert_columns;  // INSERT INTO t (a, b)
  Fragment text;                            // the whole statement, for messages
};

struct Project {
  std::string name;                   // the folder's or file's name without .sql
  std::string folder;                 // relative paths of sources are resolved against it
  std::vector<Statement> statements;  // never changed after loading: pointers into it are kept

  std::vector<const TableStatement*> sources;  // with a connector
  std::vector<const TableStatement*> tables;   // managed, materialized ones included
  std::vector<const ViewStatement*> views;
  std::vector<const MacroStatement*> macros;
  std::vector<const QueryStatement*> queries;
  std::vector<const TopicStatement*> topics;
  std::vector<Flow> flows;
  std::map<std::string, std::string> settings;  // SET 'key' = 'value'
  std::vector<std::string> notes;               // what contract files say and nothing here runs

  const TableStatement* FindTable(const std::string& name) const;  // source or managed; or null
  std::vector<std::string> Names() const;                          // of sources, tables and views
};

// `path` is a .sql file or a folder of them (read in the order of their names; they need not be in
// the order of their references). Names are unique without regard to case.
// Contract files: contract_file.h.
Result<std::unique_ptr<Project>> LoadProject(Env& env, const std::string& path,
                                             const std::vector<std::string>& contracts = {});
// What a project's path leads to; kNotFound with the nearest name that there is.
Result<FileInfo> StatProject(Env& env, const std::string& path);
// The same for text that is at hand: one-shot SQL, tests.
Result<std::unique_ptr<Project>> ParseProject(std::string folder, std::vector<SourceText> files);

// Replaces ${NAME} and ${NAME:-default} by variables of the environment. Only for option values,
// and only where they are used: they may be secrets, so the result is never kept or shown.
Result<std::string> ExpandVariables(Env& env, const std::string& text);

}  // namespace weir::sql
