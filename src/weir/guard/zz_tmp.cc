#include "duckdb/common/string_util.hpp"
#include "weir/columnar/engine.h"
#include "weir/columnar/schema.h"
namespace weir::columnar {
int Schema::Find(const std::string& name) const {
  for (size_t i = 0; i < fields.size(); ++i)
    if (duckdb::StringUtil::CIEquals(fields[i].name, name)) return (int)i;
  return -1;
}
duckdb::vector<duckdb::LogicalType> Schema::Types() const {
  duckdb::vector<duckdb::LogicalType> t;
  for (auto& f : fields) t.push_back(f.type);
  return t;
}
std::string QuoteName(const std::string& n) {
  std::string r = "\"";
  for (char c : n) {
    if (c == '"') r += '"';
    r += c;
  }
  return r + "\"";
}
std::string QuoteLiteral(const std::string& n) {
  std::string r = "'";
  for (char c : n) {
    if (c == '\'') r += '\'';
    r += c;
  }
  return r + "'";
}
}  // namespace weir::columnar
