// Row order: where the rows of a table stand among each other, so that a reader for whom "the last
// row wins" finds the same last row in one read as in many.
//
// A row's place is a number. Commits stand in the order of their versions; within a commit rows
// stand as their sources did. Files that keep it (DataFilesOptions::keep_order) have the column
// columnar::kOrderColumn, which the table's schema does not name and other readers pass over (and
// kSuborderColumn, for rows in the same place), and their add action says in a tag what is to be
// added to the column:
//
//   "tags": {"weir.order": "FIRST:END"}     place = FIRST + column; every place is below END
//
// The sink writes FIRST = 0; the commit moves the file behind everything that the table holds.
// Files that are written again for the rows that stay keep the places of these. Files without the
// tag, of other writers too, stand in the order in which they came, their rows as in the file.
//
// Thread rule: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "weir/columnar/parquet_writer.h"
#include "weir/lake/actions.h"

namespace weir::lake {

struct RowOrder {
  int64_t first = 0;
  int64_t end = 0;
};

// What the tag says; nullopt: there is none, or it is not ours.
std::optional<RowOrder> StoredRowOrder(const AddFile& add);
void SetRowOrder(AddFile& add, RowOrder order);

// The end for a file with this column, as it was written.
int64_t OrderEnd(const columnar::ParquetFileStats& stats);

// The places of each file's rows, and the end of all of them. `files` in the order in which they
// came into the table.
class TableOrder {
 public:
  TableOrder() = default;
  explicit TableOrder(const std::vector<AddFile>& files) {
    for (const AddFile& file : files) Add(file);
  }
  RowOrder Add(const AddFile& file);
  const std::vector<RowOrder>& files() const { return files_; }
  int64_t end() const { return end_; }

 private:
  std::vector<RowOrder> files_;
  int64_t end_ = 0;
};

}  // namespace weir::lake
