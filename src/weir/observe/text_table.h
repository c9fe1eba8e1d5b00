// TextTable: a table for a terminal. Columns are as wide as their values; if they do not fit, the
// least important ones are left out and the widest left-aligned one is cut with "…".
//
//   TextTable table({{"table"}, {"rows", TextTable::kRight}});
//   table.Add({"flights", "336,776"});
//   table.ToString(80);
//
// Thread rule: values.
#pragma once

#include <string>
#include <vector>

namespace weir::observe {

class TextTable {
 public:
  enum Align { kLeft, kRight };
  struct Column {
    std::string name;
    Align align = kLeft;
    int importance = 10;  // columns of the lowest importance are left out first; 10 always stays
  };

  explicit TextTable(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // As many values as columns.
  void Add(std::vector<std::string> values);
  bool empty() const { return rows_.empty(); }
  // Each line ends with a line feed. width 0: no limit. A column without any value is left out.
  std::string ToString(size_t width) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

// Columns that UTF-8 text takes on a terminal (East Asian wide characters take two).
size_t DisplayWidth(const std::string& text);
// At most `width` columns of it, the last one "…" if something was cut.
std::string CutTo(const std::string& text, size_t width);

}  // namespace weir::observe
