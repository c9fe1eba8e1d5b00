// DuckDB's text of a DECIMAL, as JSON and other readers take it: where width = scale it leaves the
// 0 before the point out (".500", "-.500"), which is no number in JSON.
//
// Thread rule: a pure function.
#pragma once

#include <string>

namespace weir::columnar {

inline std::string DecimalText(std::string text) {
  const size_t at = text.starts_with('-') ? 1 : 0;
  if (text.size() > at && text[at] == '.') text.insert(at, 1, '0');
  return text;
}

}  // namespace weir::columnar
