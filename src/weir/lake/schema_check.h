// Do the rows of a write fit a table? Same names and types, except that new nullable columns may
// come, and nullable ones be missing, if the write says so. Otherwise a diff says what differs.
//
// Thread rule: pure functions.
#pragma once

#include <string>

#include "weir/base/result.h"
#include "weir/columnar/schema.h"

namespace weir::lake {

struct FittedSchema {
  // The columns of the write, in its order, with the table's spelling and nullability.
  columnar::Schema columns;
  // Those of them that the table lacks.
  columnar::Schema added;
};

// kInvalid with the diff.
Result<FittedSchema> FitSchema(const columnar::Schema& table, const columnar::Schema& write,
                               bool allow_new_columns, const std::string& table_path);

}  // namespace weir::lake
