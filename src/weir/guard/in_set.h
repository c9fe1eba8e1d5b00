// InSet: `x IN (constants)`, `x NOT IN (constants)` and `x IS NULL OR` either, by hash look-up.
//
// DuckDB's expression executor compares a row with each constant in turn: three constants cost
// 18 ns a row, 200,000 would take hours. Here a row costs one look-up whatever the size of the set.
//
// Thread rule: immutable once made, thread-safe.
#pragma once

#include <cstdint>
#include <memory>

namespace duckdb {
class Expression;
class Vector;
}  // namespace duckdb

namespace weir::guard {

class InSet {
 public:
  virtual ~InSet() = default;

  // nullptr if the condition is of another shape or type; the executor evaluates it then.
  static std::unique_ptr<InSet> TryMake(const duckdb::Expression& condition);

  // What is looked up; a part of the condition.
  const duckdb::Expression& input() const { return input_; }

  // passes[i] for the n rows of the input's values.
  virtual void Evaluate(duckdb::Vector& input, size_t n, bool* passes) const = 0;

 protected:
  struct Shape {
    const duckdb::Expression& input;
    bool negated;      // NOT IN
    bool null_passes;  // IS NULL OR ...
  };
  explicit InSet(const Shape& shape) : input_(shape.input) {}

 private:
  const duckdb::Expression& input_;
};

}  // namespace weir::guard
