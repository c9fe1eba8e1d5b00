#include "weir/guard/in_set.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "duckdb/common/types/hash.hpp"
#include "duckdb/common/types/string_type.hpp"
#include "duckdb/common/types/value.hpp"
#include "duckdb/common/types/vector.hpp"
#include "duckdb/planner/expression/bound_cast_expression.hpp"
#include "duckdb/planner/expression/bound_conjunction_expression.hpp"
#include "duckdb/planner/expression/bound_constant_expression.hpp"
#include "duckdb/planner/expression/bound_operator_expression.hpp"

namespace weir::guard {
namespace {

// Fewer numbers than this are compared faster one after the other, by vector instructions.
constexpr size_t kNumbersMin = 9;
// So many short strings are compared faster than one is hashed.
constexpr size_t kInlinedMax = 6;

// Open addressing, at most half full; capacity a power of two.
template <typename T>
class FlatSet {
 public:
  explicit FlatSet(const std::vector<T>& values) {
    size_t capacity = 16;
    while (capacity < 2 * values.size()) capacity *= 2;
    slots_.resize(capacity);
    for (const T& value : values) {
      size_t i = duckdb::Hash(value) & (capacity - 1);
      while (slots_[i] && !(*slots_[i] == value)) i = (i + 1) & (capacity - 1);
      slots_[i] = value;
    }
  }

  bool Contains(const T& value) const {
    const size_t mask = slots_.size() - 1;
    for (size_t i = duckdb::Hash(value) & mask; slots_[i]; i = (i + 1) & mask) {
      if (*slots_[i] == value) return true;
    }
    return false;
  }

 private:
  std::vector<std::optional<T>> slots_;
};

template <typename T, typename Found>
void Look(duckdb::Vector& input, size_t n, bool negated, bool null_passes, bool* passes,
          const Found& found) {
  duckdb::UnifiedVectorFormat format;
  input.ToUnifiedFormat(n, format);
  const T* values = duckdb::UnifiedVectorFormat::GetData<T>(format);
  if (!format.sel->IsSet() && format.validity.AllValid()) {
    for (size_t i = 0; i < n; ++i) passes[i] = found(values[i]) != negated;
    return;
  }
  for (size_t row = 0; row < n; ++row) {
    const size_t i = format.sel->get_index(row);
    passes[row] = format.validity.RowIsValid(i) ? found(values[i]) != negated : null_passes;
  }
}

// NOT IN a set that holds a NULL is never true.
class Never final : public InSet {
 public:
  explicit Never(const Shape& shape) : InSet(shape), null_passes_(shape.null_passes) {}
  void Evaluate(duckdb::Vector& input, size_t n, bool* passes) const override {
    duckdb::UnifiedVectorFormat format;
    input.ToUnifiedFormat(n, format);
    for (size_t row = 0; row < n; ++row) {
      passes[row] = null_passes_ && !format.validity.RowIsValid(format.sel->get_index(row));
    }
  }

 private:
  const bool null_passes_;
};

template <typename T>
class NumberSet final : public InSet {
 public:
  NumberSet(const Shape& shape, const std::vector<duckdb::Value>& values)
      : InSet(shape),
        negated_(shape.negated),
        null_passes_(shape.null_passes),
        set_(Numbers(values)) {}

  void Evaluate(duckdb::Vector& input, size_t n, bool* passes) const override {
    Look<T>(input, n, negated_, null_passes_, passes,
            [&](const T& value) { return set_.Contains(value); });
  }

 private:
  static std::vector<T> Numbers(const std::vector<duckdb::Value>& values) {
    std::vector<T> numbers;
    for (const auto& value : values) numbers.push_back(value.GetValueUnsafe<T>());
    return numbers;
  }

  const bool negated_;
  const bool null_passes_;
  const FlatSet<T> set_;
};

class StringSet final : public InSet {
 public:
  StringSet(const Shape& shape, const std::vector<duckdb::Value>& values)
      : InSet(shape),
        negated_(shape.negated),
        null_passes_(shape.null_passes),
        texts_(Texts(values)),
        set_(Views(texts_)) {
    const bool all_inlined = std::all_of(texts_.begin(), texts_.end(), [](const auto& text) {
      return text.size() <= duckdb::string_t::INLINE_BYTES;
    });
    if (!all_inlined || texts_.size() > kInlinedMax) return;
    for (const std::string& text : texts_) inlined_.push_back(Words(duckdb::string_t(text)));
  }

  void Evaluate(duckdb::Vector& input, size_t n, bool* passes) const override {
    if (inlined_.empty()) {
      Look<duckdb::string_t>(input, n, negated_, null_passes_, passes,
                             [&](const duckdb::string_t& value) { return set_.Contains(value); });
      return;
    }
    // An inlined string is its length and 12 bytes, padded with zeros: 16 bytes to compare. A long
    // one has another length, so it differs in the first word.
    Look<duckdb::string_t>(input, n, negated_, null_passes_, passes,
                           [&](const duckdb::string_t& value) {
                             const Pair words = Words(value);
                             bool found = false;
                             for (const Pair& candidate : inlined_) {
                               found |= candidate.low == words.low && candidate.high == words.high;
                             }
                             return found;
                           });
  }

 private:
  struct Pair {
    uint64_t low;
    uint64_t high;
  };

  static Pair Words(const duckdb::string_t& text) {
    static_assert(sizeof(duckdb::string_t) == sizeof(Pair));
    Pair words;
    std::memcpy(&words, static_cast<const void*>(&text), sizeof(words));
    return words;
  }
  static std::vector<std::string> Texts(const std::vector<duckdb::Value>& values) {
    std::vector<std::string> texts;
    for (const auto& value : values) texts.push_back(duckdb::StringValue::Get(value));
    return texts;
  }
  static std::vector<duckdb::string_t> Views(const std::vector<std::string>& texts) {
    std::vector<duckdb::string_t> views;
    for (const std::string& text : texts) views.emplace_back(text);
    return views;
  }

  const bool negated_;
  const bool null_passes_;
  const std::vector<std::string> texts_;  // what long strings of set_ point to
  const FlatSet<duckdb::string_t> set_;
  std::vector<Pair> inlined_;
};

// The value of a constant, also of one that the binder wrapped in a cast.
std::optional<duckdb::Value> ConstantOf(const duckdb::Expression& expression) {
  if (expression.GetExpressionClass() == duckdb::ExpressionClass::BOUND_CONSTANT) {
    return expression.Cast<duckdb::BoundConstantExpression>().value;
  }
  if (expression.GetExpressionClass() != duckdb::ExpressionClass::BOUND_CAST) return std::nullopt;
  const auto& cast = expression.Cast<duckdb::BoundCastExpression>();
  if (cast.child->GetExpressionClass() != duckdb::ExpressionClass::BOUND_CONSTANT) {
    return std::nullopt;
  }
  duckdb::Value value = cast.child->Cast<duckdb::BoundConstantExpression>().value;
  duckdb::Value result;
  std::string error;
  if (!value.DefaultTryCastAs(cast.return_type, result, &error)) return std::nullopt;
  return result;
}

}  // namespace

std::unique_ptr<InSet> InSet::TryMake(const duckdb::Expression& whole) {
  // x IS NULL OR x IN (...)
  const duckdb::Expression* null_tested = nullptr;
  const duckdb::Expression* rest = &whole;
  if (whole.GetExpressionType() == duckdb::ExpressionType::CONJUNCTION_OR &&
      whole.GetExpressionClass() == duckdb::ExpressionClass::BOUND_CONJUNCTION) {
    const auto& sides = whole.Cast<duckdb::BoundConjunctionExpression>().children;
    if (sides.size() != 2 ||
        sides[0]->GetExpressionType() != duckdb::ExpressionType::OPERATOR_IS_NULL) {
      return nullptr;
    }
    null_tested = sides[0]->Cast<duckdb::BoundOperatorExpression>().children[0].get();
    rest = sides[1].get();
  }
  const duckdb::Expression& condition = *rest;
  const auto type = condition.GetExpressionType();
  if (type != duckdb::ExpressionType::COMPARE_IN &&
      type != duckdb::ExpressionType::COMPARE_NOT_IN) {
    return nullptr;
  }
  if (condition.GetExpressionClass() != duckdb::ExpressionClass::BOUND_OPERATOR) return nullptr;
  const auto& operation = condition.Cast<duckdb::BoundOperatorExpression>();
  const duckdb::Expression& input = *operation.children[0];
  if (null_tested != nullptr && !null_tested->Equals(input)) return nullptr;
  const Shape shape{input, type == duckdb::ExpressionType::COMPARE_NOT_IN, null_tested != nullptr};

  std::vector<duckdb::Value> values;
  bool holds_null = false;
  for (size_t i = 1; i < operation.children.size(); ++i) {
    std::optional<duckdb::Value> value = ConstantOf(*operation.children[i]);
    if (!value) return nullptr;
    if (value->IsNull()) {
      holds_null = true;
      continue;
    }
    if (value->type().id() != input.return_type.id()) return nullptr;
    values.push_back(std::move(*value));
  }
  if (shape.negated && holds_null) return std::make_unique<Never>(shape);

  switch (input.return_type.id()) {
    case duckdb::LogicalTypeId::VARCHAR:
      // Equality under a collation is not equality of bytes.
      if (!duckdb::StringType::GetCollation(input.return_type).empty()) return nullptr;
      return std::make_unique<StringSet>(shape, values);
    case duckdb::LogicalTypeId::INTEGER:
    case duckdb::LogicalTypeId::DATE:
      if (values.size() < kNumbersMin) return nullptr;
      return std::make_unique<NumberSet<int32_t>>(shape, values);
    case duckdb::LogicalTypeId::BIGINT:
    case duckdb::LogicalTypeId::TIMESTAMP:
    case duckdb::LogicalTypeId::TIMESTAMP_TZ:
      if (values.size() < kNumbersMin) return nullptr;
      return std::make_unique<NumberSet<int64_t>>(shape, values);
    default:
      return nullptr;
  }
}

}  // namespace weir::guard
