// Finding the files of a source: patterns with *, **, ?, [..] and {a,b}, folders, and the columns
// in folder names (month=3/).
//
// Thread rule: free functions.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "weir/base/result.h"
#include "weir/columnar/engine.h"

namespace weir::connect {

struct ListedFile {
  std::string name;  // as in the pattern: relative to the project, or a URL
  std::string path;  // to open
  // Columns in the folder names, in order; nullopt for __HIVE_DEFAULT_PARTITION__.
  std::vector<std::pair<std::string, std::optional<std::string>>> partitions;
};

// Files in the order of their names. A file that a wildcard finds and whose name, or a folder of
// it below the wildcard, begins with '.' or '_' is left out. No file is no error here.
Result<std::vector<ListedFile>> ListSourceFiles(columnar::Engine& engine,
                                                const std::string& pattern,
                                                const std::string& base_folder,
                                                bool hive_partitions);

// "a{1,2}b" -> "a1b", "a2b".
// "data/a.csv" for "./data//a.csv": a file has one name, however its pattern is spelled.
std::string PlainName(const std::string& name);

std::vector<std::string> ExpandBraces(const std::string& pattern);

}  // namespace weir::connect
