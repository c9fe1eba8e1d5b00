// What this build is: the strings behind `weir --version`, run reports and lineage events.
// Constants of the build; any thread may read them.
#pragma once

#include <string_view>

namespace weir::base {

// The release, for example "0.1.0".
std::string_view Version();

// The commit it was built from, "-dirty" if the tree was changed, "unknown" outside a repository;
// for example "2f6d1c0a9b3e".
std::string_view Commit();

// The libraries it was built against, for example "DuckDB 1.5.5, simdjson 3.1.1".
std::string_view LibraryVersions();

// The compiler, for example "GNU 12.2.0".
std::string_view Compiler();

}  // namespace weir::base
