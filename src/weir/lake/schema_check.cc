#include "weir/lake/schema_check.h"

namespace weir::lake {
namespace {

std::string Describe(const columnar::Field& field) {
  return field.name + " " + field.type.ToString() + (field.nullable ? "" : " NOT NULL");
}

}  // namespace

Result<FittedSchema> FitSchema(const columnar::Schema& table, const columnar::Schema& write,
                               bool allow_new_columns, const std::string& table_path) {
  FittedSchema fitted;
  std::string diff;
  const auto differs = [&](const std::string& line) { diff += "\n  " + line; };
  bool only_columns_differ = true;
  for (const auto& field : write.fields) {
    const int position = table.Find(field.name);
    if (position < 0) {
      if (allow_new_columns) {
        fitted.added.fields.push_back({field.name, field.type, true});
        fitted.columns.fields.push_back(fitted.added.fields.back());
      } else {
        differs("+ " + Describe(field) + "   (not in the table)");
      }
      continue;
    }
    const auto& ours = table.fields[static_cast<size_t>(position)];
    // Names of struct fields differ in case without harm to DuckDB, but not to other readers.
    if (ours.type != field.type) {
      only_columns_differ = false;
      differs("~ " + ours.name + ": the table has " + ours.type.ToString() + ", the write brings " +
              field.type.ToString());
    }
    fitted.columns.fields.push_back(ours);
  }
  for (const auto& ours : table.fields) {
    if (write.Find(ours.name) >= 0) continue;
    if (allow_new_columns && ours.nullable) continue;
    if (!ours.nullable) only_columns_differ = false;
    differs("- " + Describe(ours) + "   (missing in the write)");
  }
  if (diff.empty()) return fitted;
  return Error::User(ErrorCode::kInvalid, "the rows do not fit the table:" + diff)
      .At(table_path)
      .Fix(only_columns_differ
               ? "select exactly the table's columns, or allow columns to be added"
               : "cast the columns to the table's types in the query, or write a new table");
}

}  // namespace weir::lake
