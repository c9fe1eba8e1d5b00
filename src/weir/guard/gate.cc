#include "weir/guard/gate.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <exception>
#include <utility>

#include "duckdb/common/error_data.hpp"
#include "duckdb/common/types/data_chunk.hpp"
#include "duckdb/execution/expression_executor.hpp"
#include "duckdb/planner/expression/bound_reference_expression.hpp"
#include "duckdb/planner/expression_iterator.hpp"
#include "weir/columnar/duckdb_error.h"
#include "weir/guard/row_json.h"

namespace weir::guard {
namespace {

constexpr size_t kValueBytes = 80;  // of one value in ValuesOf

// Errors that say nothing about the row: they end the run.
bool IsRunError(const duckdb::ErrorData& error) {
  switch (error.Type()) {
    case duckdb::ExceptionType::INTERRUPT:
    case duckdb::ExceptionType::OUT_OF_MEMORY:
    case duckdb::ExceptionType::INTERNAL:
    case duckdb::ExceptionType::FATAL:
      return true;
    default:
      return false;
  }
}

Error RunError(const duckdb::ErrorData& error, const Check& check) {
  return columnar::FromDuckDB(error).While("evaluating constraint '" + check.name + "'");
}

// Whether all n booleans (bytes 0 or 1) are true; compiles to a few vector instructions.
bool AllTrue(const bool* values, size_t n) {
  uint64_t all = 0x0101010101010101ull;
  size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    uint64_t word;
    std::memcpy(&word, values + i, 8);
    all &= word;
  }
  for (; i < n; ++i) {
    if (!values[i]) return false;
  }
  return all == 0x0101010101010101ull;
}

void CollectColumns(const duckdb::Expression& expression, std::vector<size_t>* columns) {
  if (expression.GetExpressionClass() == duckdb::ExpressionClass::BOUND_REF) {
    const size_t column = expression.Cast<duckdb::BoundReferenceExpression>().index;
    if (std::find(columns->begin(), columns->end(), column) == columns->end()) {
      columns->push_back(column);
    }
  }
  duckdb::ExpressionIterator::EnumerateChildren(
      expression, [&](const duckdb::Expression& child) { CollectColumns(child, columns); });
}

size_t Index(Action action) { return static_cast<size_t>(action); }

}  // namespace

// --- GatePlan ---------------------------------------------------------------------------------

GatePlan::~GatePlan() = default;

Result<std::shared_ptr<const GatePlan>> GatePlan::Make(std::shared_ptr<CheckTotals> totals,
                                                       std::vector<BoundPredicate> predicates,
                                                       ChunkLayout layout) {
  std::shared_ptr<GatePlan> plan(new GatePlan());
  for (const BoundPredicate& predicate : predicates) {
    if (predicate.check >= totals->contract().checks.size()) {
      return Error::Bug("a predicate for check " + std::to_string(predicate.check) +
                        ", which the contract does not have");
    }
    const Check& check = totals->contract().checks[predicate.check];
    const auto& type = predicate.condition->return_type;
    if (type.id() != duckdb::LogicalTypeId::BOOLEAN) {
      return Error::User(ErrorCode::kInvalid, "constraint '" + check.name + "' EXPECT (" +
                                                  DescribeCheck(check) + ") is of type " +
                                                  type.ToString() + ", not BOOLEAN")
          .At(check.where)
          .Fix("write a condition, such as " + check.expression + " IS NOT NULL");
    }
    std::vector<size_t> columns;
    CollectColumns(*predicate.condition, &columns);
    if (check.kind != CheckKind::kRow) {
      // The condition is a flag made elsewhere; what a person wants to see are the key columns.
      columns.clear();
      for (const std::string& name : check.columns) {
        const int column = layout.schema.Find(name);
        if (column >= 0) columns.push_back(static_cast<size_t>(column));
      }
    }
    plan->columns_.push_back(std::move(columns));
    plan->in_sets_.push_back(InSet::TryMake(*predicate.condition));
  }
  plan->words_ = std::max<size_t>(1, (predicates.size() + 63) / 64);
  plan->totals_ = std::move(totals);
  plan->predicates_ = std::move(predicates);
  plan->layout_ = std::move(layout);
  return std::shared_ptr<const GatePlan>(std::move(plan));
}

Result<std::unique_ptr<RowGate>> GatePlan::OpenGate(duckdb::ClientContext& context) const {
  return columnar::CatchDuckDB([&]() -> Result<std::unique_ptr<RowGate>> {
    return std::unique_ptr<RowGate>(new RowGate(shared_from_this(), context));
  });
}

Action GatePlan::ActionOf(const uint64_t* verdict) const {
  Action severest = Action::kWarn;
  for (size_t word = 0; word < words_; ++word) {
    for (uint64_t bits = verdict[word]; bits != 0; bits &= bits - 1) {
      const size_t bit = word * 64 + static_cast<size_t>(std::countr_zero(bits));
      severest = std::max(severest, check(bit).action);
    }
  }
  return severest;
}

std::vector<size_t> GatePlan::BrokenBits(const uint64_t* verdict) const {
  std::vector<size_t> broken;
  for (size_t word = 0; word < words_; ++word) {
    for (uint64_t bits = verdict[word]; bits != 0; bits &= bits - 1) {
      broken.push_back(word * 64 + static_cast<size_t>(std::countr_zero(bits)));
    }
  }
  return broken;
}

std::string GatePlan::ValuesOf(size_t bit, const duckdb::DataChunk& chunk, size_t row) const {
  std::string text;
  for (const size_t column : columns_[bit]) {
    if (column >= layout_.schema.fields.size()) continue;
    const duckdb::Value value = chunk.GetValue(column, row);
    std::string shown = value.IsNull() ? "NULL" : value.ToString();
    if (shown.size() > kValueBytes) {
      size_t end = kValueBytes;
      while (end > 0 && (static_cast<unsigned char>(shown[end]) & 0xC0) == 0x80) --end;
      shown = shown.substr(0, end) + "...";
    }
    if (!value.IsNull() && value.type().id() == duckdb::LogicalTypeId::VARCHAR) {
      shown = "'" + shown + "'";
    }
    if (!text.empty()) text += ", ";
    text += layout_.schema.fields[column].name + " = " + shown;
  }
  return text;
}

columnar::Origin GatePlan::OriginOf(const duckdb::DataChunk& chunk, size_t row) const {
  columnar::Origin origin;
  if (layout_.origin_column < 0) return origin;
  const auto first = static_cast<size_t>(layout_.origin_column);
  const duckdb::Value file = chunk.GetValue(first, row);
  const duckdb::Value offset = chunk.GetValue(first + 1, row);
  const duckdb::Value length = chunk.GetValue(first + 2, row);
  if (file.IsNull() || offset.IsNull()) return origin;
  origin.file = file.GetValue<int32_t>();
  origin.offset = offset.GetValue<int64_t>();
  origin.length = length.IsNull() ? 0 : length.GetValue<int32_t>();
  return origin;
}

// --- RowGate ----------------------------------------------------------------------------------

RowGate::RowGate(std::shared_ptr<const GatePlan> plan, duckdb::ClientContext& context)
    : plan_(std::move(plan)),
      context_(context),
      results_(std::make_unique<duckdb::DataChunk>()),
      passes_(std::make_unique<bool[]>(STANDARD_VECTOR_SIZE)),
      broken_(plan_->words() * STANDARD_VECTOR_SIZE),
      accepted_(STANDARD_VECTOR_SIZE),
      rejected_(STANDARD_VECTOR_SIZE) {
  duckdb::vector<duckdb::LogicalType> types;
  for (size_t bit = 0; bit < plan_->size(); ++bit) {
    const InSet* set = plan_->in_sets_[bit].get();
    const duckdb::Expression& evaluated =
        set != nullptr ? set->input() : *plan_->predicates_[bit].condition;
    executors_.push_back(std::make_unique<duckdb::ExpressionExecutor>(context_, evaluated));
    types.push_back(evaluated.return_type);
  }
  if (!types.empty()) results_->Initialize(context_, types);
  counts_.checks.resize(plan_->contract().checks.size());
  const uint64_t seed = plan_->totals().NextSeed();
  for (size_t i = 0; i < counts_.checks.size(); ++i) {
    counts_.samples.emplace_back(plan_->totals().sample_rows(), seed + i);
  }
}

RowGate::~RowGate() { Finish(); }

void RowGate::Finish() {
  if (finished_) return;
  finished_ = true;
  plan_->totals().Merge(std::move(counts_));
}

void RowGate::MarkBroken(size_t bit, size_t row) {
  broken_[row * plan_->words() + bit / 64] |= uint64_t{1} << (bit % 64);
}

std::string RowGate::ErrorOf(size_t row, size_t bit) const {
  for (const RowError& error : errors_) {
    if (error.row == row && error.bit == bit) return error.message;
  }
  return "";
}

Result<size_t> RowGate::Judge(size_t bit, duckdb::DataChunk& chunk) {
  const size_t n = chunk.size();
  const InSet* set = plan_->in_sets_[bit].get();
  duckdb::Vector& result = results_->data[bit];
  try {
    executors_[bit]->ExecuteExpression(chunk, result);
    if (set != nullptr) set->Evaluate(result, n, passes_.get());
  } catch (const std::exception& e) {
    const duckdb::ErrorData error(e);
    if (IsRunError(error)) return RunError(error, plan_->check(bit));
    size_t broken = 0;
    WEIR_RETURN_IF_ERROR(JudgeRange(bit, chunk, 0, n, &broken));
    return broken;
  }

  size_t broken = 0;
  if (set != nullptr) {
    if (AllTrue(passes_.get(), n)) return size_t{0};
    for (size_t row = 0; row < n; ++row) {
      if (passes_[row]) continue;
      MarkBroken(bit, row);
      ++broken;
    }
    return broken;
  }
  if (result.GetVectorType() == duckdb::VectorType::FLAT_VECTOR &&
      duckdb::FlatVector::Validity(result).CheckAllValid(n) &&
      AllTrue(duckdb::FlatVector::GetData<bool>(result), n)) {
    return size_t{0};
  }
  duckdb::UnifiedVectorFormat format;
  result.ToUnifiedFormat(n, format);
  const auto* values = duckdb::UnifiedVectorFormat::GetData<bool>(format);
  for (size_t row = 0; row < n; ++row) {
    const size_t i = format.sel->get_index(row);
    if (format.validity.RowIsValid(i) && values[i]) continue;
    MarkBroken(bit, row);
    ++broken;
  }
  return broken;
}

// The expression threw somewhere in [begin, end): halves the range until the rows that throw stand
// alone. k such rows cost about 2 k log(2048 / k) evaluations.
Status RowGate::JudgeRange(size_t bit, duckdb::DataChunk& chunk, size_t begin, size_t end,
                           size_t* broken_rows) {
  const size_t n = end - begin;
  duckdb::SelectionVector rows(begin, n);
  duckdb::DataChunk part;
  part.InitializeEmpty(chunk.GetTypes());
  part.Slice(chunk, rows, n);
  duckdb::Vector result(duckdb::LogicalType::BOOLEAN);
  try {
    // A fresh executor: the state of one that threw is not to be trusted.
    duckdb::ExpressionExecutor executor(context_, *plan_->predicates_[bit].condition);
    executor.ExecuteExpression(part, result);
  } catch (const std::exception& e) {
    const duckdb::ErrorData error(e);
    if (IsRunError(error)) return RunError(error, plan_->check(bit));
    if (n == 1) {
      MarkBroken(bit, begin);
      ++*broken_rows;
      ++counts_.checks[plan_->predicates_[bit].check].errors;
      errors_.push_back({begin, bit, error.Message()});
      return Status::Ok();
    }
    const size_t middle = begin + n / 2;
    WEIR_RETURN_IF_ERROR(JudgeRange(bit, chunk, begin, middle, broken_rows));
    return JudgeRange(bit, chunk, middle, end, broken_rows);
  }
  duckdb::UnifiedVectorFormat format;
  result.ToUnifiedFormat(n, format);
  const auto* values = duckdb::UnifiedVectorFormat::GetData<bool>(format);
  for (size_t row = 0; row < n; ++row) {
    const size_t i = format.sel->get_index(row);
    if (format.validity.RowIsValid(i) && values[i]) continue;
    MarkBroken(bit, begin + row);
    ++*broken_rows;
  }
  return Status::Ok();
}

Result<columnar::Gate::Verdict> RowGate::Check(duckdb::DataChunk& chunk,
                                               duckdb::SelectionVector& accepted,
                                               duckdb::SelectionVector& rejected,
                                               std::vector<uint64_t>& verdicts) {
  const size_t n = chunk.size();
  errors_.clear();
  verdicts.clear();
  size_t broken = 0;
  if (!executors_.empty()) results_->Reset();
  for (size_t bit = 0; bit < executors_.size(); ++bit) {
    WEIR_ASSIGN_OR_RETURN(const size_t rows, Judge(bit, chunk));
    broken += rows;
    counts_.checks[plan_->predicates_[bit].check].checked += static_cast<int64_t>(n);
    counts_.checks[plan_->predicates_[bit].check].failed += static_cast<int64_t>(rows);
  }
  counts_.rows += static_cast<int64_t>(n);

  Verdict verdict;
  verdict.accepted = n;
  if (broken > 0) Count(chunk, verdict, verdicts);
  if (verdict.rejected == 0) {
    accepted.Initialize(static_cast<duckdb::sel_t*>(nullptr));
  } else {
    accepted.Initialize(accepted_);
  }
  rejected.Initialize(rejected_);
  return verdict;
}

// The slow half: some row of the batch broke something.
void RowGate::Count(duckdb::DataChunk& chunk, Verdict& verdict, std::vector<uint64_t>& verdicts) {
  const size_t words = plan_->words();
  verdict.accepted = 0;
  for (size_t row = 0; row < chunk.size(); ++row) {
    const uint64_t* bits = &broken_[row * words];
    const bool clean = std::all_of(bits, bits + words, [](uint64_t word) { return word == 0; });
    if (clean) {
      accepted_.set_index(verdict.accepted++, row);
      continue;
    }
    const Action action = plan_->ActionOf(bits);
    ++counts_.by_action[Index(action)];
    if (action == Action::kWarn) {
      accepted_.set_index(verdict.accepted++, row);
    } else {
      rejected_.set_index(verdict.rejected++, row);
      verdicts.insert(verdicts.end(), bits, bits + words);
      if (action == Action::kFail) plan_->totals().NoteFail();
    }
    std::string json;
    for (const size_t bit : plan_->BrokenBits(bits)) {
      const size_t check = plan_->predicates_[bit].check;
      ++counts_.checks[check].by_action[Index(action)];
      if (!counts_.samples[check].Offer()) continue;
      if (json.empty()) json = RowJson(chunk, row, plan_->layout().schema);
      FailingRow failing;
      failing.origin = plan_->OriginOf(chunk, row);
      failing.row = json;
      failing.values = plan_->ValuesOf(bit, chunk, row);
      failing.message = ErrorOf(row, bit);
      counts_.samples[check].Put(std::move(failing));
    }
  }
  std::fill(broken_.begin(), broken_.begin() + static_cast<ptrdiff_t>(chunk.size() * words), 0);
}

}  // namespace weir::guard
