// PathPattern: a path for those of DuckDB's functions that take patterns.
//
// Thread rule: a free function.
#pragma once

#include <string>
#include <string_view>

namespace weir::columnar {

// DuckDB takes paths as patterns; a bracket around a special character makes it plain. URLs stay as
// they are: in them "?" begins a query.
inline std::string PathPattern(std::string_view path) {
  if (path.find("://") != std::string_view::npos) return std::string(path);
  std::string out;
  for (const char c : path) {
    if (c == '*' || c == '?' || c == '[') {
      out += '[';
      out += c;
      out += ']';
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace weir::columnar
