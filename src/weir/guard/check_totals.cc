#include "weir/guard/check_totals.h"

#include <algorithm>
#include <cstdio>
#include <optional>
#include <utility>

#include "weir/base/json_writer.h"
#include "weir/columnar/codec/parse_fix.h"
#include "weir/guard/quarantine.h"

namespace weir::guard {
namespace {

constexpr size_t kExampleRows = 3;     // in an error message
constexpr size_t kExampleBytes = 200;  // of one example
constexpr double kWeights[kActionCount] = {1, 2, 3, 4};

size_t Index(Action action) { return static_cast<size_t>(action); }

// One step of SplitMix64 (Steele, Lea, Flood 2014).
uint64_t NextRandom(uint64_t* state) {
  uint64_t z = (*state += 0x9E3779B97F4A7C15ull);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}

std::string Percent(double share) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.3g %%", 100 * share);
  return text;
}

std::string Cut(const std::string& text) {
  if (text.size() <= kExampleBytes) return text;
  size_t end = kExampleBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end) + "...";
}

Check ParsesCheck(const Contract& contract) {
  Check check;
  check.name = kParsesName;
  check.kind = CheckKind::kParses;
  check.action = contract.parses;
  check.description = "the row can be read and cast to its column types";
  check.dimension = "conformity";
  return check;
}

std::optional<int64_t> LineOf(const columnar::Origin& origin, const OriginNames& names) {
  if (!names.line || origin.length == 0) return std::nullopt;
  return names.line(origin);
}

std::string Place(const columnar::Origin& origin, const OriginNames& names) {
  if (origin.file < 0) return "";
  std::string name = names.file ? names.file(origin.file) : "";
  if (name.empty()) name = "file " + std::to_string(origin.file);
  const std::string unit(PositionUnit(name, origin.length));
  if (const auto line = LineOf(origin, names)) name += ", line " + std::to_string(*line);
  return name + ", " + unit + " " + std::to_string(origin.offset);
}

// Of rows that did not parse, by the first of the sample.
std::string FixOf(const CheckResult& result) {
  if (result.check.kind != CheckKind::kParses || result.sample.empty()) return "";
  return columnar::ParseFix(result.sample.front().message);
}

void AppendSample(const FailingRow& row, const OriginNames& names, JsonWriter* json) {
  json->BeginObject();
  if (row.origin.file >= 0) {
    const std::string file = names.file ? names.file(row.origin.file) : "";
    json->Key("file").String(file);
    if (const auto line = LineOf(row.origin, names)) json->Key("line").Int(*line);
    json->Key("position").Int(row.origin.offset).Key("length").Int(row.origin.length);
    json->Key("unit").String(PositionUnit(file, row.origin.length));
  }
  if (!row.row.empty()) json->Key("row").Raw(row.row);
  if (!row.values.empty()) json->Key("values").String(row.values);
  if (!row.message.empty()) json->Key("message").String(row.message);
  json->EndObject();
}

void AppendResult(const CheckResult& result, const OriginNames& names, JsonWriter* json) {
  const Check& check = result.check;
  json->BeginObject();
  json->Key("name").String(check.name);
  json->Key("kind").String(CheckKindName(check.kind));
  json->Key("check").String(DescribeCheck(check));
  json->Key("action").String(ActionName(check.action));
  if (!check.description.empty()) json->Key("description").String(check.description);
  if (!check.dimension.empty()) json->Key("dimension").String(check.dimension);
  if (!check.severity.empty()) json->Key("severity").String(check.severity);
  if (result.table) {
    json->Key("passed").Bool(result.table->passed);
    json->Key("measured").Double(result.table->measured);
    json->Key("rows").Int(result.table->rows).Key("broken").Int(result.table->broken);
    json->Key("detail").String(result.table->detail);
  } else {
    json->Key("checked").Int(result.counts.checked);
    json->Key("passed").Int(result.passed());
    json->Key("failed").Int(result.counts.failed);
    json->Key("errors").Int(result.counts.errors);
    json->Key("by_action").BeginObject();
    for (int i = 0; i < kActionCount; ++i) {
      json->Key(ActionName(static_cast<Action>(i))).Int(result.counts.by_action[i]);
    }
    json->EndObject();
    json->Key("sample").BeginArray();
    for (const FailingRow& row : result.sample) AppendSample(row, names, json);
    json->EndArray();
    if (std::string fix = FixOf(result); !fix.empty()) json->Key("fix").String(fix);
  }
  json->EndObject();
}

}  // namespace

// --- RowSample --------------------------------------------------------------------------------

uint64_t RowSample::Random() { return NextRandom(&state_); }

bool RowSample::Offer() {
  ++offered_;
  if (rows_.size() < capacity_) {
    slot_ = rows_.size();
    return true;
  }
  const uint64_t slot = Random() % static_cast<uint64_t>(offered_);
  if (slot >= capacity_) return false;
  slot_ = slot;
  return true;
}

void RowSample::Put(FailingRow row) {
  if (slot_ == rows_.size()) {
    rows_.push_back(std::move(row));
  } else {
    rows_[slot_] = std::move(row);
  }
}

void RowSample::Merge(RowSample&& other) {
  // Draws without replacement from the union: each draw comes from a side with the probability of
  // what that side has left.
  std::vector<FailingRow> merged;
  uint64_t left = static_cast<uint64_t>(offered_);
  uint64_t right = static_cast<uint64_t>(other.offered_);
  while (merged.size() < capacity_ && left + right > 0) {
    const bool from_left = Random() % (left + right) < left;
    std::vector<FailingRow>& rows = from_left ? rows_ : other.rows_;
    --(from_left ? left : right);
    const size_t pick = Random() % rows.size();
    merged.push_back(std::move(rows[pick]));
    rows[pick] = std::move(rows.back());
    rows.pop_back();
  }
  rows_ = std::move(merged);
  offered_ += other.offered_;
}

// --- CheckTotals ------------------------------------------------------------------------------

void CheckCounts::Add(const CheckCounts& other) {
  checked += other.checked;
  failed += other.failed;
  errors += other.errors;
  for (int i = 0; i < kActionCount; ++i) by_action[i] += other.by_action[i];
}

CheckTotals::CheckTotals(Contract contract, Env& env, size_t sample_rows)
    : contract_(std::move(contract)),
      sample_rows_(sample_rows),
      seed_(env.RandomU64()),
      counts_(contract_.checks.size() + 1),
      tables_(contract_.checks.size()) {
  for (size_t i = 0; i < counts_.size(); ++i) {
    samples_.emplace_back(sample_rows_, NextRandom(&seed_));
  }
}

uint64_t CheckTotals::NextSeed() {
  const std::lock_guard lock(mutex_);
  return NextRandom(&seed_);
}

void CheckTotals::Merge(GateCounts&& counts) {
  const std::lock_guard lock(mutex_);
  rows_.checked += counts.rows;
  counts_.back().checked += counts.rows;
  rows_.warned += counts.by_action[Index(Action::kWarn)];
  rows_.dropped += counts.by_action[Index(Action::kDropRow)];
  rows_.quarantined += counts.by_action[Index(Action::kQuarantine)];
  rows_.failed += counts.by_action[Index(Action::kFail)];
  for (size_t i = 0; i < counts.checks.size(); ++i) {
    counts_[i].Add(counts.checks[i]);
    samples_[i].Merge(std::move(counts.samples[i]));
  }
}

void CheckTotals::AddUnparsed(const columnar::UnparsedRow& row) {
  const Action action = contract_.parses;
  if (action == Action::kFail) NoteFail();
  const std::lock_guard lock(mutex_);
  ++rows_.checked;
  ++rows_.unparsed;
  switch (action) {
    case Action::kWarn:  // cannot be kept: counted, and gone
    case Action::kDropRow:
      ++rows_.dropped;
      break;
    case Action::kQuarantine:
      ++rows_.quarantined;
      break;
    case Action::kFail:
      ++rows_.failed;
      break;
  }
  CheckCounts& counts = counts_.back();
  ++counts.checked;
  ++counts.failed;
  ++counts.by_action[Index(action)];
  if (samples_.back().Offer()) {
    FailingRow failing;
    failing.origin = row.origin;
    if (!row.column.empty()) failing.values = "column " + row.column;
    failing.message = row.reason;
    samples_.back().Put(std::move(failing));
  }
}

void CheckTotals::AddTable(size_t check, TableVerdict verdict) {
  if (!verdict.passed && contract_.checks[check].action == Action::kFail) NoteFail();
  const std::lock_guard lock(mutex_);
  tables_[check] = std::move(verdict);
}

RowCounts CheckTotals::rows() const {
  const std::lock_guard lock(mutex_);
  RowCounts rows = rows_;
  rows.accepted = rows.checked - rows.dropped - rows.quarantined - rows.failed;
  return rows;
}

CheckResult CheckTotals::ResultLocked(size_t index) const {
  CheckResult result;
  const bool parses = index == contract_.checks.size();
  result.check = parses ? ParsesCheck(contract_) : contract_.checks[index];
  result.counts = counts_[index];
  result.sample = samples_[index].rows();
  std::stable_sort(result.sample.begin(), result.sample.end(),
                   [](const FailingRow& a, const FailingRow& b) {
                     return std::pair(a.origin.file, a.origin.offset) <
                            std::pair(b.origin.file, b.origin.offset);
                   });
  if (!parses) result.table = tables_[index];
  return result;
}

std::vector<CheckResult> CheckTotals::Results() const {
  const std::lock_guard lock(mutex_);
  std::vector<CheckResult> results;
  for (size_t i = 0; i < counts_.size(); ++i) results.push_back(ResultLocked(i));
  return results;
}

double CheckTotals::Score() const {
  double checked = 0;
  double failed = 0;
  for (const CheckResult& result : Results()) {
    const double weight = kWeights[Index(result.check.action)];
    if (result.table) {
      const double rows = static_cast<double>(std::max<int64_t>(1, result.table->rows));
      checked += weight * rows;
      if (!result.table->passed) failed += weight * rows;
    } else {
      checked += weight * static_cast<double>(result.counts.checked);
      failed += weight * static_cast<double>(result.counts.failed);
    }
  }
  return checked == 0 ? 1 : 1 - failed / checked;
}

Error CheckTotals::FailError(const CheckResult& result, const OriginNames& names) const {
  const Check& check = result.check;
  std::string message = "constraint '" + check.name + "' " + ExpectClause(check) + " ";
  std::string examples;
  if (result.table) {
    message += "does not hold: " + result.table->detail;
  } else {
    message += "is broken by " + std::to_string(result.counts.failed) + " of " +
               std::to_string(result.counts.checked) + " rows";
    for (size_t i = 0; i < std::min(kExampleRows, result.sample.size()); ++i) {
      const FailingRow& row = result.sample[i];
      const std::string place = Place(row.origin, names);
      std::string what = row.values.empty() ? row.row : row.values;
      if (!row.message.empty()) what += (what.empty() ? "" : ": ") + row.message;
      if (i > 0) examples += "\n";
      examples += place + (place.empty() ? "" : ": ") + Cut(what);
    }
  }
  message += "; nothing was committed";
  std::string fix = FixOf(result);
  if (!fix.empty()) fix += "; ";
  return Error::Data(ErrorCode::kContract, std::move(message))
      .At(check.where)
      .Excerpt(std::move(examples))
      .Fix(result.table ? "mend the source, or let the table keep it with ON VIOLATION WARN"
                        : fix +
                              "mend these rows at the source, or set them aside with ON "
                              "VIOLATION QUARANTINE");
}

Status CheckTotals::Verdict(const OriginNames& names) const {
  const std::vector<CheckResult> results = Results();
  for (const CheckResult& result : results) {
    if (result.check.action != Action::kFail) continue;
    const bool broken = result.table ? !result.table->passed : result.counts.failed > 0;
    if (broken) return FailError(result, names);
  }
  const RowCounts counts = rows();
  if (contract_.quarantine_max_ratio < 0 || counts.checked < contract_.breaker_min_rows) {
    return Status::Ok();
  }
  const double ratio =
      static_cast<double>(counts.quarantined) / static_cast<double>(counts.checked);
  if (ratio <= contract_.quarantine_max_ratio) return Status::Ok();
  const auto worst = std::max_element(results.begin(), results.end(),
                                      [](const CheckResult& a, const CheckResult& b) {
                                        return a.counts.by_action[Index(Action::kQuarantine)] <
                                               b.counts.by_action[Index(Action::kQuarantine)];
                                      });
  Error error = FailError(*worst, names);
  return Error::Data(ErrorCode::kContract,
                     "the breaker opened: " + std::to_string(counts.quarantined) + " of " +
                         std::to_string(counts.checked) + " rows (" + Percent(ratio) +
                         ") would be quarantined, quarantine.max-ratio allows " +
                         Percent(contract_.quarantine_max_ratio) + "; most by " + error.message())
      .At(error.where())
      .Excerpt(error.excerpt())
      .Fix(
          "look at the examples; mend the source or the constraint, or raise "
          "'quarantine.max-ratio'");
}

std::string CheckTotals::ToJson(const OriginNames& names) const {
  const RowCounts counts = rows();
  JsonWriter json;
  json.BeginObject();
  json.Key("contract").String(contract_.source);
  json.Key("score").Double(Score());
  json.Key("rows").BeginObject();
  json.Key("checked").Int(counts.checked).Key("accepted").Int(counts.accepted);
  json.Key("warned").Int(counts.warned).Key("dropped").Int(counts.dropped);
  json.Key("quarantined").Int(counts.quarantined).Key("failed").Int(counts.failed);
  json.Key("unparsed").Int(counts.unparsed);
  json.EndObject();
  json.Key("checks").BeginArray();
  for (const CheckResult& result : Results()) AppendResult(result, names, &json);
  json.EndArray().EndObject();
  return json.Take();
}

}  // namespace weir::guard
