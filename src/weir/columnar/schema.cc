#include "weir/columnar/schema.h"

#include "duckdb/common/string_util.hpp"
#include "weir/columnar/engine.h"

namespace weir::columnar {

int Schema::Find(const std::string& name) const {
  for (size_t i = 0; i < fields.size(); ++i) {
    if (duckdb::StringUtil::CIEquals(fields[i].name, name)) return static_cast<int>(i);
  }
  return -1;
}

duckdb::vector<duckdb::LogicalType> Schema::Types() const {
  duckdb::vector<duckdb::LogicalType> types;
  types.reserve(fields.size());
  for (const Field& field : fields) types.push_back(field.type);
  return types;
}

std::vector<std::string> Schema::Names() const {
  std::vector<std::string> names;
  names.reserve(fields.size());
  for (const Field& field : fields) names.push_back(field.name);
  return names;
}

std::string Schema::ToString() const {
  std::string text;
  for (const Field& field : fields) {
    if (!text.empty()) text += ", ";
    const bool plain = duckdb::StringUtil::Lower(field.name) == field.name &&
                       field.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_0123456789") ==
                           std::string::npos &&
                       !field.name.empty() && !(field.name[0] >= '0' && field.name[0] <= '9');
    text += plain ? field.name : QuoteName(field.name);
    text += " " + field.type.ToString();
    if (!field.nullable) text += " NOT NULL";
  }
  return text;
}

}  // namespace weir::columnar
