// Schema: the names and types of a batch's columns. Types are DuckDB's LogicalType, the columnar
// vocabulary of the project (see ARCHITECTURE.md, columnar).
//
// Thread rule: values.
#pragma once

#include <string>
#include <vector>

#include "duckdb/common/types.hpp"

namespace weir::columnar {

struct Field {
  std::string name;
  duckdb::LogicalType type;
  bool nullable = true;

  bool operator==(const Field& other) const {
    return name == other.name && type == other.type && nullable == other.nullable;
  }
};

struct Schema {
  std::vector<Field> fields;

  bool operator==(const Schema& other) const = default;

  // Position of the column with this name, compared without regard to case; -1 if none.
  int Find(const std::string& name) const;
  duckdb::vector<duckdb::LogicalType> Types() const;
  std::vector<std::string> Names() const;
  // "a INTEGER, b VARCHAR NOT NULL"
  std::string ToString() const;
};

}  // namespace weir::columnar
