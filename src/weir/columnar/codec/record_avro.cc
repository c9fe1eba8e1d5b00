// Records of Avro: one datum in the binary encoding (Avro 1.11 specification, "Binary Encoding"),
// without a container file around it. The schema is the option 'avro.schema', or follows from the
// columns. Fields and columns match by name, those of no column are passed over.
//
// Bounds: no length is believed before the bytes are there; items of arrays and maps are no more
// than the bytes that are left; nesting ends at kDepthMax.
//
// Thread rule: as record_decode.h.
#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "duckdb/common/exception.hpp"
#include "duckdb/common/string_util.hpp"
#include "duckdb/common/types/data_chunk.hpp"
#include "duckdb/common/types/hugeint.hpp"
#include "duckdb/common/types/uuid.hpp"
#include "duckdb/common/types/vector.hpp"
#include "weir/columnar/codec/avro_schema.h"
#include "weir/columnar/codec/record_formats.h"
#include "weir/columnar/duckdb_error.h"

namespace weir::columnar {

namespace {

using Kind = AvroType::Kind;
using Logical = AvroType::Logical;
using duckdb::FlatVector;
using duckdb::LogicalType;
using duckdb::LogicalTypeId;
using duckdb::Vector;

constexpr int kDepthMax = 64;
constexpr int64_t kTimestampMicrosMin = -9'223'372'022'400'000'000;  // 290309-12-22 (BC)

// The bytes of a record, from left to right. After the first failure everything fails.
class AvroInput {
 public:
  AvroInput(const char* data, size_t size) : at_(data), end_(data + size) {}

  size_t left() const { return static_cast<size_t>(end_ - at_); }
  const std::string& problem() const { return problem_; }
  bool Fail(std::string why) {
    if (problem_.empty()) problem_ = std::move(why);
    return false;
  }

  bool Long(int64_t* out) {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (at_ == end_) return Fail("it ends within a number");
      const auto byte = static_cast<uint8_t>(*at_++);
      if (shift == 63 && byte > 1) break;
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) {
        *out = static_cast<int64_t>(value >> 1) ^ -static_cast<int64_t>(value & 1);
        return true;
      }
    }
    return Fail("a number has more than 64 bits");
  }
  bool Int(int64_t* out) {
    if (!Long(out)) return false;
    return *out >= INT32_MIN && *out <= INT32_MAX ? true : Fail("an int has more than 32 bits");
  }
  bool Raw(size_t n, const char** out) {
    if (n > left()) return Fail(fmt::format("{} bytes are wanted where {} are left", n, left()));
    *out = at_;
    at_ += n;
    return true;
  }
  bool Bytes(const char** out, size_t* size) {
    int64_t n = 0;
    if (!Long(&n)) return false;
    if (n < 0) return Fail("a length is negative");
    *size = static_cast<size_t>(n);
    return Raw(*size, out);
  }
  // The items of the next block of an array or map; 0: there are no more. `bytes`: of the block, if
  // it tells, else -1.
  bool Block(int64_t* items, int64_t* bytes) {
    *bytes = -1;
    if (!Long(items)) return false;
    if (*items < 0) {
      if (*items == INT64_MIN || !Long(bytes)) return Fail("a block has no sound length");
      *items = -*items;
      if (*bytes < 0 || static_cast<uint64_t>(*bytes) > left()) {
        return Fail("a block is longer than the record");
      }
    }
    if (static_cast<uint64_t>(*items) > left()) return Fail("a block has more items than bytes");
    return true;
  }

 private:
  const char* at_;
  const char* const end_;
  std::string problem_;
};

bool Skip(const AvroType& type, AvroInput& in, int depth) {
  if (depth > kDepthMax) return in.Fail(fmt::format("nested more than {} deep", kDepthMax));
  int64_t number = 0;
  const char* bytes = nullptr;
  size_t size = 0;
  switch (type.kind) {
    case Kind::kNull:
      return true;
    case Kind::kBoolean:
      return in.Raw(1, &bytes);
    case Kind::kInt:
    case Kind::kLong:
    case Kind::kEnum:
      return in.Long(&number);
    case Kind::kFloat:
      return in.Raw(4, &bytes);
    case Kind::kDouble:
      return in.Raw(8, &bytes);
    case Kind::kBytes:
    case Kind::kString:
      return in.Bytes(&bytes, &size);
    case Kind::kFixed:
      return in.Raw(type.size, &bytes);
    case Kind::kRecord:
      for (const AvroType::Field& field : type.fields) {
        if (!Skip(*field.type, in, depth + 1)) return false;
      }
      return true;
    case Kind::kUnion:
      if (!in.Long(&number)) return false;
      if (number < 0 || static_cast<uint64_t>(number) >= type.branches.size()) {
        return in.Fail(fmt::format("a union has no branch {}", number));
      }
      return Skip(*type.branches[static_cast<size_t>(number)], in, depth + 1);
    case Kind::kArray:
    case Kind::kMap:
      while (true) {
        int64_t items = 0;
        int64_t block = 0;
        if (!in.Block(&items, &block)) return false;
        if (items == 0) return true;
        if (block >= 0) {
          if (!in.Raw(static_cast<size_t>(block), &bytes)) return false;
          continue;
        }
        for (int64_t i = 0; i < items; ++i) {
          if (type.kind == Kind::kMap && !in.Bytes(&bytes, &size)) return false;
          if (!Skip(type.item(), in, depth + 1)) return false;
        }
      }
  }
  return false;
}

// Reads values of one Avro type into vectors of one type of ours.
class AvroNode {
 public:
  // kUser errors name the path: "items.price: a column of type DATE can't hold string".
  static Result<std::unique_ptr<AvroNode>> Make(const AvroType& from, const LogicalType& to,
                                                const std::string& path) {
    auto node = std::unique_ptr<AvroNode>(new AvroNode(from, to));
    const auto no = [&]() -> Error {
      return Error::User(ErrorCode::kUnsupported,
                         fmt::format("column '{}' of type {} can't hold Avro's {}", path,
                                     to.ToString(), AvroTypeName(from)))
          .Fix("declare the column with a type that can, see docs/sources.md");
    };
    const auto add = [&](const AvroType& type, const LogicalType& as,
                         const std::string& at) -> Status {
      WEIR_ASSIGN_OR_RETURN(auto child, Make(type, as, at));
      node->children_.push_back(std::move(child));
      return Status::Ok();
    };
    switch (from.kind) {
      case Kind::kUnion: {
        bool any = false;
        for (const AvroType* const branch : from.branches) {
          node->children_.emplace_back();
          if (branch->kind == Kind::kNull) continue;
          auto child = Make(*branch, to, path);
          if (!child.ok()) continue;  // records with this branch do not decode
          node->children_.back() = std::move(child).value();
          any = true;
        }
        if (!any) {
          for (const AvroType* const branch : from.branches) {
            if (branch->kind != Kind::kNull) return Make(*branch, to, path).status();
          }
        }
        return node;
      }
      case Kind::kArray:
        if (to.id() != LogicalTypeId::LIST) return no();
        WEIR_RETURN_IF_ERROR(add(from.item(), duckdb::ListType::GetChildType(to), path + "[]"));
        return node;
      case Kind::kMap:
        if (to.id() != LogicalTypeId::MAP ||
            duckdb::MapType::KeyType(to).id() != LogicalTypeId::VARCHAR) {
          return no();
        }
        WEIR_RETURN_IF_ERROR(add(from.item(), duckdb::MapType::ValueType(to), path + ".*"));
        return node;
      case Kind::kRecord: {
        if (to.id() != LogicalTypeId::STRUCT) return no();
        const auto& wanted = duckdb::StructType::GetChildTypes(to);
        std::vector<std::pair<std::string, LogicalType>> fields(wanted.begin(), wanted.end());
        WEIR_RETURN_IF_ERROR(node->Match(fields, path));
        return node;
      }
      default:
        return Fits(from, to) ? Result<std::unique_ptr<AvroNode>>(std::move(node)) : no();
    }
  }

  // For the record as a whole: which of its fields goes to which child.
  Status Match(const std::vector<std::pair<std::string, LogicalType>>& wanted,
               const std::string& path) {
    of_field_.assign(from_.fields.size(), -1);
    for (const auto& [name, type] : wanted) {
      int found = -1;
      for (size_t i = 0; i < from_.fields.size(); ++i) {
        const bool same = from_.fields[i].name == name;
        if (same || (found < 0 && duckdb::StringUtil::CIEquals(from_.fields[i].name, name))) {
          found = static_cast<int>(i);
        }
        if (same) break;
      }
      const std::string at = path.empty() ? name : path + "." + name;
      if (found < 0) {
        std::string names;
        for (const auto& field : from_.fields) names += (names.empty() ? "" : ", ") + field.name;
        return Error::User(ErrorCode::kNotFound,
                           fmt::format("the Avro schema has no field for column '{}'", at))
            .Fix("its fields are " + names);
      }
      WEIR_ASSIGN_OR_RETURN(auto child,
                            Make(*from_.fields[static_cast<size_t>(found)].type, type, at));
      of_field_[static_cast<size_t>(found)] = static_cast<int>(children_.size());
      children_.push_back(std::move(child));
    }
    return Status::Ok();
  }

  static std::unique_ptr<AvroNode> Root(const AvroType& record) {
    return std::unique_ptr<AvroNode>(new AvroNode(record, LogicalType::SQLNULL));
  }

  // The fields of a record, child i into `vectors(i)`.
  template <typename Vectors>
  bool ReadFields(AvroInput& in, size_t row, int depth, const Vectors& vectors) const {
    for (size_t i = 0; i < from_.fields.size(); ++i) {
      const int child = of_field_[i];
      const bool good = child < 0 ? Skip(*from_.fields[i].type, in, depth + 1)
                                  : children_[static_cast<size_t>(child)]->Read(
                                        in, vectors(static_cast<size_t>(child)), row, depth + 1);
      if (!good) return false;
    }
    return true;
  }

  bool Read(AvroInput& in, Vector& out, size_t row, int depth) const {
    if (depth > kDepthMax) return in.Fail(fmt::format("nested more than {} deep", kDepthMax));
    if (from_.kind != Kind::kUnion) FlatVector::Validity(out).Set(row, true);
    switch (from_.kind) {
      case Kind::kUnion: {
        int64_t branch = 0;
        if (!in.Long(&branch)) return false;
        if (branch < 0 || static_cast<uint64_t>(branch) >= from_.branches.size()) {
          return in.Fail(fmt::format("a union has no branch {}", branch));
        }
        const auto chosen = static_cast<size_t>(branch);
        if (from_.branches[chosen]->kind == Kind::kNull) {
          SetNull(out, row);
          return true;
        }
        if (!children_[chosen]) {
          return in.Fail(fmt::format("{} where {} is declared",
                                     AvroTypeName(*from_.branches[chosen]), to_.ToString()));
        }
        return children_[chosen]->Read(in, out, row, depth + 1);
      }
      case Kind::kArray:
      case Kind::kMap:
        return ReadItems(in, out, row, depth);
      case Kind::kRecord: {
        auto& parts = duckdb::StructVector::GetEntries(out);
        return ReadFields(in, row, depth, [&](size_t i) -> Vector& { return *parts[i]; });
      }
      default:
        return ReadScalar(in, out, row);
    }
  }

 private:
  AvroNode(const AvroType& from, LogicalType to) : from_(from), to_(std::move(to)) {}

  static bool IsInteger(LogicalTypeId id) {
    return id == LogicalTypeId::TINYINT || id == LogicalTypeId::SMALLINT ||
           id == LogicalTypeId::INTEGER || id == LogicalTypeId::BIGINT;
  }

  static bool Fits(const AvroType& from, const LogicalType& to) {
    const LogicalTypeId id = to.id();
    switch (from.logical) {
      case Logical::kDecimal:
        return id == LogicalTypeId::DECIMAL && duckdb::DecimalType::GetScale(to) == from.scale;
      case Logical::kDate:
        return id == LogicalTypeId::DATE;
      case Logical::kTimestampMillis:
      case Logical::kTimestampMicros:
      case Logical::kLocalTimestampMillis:
      case Logical::kLocalTimestampMicros:
        return id == LogicalTypeId::TIMESTAMP || id == LogicalTypeId::TIMESTAMP_TZ ||
               id == LogicalTypeId::BIGINT;
      case Logical::kUuid:
        return id == LogicalTypeId::VARCHAR || id == LogicalTypeId::UUID;
      case Logical::kNone:
        break;
    }
    switch (from.kind) {
      case Kind::kBoolean:
        return id == LogicalTypeId::BOOLEAN;
      case Kind::kInt:
        return IsInteger(id) || id == LogicalTypeId::DOUBLE;
      case Kind::kLong:
        return IsInteger(id);
      case Kind::kFloat:
        return id == LogicalTypeId::FLOAT || id == LogicalTypeId::DOUBLE;
      case Kind::kDouble:
        return id == LogicalTypeId::DOUBLE;
      case Kind::kBytes:
      case Kind::kFixed:
        return id == LogicalTypeId::BLOB;
      case Kind::kString:
      case Kind::kEnum:
        return id == LogicalTypeId::VARCHAR;
      default:
        return false;
    }
  }

  static void SetNull(Vector& out, size_t row) {
    // A struct's parts with it.
    FlatVector::SetNull(out, row, true);
  }

  template <typename T>
  static bool Put(Vector& out, size_t row, T value) {
    FlatVector::GetData<T>(out)[row] = value;
    return true;
  }

  bool PutInteger(AvroInput& in, Vector& out, size_t row, int64_t value) const {
    const auto beyond = [&] {
      return in.Fail(fmt::format("{} does not fit {}", value, to_.ToString()));
    };
    switch (to_.id()) {
      case LogicalTypeId::TINYINT:
        if (value < INT8_MIN || value > INT8_MAX) return beyond();
        return Put(out, row, static_cast<int8_t>(value));
      case LogicalTypeId::SMALLINT:
        if (value < INT16_MIN || value > INT16_MAX) return beyond();
        return Put(out, row, static_cast<int16_t>(value));
      case LogicalTypeId::INTEGER:
        if (value < INT32_MIN || value > INT32_MAX) return beyond();
        return Put(out, row, static_cast<int32_t>(value));
      case LogicalTypeId::DOUBLE:
        return Put(out, row, static_cast<double>(value));
      default:
        return Put(out, row, value);
    }
  }

  bool ReadScalar(AvroInput& in, Vector& out, size_t row) const {
    int64_t number = 0;
    const char* bytes = nullptr;
    size_t size = 0;
    switch (from_.kind) {
      case Kind::kNull:
        return true;
      case Kind::kBoolean:
        if (!in.Raw(1, &bytes)) return false;
        if (*bytes != 0 && *bytes != 1) return in.Fail("a boolean is neither 0 nor 1");
        return Put(out, row, *bytes == 1);
      case Kind::kInt:
        if (!in.Int(&number)) return false;
        if (to_.id() == LogicalTypeId::DATE) {
          // The ends are DuckDB's infinities.
          if (number <= -INT32_MAX || number == INT32_MAX) return in.Fail("a date is out of range");
          return Put(out, row, duckdb::date_t(static_cast<int32_t>(number)));
        }
        return PutInteger(in, out, row, number);
      case Kind::kLong:
        if (!in.Long(&number)) return false;
        if (to_.id() == LogicalTypeId::TIMESTAMP || to_.id() == LogicalTypeId::TIMESTAMP_TZ) {
          const bool millis = from_.logical == Logical::kTimestampMillis ||
                              from_.logical == Logical::kLocalTimestampMillis;
          // The greatest is DuckDB's infinity; below the least it has no date.
          const int64_t unit = millis ? 1000 : 1;
          if (number < kTimestampMicrosMin / unit || number > (INT64_MAX - 1) / unit) {
            return in.Fail("a timestamp is out of range");
          }
          return Put(out, row, duckdb::timestamp_t(millis ? number * 1000 : number));
        }
        return PutInteger(in, out, row, number);
      case Kind::kFloat: {
        if (!in.Raw(4, &bytes)) return false;
        float value;
        std::memcpy(&value, bytes, sizeof(value));
        return to_.id() == LogicalTypeId::FLOAT ? Put(out, row, value)
                                                : Put(out, row, static_cast<double>(value));
      }
      case Kind::kDouble: {
        if (!in.Raw(8, &bytes)) return false;
        double value;
        std::memcpy(&value, bytes, sizeof(value));
        return Put(out, row, value);
      }
      case Kind::kEnum:
        if (!in.Long(&number)) return false;
        if (number < 0 || static_cast<uint64_t>(number) >= from_.symbols.size()) {
          return in.Fail(fmt::format("enum {} has no symbol {}", from_.name, number));
        }
        return Put(
            out, row,
            duckdb::StringVector::AddString(out, from_.symbols[static_cast<size_t>(number)]));
      case Kind::kFixed:
        size = from_.size;
        if (!in.Raw(size, &bytes)) return false;
        break;
      default:
        if (!in.Bytes(&bytes, &size)) return false;
    }
    if (from_.logical == Logical::kDecimal) return PutDecimal(in, out, row, bytes, size);
    if (from_.kind == Kind::kString && !simdjson::validate_utf8(bytes, size)) {
      return in.Fail("a string is not UTF-8");
    }
    if (to_.id() == LogicalTypeId::UUID) {
      duckdb::hugeint_t uuid;
      if (!duckdb::UUID::FromString(std::string(bytes, size), uuid)) {
        return in.Fail(
            fmt::format("'{}' is no UUID", std::string_view(bytes, std::min<size_t>(size, 50))));
      }
      return Put(out, row, uuid);
    }
    return Put(out, row, duckdb::StringVector::AddStringOrBlob(out, bytes, size));
  }

  // Two's complement, big-endian.
  bool PutDecimal(AvroInput& in, Vector& out, size_t row, const char* bytes, size_t size) const {
    const bool negative = size > 0 && (bytes[0] & 0x80) != 0;
    const char sign = negative ? '\xff' : '\0';
    while (size > 16 && *bytes == sign) {
      ++bytes;
      --size;
    }
    const uint8_t width = duckdb::DecimalType::GetWidth(to_);
    const auto beyond = [&] {
      return in.Fail(fmt::format("a decimal does not fit {}", to_.ToString()));
    };
    if (size > 16) return beyond();
    uint64_t upper = negative ? UINT64_MAX : 0;
    uint64_t lower = upper;
    for (size_t i = 0; i < size; ++i) {
      upper = upper << 8 | lower >> 56;
      lower = lower << 8 | static_cast<uint8_t>(bytes[i]);
    }
    duckdb::hugeint_t value;
    value.upper = static_cast<int64_t>(upper);
    value.lower = lower;
    const duckdb::hugeint_t limit = duckdb::Hugeint::POWERS_OF_TEN[width];
    if (value >= limit || value <= -limit) return beyond();
    switch (to_.InternalType()) {
      case duckdb::PhysicalType::INT16:
        return Put(out, row, static_cast<int16_t>(value.lower));
      case duckdb::PhysicalType::INT32:
        return Put(out, row, static_cast<int32_t>(value.lower));
      case duckdb::PhysicalType::INT64:
        return Put(out, row, static_cast<int64_t>(value.lower));
      default:
        return Put(out, row, value);
    }
  }

  bool ReadItems(AvroInput& in, Vector& out, size_t row, int depth) const {
    const bool is_map = from_.kind == Kind::kMap;
    const size_t first = duckdb::ListVector::GetListSize(out);
    size_t at = first;
    while (true) {
      int64_t items = 0;
      int64_t block = 0;
      if (!in.Block(&items, &block)) return false;
      if (items == 0) break;
      for (int64_t i = 0; i < items; ++i, ++at) {
        duckdb::ListVector::Reserve(out, at + 1);
        if (is_map) {
          const char* bytes = nullptr;
          size_t size = 0;
          if (!in.Bytes(&bytes, &size)) return false;
          if (!simdjson::validate_utf8(bytes, size)) return in.Fail("a key is not UTF-8");
          Vector& keys = duckdb::MapVector::GetKeys(out);
          const auto key = duckdb::StringVector::AddStringOrBlob(keys, bytes, size);
          const auto* const known = FlatVector::GetData<duckdb::string_t>(keys);
          if (std::find(known + first, known + at, key) != known + at) {
            return in.Fail(fmt::format("key '{}' stands twice", key.GetString()));
          }
          FlatVector::Validity(keys).Set(at, true);
          Put(keys, at, key);
        }
        Vector& values =
            is_map ? duckdb::MapVector::GetValues(out) : duckdb::ListVector::GetEntry(out);
        if (!children_[0]->Read(in, values, at, depth + 1)) return false;
        duckdb::ListVector::SetListSize(out, at + 1);
      }
    }
    return Put(out, row, duckdb::list_entry_t{first, at - first});
  }

  const AvroType& from_;
  const LogicalType to_;
  std::vector<std::unique_ptr<AvroNode>> children_;  // unions: by branch, null where it can't be
  std::vector<int> of_field_;                        // records: the child of each field, or -1
};

class AvroRecords : public RecordsDecoder {
 public:
  AvroRecords(std::shared_ptr<const AvroSchema> schema, std::unique_ptr<AvroNode> root)
      : schema_(std::move(schema)), root_(std::move(root)) {}

  Result<bool> Decode(std::span<const RecordBytes> records, duckdb::DataChunk& out,
                      std::vector<uint32_t>* rows, const FailedRecord& failed) override {
    return CatchDuckDB([&]() -> Result<bool> {
      rows->clear();
      for (uint32_t i = 0; i < records.size(); ++i) {
        std::string problem;
        if (records[i].data == nullptr) {
          problem = "the record has no value (a tombstone)";
        } else {
          AvroInput in(records[i].data, records[i].size);
          const bool good = root_->ReadFields(
              in, rows->size(), 0, [&](size_t column) -> Vector& { return out.data[column]; });
          if (good && in.left() > 0) in.Fail(fmt::format("{} bytes follow the record", in.left()));
          problem = in.problem();
          if (!problem.empty()) {
            problem = "not Avro of this schema: " + problem;
            if (records[i].size > 5 && records[i].data[0] == 0) {
              problem += " (a schema registry's five bytes before the record are not understood)";
            }
          }
        }
        if (problem.empty()) {
          rows->push_back(i);
        } else if (!failed(i, "", problem)) {
          return false;
        }
      }
      out.SetCardinality(rows->size());
      return true;
    });
  }

 private:
  const std::shared_ptr<const AvroSchema> schema_;  // outlives root_
  const std::unique_ptr<AvroNode> root_;
};

}  // namespace

Result<std::unique_ptr<RecordsDecoder>> NewAvroRecords(const RecordFormatOptions& format,
                                                       const Schema& fields,
                                                       const std::vector<RecordColumn>& columns) {
  const FormatOptions options(format);
  WEIR_RETURN_IF_ERROR(options.Choice("encoding", {"binary"}).status());
  const std::string* const text = options.Find("schema");
  std::shared_ptr<const AvroSchema> schema;
  if (text != nullptr) {
    WEIR_ASSIGN_OR_RETURN(schema, AvroSchema::Parse(*text));
  } else {
    WEIR_ASSIGN_OR_RETURN(schema, AvroSchema::Of(fields));
  }
  if (schema->root().kind != Kind::kRecord) {
    return Error::User(ErrorCode::kInvalid,
                       fmt::format("option 'avro.schema' is {}, a record is needed",
                                   AvroTypeName(schema->root())));
  }
  auto root = AvroNode::Root(schema->root());
  std::vector<std::pair<std::string, LogicalType>> wanted;
  for (const RecordColumn& column : columns) {
    const Field& field = fields.fields[static_cast<size_t>(column.field)];
    wanted.emplace_back(field.name, field.type);
  }
  WEIR_RETURN_IF_ERROR(root->Match(wanted, ""));
  return std::make_unique<AvroRecords>(std::move(schema), std::move(root));
}

}  // namespace weir::columnar
