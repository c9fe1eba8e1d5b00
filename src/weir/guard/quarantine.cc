#include "weir/guard/quarantine.h"

#include <charconv>
#include <utility>

#include "duckdb/common/allocator.hpp"
#include "duckdb/common/types/data_chunk.hpp"
#include "duckdb/common/types/value.hpp"
#include "weir/guard/row_json.h"
#include "xxhash.h"

namespace weir::guard {
namespace {

using columnar::Origin;
using duckdb::LogicalType;
using duckdb::Value;

// Column numbers of QuarantineSchema().
enum Column : size_t {
  kId,
  kEpoch,
  kRun,
  kConstraints,
  kAction,
  kMessage,
  kEventTime,
  kIngestTime,
  kSource,
  kPosition,
  kLength,
  kRaw,
  kRawTruncated,
  kRow,
};

// Fields are separated by their length, so that ("ab", "c") and ("a", "bc") differ.
void HashText(XXH3_state_t* state, const std::string& text) {
  const uint64_t size = text.size();
  XXH3_128bits_update(state, &size, sizeof(size));
  XXH3_128bits_update(state, text.data(), text.size());
}

std::string Hex(const XXH128_hash_t& hash) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const uint64_t half : {hash.high64, hash.low64}) {
    for (int shift = 60; shift >= 0; shift -= 4) text.push_back(kDigits[(half >> shift) & 15]);
  }
  return text;
}

// TIMESTAMPTZ of the row's event time; NULL where the type has no instant.
Value EventTime(const duckdb::DataChunk& chunk, int column, size_t row) {
  const Value null(LogicalType::TIMESTAMP_TZ);
  if (column < 0) return null;
  const Value value = chunk.GetValue(static_cast<size_t>(column), row);
  if (value.IsNull()) return null;
  if (value.type().id() == duckdb::LogicalTypeId::TIMESTAMP_TZ) return value;
  Value utc;
  std::string error;
  if (!value.DefaultTryCastAs(LogicalType::TIMESTAMP, utc, &error)) return null;
  return Value::TIMESTAMPTZ(duckdb::timestamp_tz_t(utc.GetValue<duckdb::timestamp_t>()));
}

}  // namespace

const columnar::Schema& QuarantineSchema() {
  static const columnar::Schema schema{{
      {"quarantine_id", LogicalType::VARCHAR, false},
      {"epoch", LogicalType::BIGINT, false},
      {"run", LogicalType::VARCHAR, false},
      {"constraints", LogicalType::LIST(LogicalType::VARCHAR), false},
      {"action", LogicalType::VARCHAR, false},
      {"message", LogicalType::VARCHAR, false},
      {"event_time", LogicalType::TIMESTAMP_TZ, true},
      {"ingest_time", LogicalType::TIMESTAMP_TZ, false},
      {"source", LogicalType::VARCHAR, true},
      {"position", LogicalType::BIGINT, true},
      {"length", LogicalType::BIGINT, true},
      {"raw", LogicalType::BLOB, true},
      {"raw_truncated", LogicalType::BOOLEAN, false},
      {"row", LogicalType::VARCHAR, true},
  }};
  return schema;
}

std::optional<TopicSource> TopicSourceOf(std::string_view source) {
  const size_t slash = source.rfind('/');
  if (slash == std::string_view::npos || slash == 0 || source.find('/') != slash) {
    return std::nullopt;
  }
  TopicSource found{std::string(source.substr(0, slash)), 0};
  const char* const end = source.data() + source.size();
  const auto parsed = std::from_chars(source.data() + slash + 1, end, found.partition);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return found;
}

std::string_view PositionUnit(std::string_view source, int64_t length) {
  if (TopicSourceOf(source)) return "offset";
  return length > 0 ? "byte" : "row";
}

std::string QuarantineTableName(const std::string& table) { return table + "__quarantine"; }

struct QuarantineBuilder::Row {
  Origin origin;
  std::vector<std::string> constraints;
  std::string message;
  Value event_time{LogicalType::TIMESTAMP_TZ};
  std::optional<std::string> raw;
  bool raw_truncated = false;
  std::optional<std::string> json;
};

QuarantineBuilder::QuarantineBuilder(std::shared_ptr<const QuarantineSpec> spec, Emit emit)
    : spec_(std::move(spec)),
      emit_(std::move(emit)),
      buffer_(std::make_unique<duckdb::DataChunk>()) {
  buffer_->Initialize(duckdb::Allocator::DefaultAllocator(), QuarantineSchema().Types());
}

QuarantineBuilder::~QuarantineBuilder() = default;

Status QuarantineBuilder::AddRejected(const RowGate& gate, duckdb::DataChunk& chunk,
                                      const duckdb::SelectionVector& rejected, size_t count,
                                      const std::vector<uint64_t>& verdicts) {
  const GatePlan& plan = gate.plan();
  for (size_t i = 0; i < count; ++i) {
    const uint64_t* verdict = &verdicts[i * plan.words()];
    if (plan.ActionOf(verdict) != Action::kQuarantine) continue;
    const size_t index = rejected.get_index(i);
    Row row;
    row.origin = plan.OriginOf(chunk, index);
    for (const size_t bit : plan.BrokenBits(verdict)) {
      const Check& check = plan.check(bit);
      row.constraints.push_back(check.name);
      if (!row.message.empty()) row.message += "; ";
      row.message += check.name + ": " + ExpectClause(check);
      const std::string values = plan.ValuesOf(bit, chunk, index);
      if (!values.empty()) row.message += " but " + values;
      const std::string error = gate.ErrorOf(index, bit);
      if (!error.empty()) row.message += ": " + error;
    }
    row.event_time = EventTime(chunk, spec_->event_time_column, index);
    row.json = RowJson(chunk, index, plan.layout().schema);
    WEIR_RETURN_IF_ERROR(ReadRaw(&row, /*required=*/false));
    WEIR_RETURN_IF_ERROR(Append(std::move(row)));
  }
  return Status::Ok();
}

Status QuarantineBuilder::AddUnparsed(const columnar::UnparsedRow& unparsed) {
  Row row;
  row.origin = unparsed.origin;
  row.constraints.push_back(kParsesName);
  row.message = unparsed.column.empty() ? unparsed.reason
                                        : "column " + unparsed.column + ": " + unparsed.reason;
  WEIR_RETURN_IF_ERROR(ReadRaw(&row, /*required=*/true));
  return Append(std::move(row));
}

// A parsed row is complete without the bytes of a source that is gone; of an unparsed one they are
// all there is. A failure of the machine passes: the run is repeated, and the row has its bytes.
Status QuarantineBuilder::ReadRaw(Row* row, bool required) {
  if (!spec_->read_raw || row->origin.file < 0 || row->origin.length == 0) return Status::Ok();
  Result<std::string> raw = spec_->read_raw(row->origin, spec_->raw_bytes_max);
  if (!raw.ok()) {
    const ErrorCode code = raw.error().code();
    if (required || code == ErrorCode::kIo || code == ErrorCode::kCancelled) {
      return std::move(raw).error();
    }
    row->message += "; its bytes could not be read again: " + raw.error().message();
    return Status::Ok();
  }
  row->raw_truncated = static_cast<size_t>(row->origin.length) > raw->size();
  row->raw = std::move(raw).value();
  return Status::Ok();
}

Status QuarantineBuilder::Append(Row row) {
  if (row.origin.file >= 0 && row.origin.file == last_origin_.file &&
      row.origin.offset == last_origin_.offset) {
    ++same_origin_;
  } else {
    same_origin_ = 0;
    last_origin_ = row.origin;
  }
  // Without an origin the row's own text and its number here have to do.
  const int64_t number = row.origin.file >= 0 ? same_origin_ : rows_;
  const std::string source = row.origin.file >= 0 && spec_->source_name
                                 ? spec_->source_name(row.origin.file)
                                 : std::string();
  XXH3_state_t* state = XXH3_createState();
  XXH3_128bits_reset(state);
  HashText(state, spec_->flow_id);
  HashText(state, std::to_string(spec_->epoch));
  HashText(state, source);
  HashText(state, std::to_string(row.origin.file) + ":" + std::to_string(row.origin.offset) + ":" +
                      std::to_string(number));
  HashText(state, row.json ? *row.json : row.message);
  const std::string id = Hex(XXH3_128bits_digest(state));
  XXH3_freeState(state);

  duckdb::vector<Value> names;
  for (const std::string& name : row.constraints) names.emplace_back(name);
  const bool placed = row.origin.file >= 0;
  const size_t i = buffer_->size();
  duckdb::DataChunk& out = *buffer_;
  out.SetValue(kId, i, Value(id));
  out.SetValue(kEpoch, i, Value::BIGINT(static_cast<int64_t>(spec_->epoch)));
  out.SetValue(kRun, i, Value(spec_->run));
  out.SetValue(kConstraints, i, Value::LIST(LogicalType::VARCHAR, std::move(names)));
  out.SetValue(kAction, i, Value(ActionName(Action::kQuarantine)));
  out.SetValue(kMessage, i, Value(row.message));
  out.SetValue(kEventTime, i, row.event_time);
  out.SetValue(kIngestTime, i, Value::TIMESTAMPTZ(duckdb::timestamp_tz_t(spec_->ingest_time_us)));
  out.SetValue(kSource, i, source.empty() ? Value(LogicalType::VARCHAR) : Value(source));
  out.SetValue(kPosition, i,
               placed ? Value::BIGINT(row.origin.offset) : Value(LogicalType::BIGINT));
  out.SetValue(kLength, i, placed ? Value::BIGINT(row.origin.length) : Value(LogicalType::BIGINT));
  out.SetValue(kRaw, i, row.raw ? Value::BLOB_RAW(*row.raw) : Value(LogicalType::BLOB));
  out.SetValue(kRawTruncated, i, Value::BOOLEAN(row.raw_truncated));
  out.SetValue(kRow, i, row.json ? Value(*row.json) : Value(LogicalType::VARCHAR));
  out.SetCardinality(i + 1);

  ++rows_;
  buffered_bytes_ += row.message.size() + (row.raw ? row.raw->size() : 0) +
                     (row.json ? row.json->size() : 0) + 200;
  if (out.size() == STANDARD_VECTOR_SIZE || buffered_bytes_ >= spec_->buffer_bytes_max) {
    return Flush();
  }
  return Status::Ok();
}

Status QuarantineBuilder::Flush() {
  if (buffer_->size() == 0) return Status::Ok();
  Status status = emit_(*buffer_);
  buffer_->Reset();
  buffered_bytes_ = 0;
  return status;
}

Status QuarantineBuilder::Finish() { return Flush(); }

// --- UnparsedQuarantine -----------------------------------------------------------------------

UnparsedQuarantine::UnparsedQuarantine(std::shared_ptr<CheckTotals> totals,
                                       std::shared_ptr<const QuarantineSpec> spec,
                                       QuarantineBuilder::Emit emit)
    : totals_(std::move(totals)), builder_(std::move(spec), std::move(emit)) {}

bool UnparsedQuarantine::Add(columnar::UnparsedRow row) {
  totals_->AddUnparsed(row);
  if (totals_->contract().parses != Action::kQuarantine) return true;
  const std::lock_guard lock(mutex_);
  if (!status_.ok()) return false;
  status_ = builder_.AddUnparsed(row);
  return status_.ok();
}

Status UnparsedQuarantine::Finish() {
  const std::lock_guard lock(mutex_);
  if (status_.ok()) status_ = builder_.Finish();
  return status_;
}

int64_t UnparsedQuarantine::rows() const {
  const std::lock_guard lock(mutex_);
  return builder_.rows();
}

}  // namespace weir::guard
