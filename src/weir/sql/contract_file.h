// Contract files of a project: adds the checks of Open Data Contract Standard files to the tables
// they describe, as if they stood in the CREATE statement. Named by the table's option 'contract'
// (relative to the project's folder) or for the whole run (`weir run --contract FILE`).
//
// A constraint declared in SQL wins over one of the same name in the file. The file's primary key
// is no UNIQUE check where the table declares the same PRIMARY KEY: rows of equal keys replace each
// other there.
//
// Thread rule: one thread, before anything else holds the project.
#pragma once

#include <string>
#include <vector>

#include "weir/base/env.h"
#include "weir/base/result.h"
#include "weir/sql/project.h"

namespace weir::sql {

// `files` are for every table that one of their objects names; it is an error if none does. What a
// file says and Weir cannot run is added to Project::notes.
Status AddContractFiles(Env& env, const std::vector<std::string>& files, Project* project);

}  // namespace weir::sql
