// An Avro schema (Avro 1.11 specification, "Schema Declaration") as a tree of types, made of its
// JSON or of the columns of a table.
//
// Thread rule: values, immutable once made.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "weir/base/result.h"
#include "weir/columnar/schema.h"

namespace weir::columnar {

struct AvroType {
  enum class Kind {
    kNull,
    kBoolean,
    kInt,
    kLong,
    kFloat,
    kDouble,
    kBytes,
    kString,
    kFixed,
    kEnum,
    kArray,
    kMap,
    kRecord,
    kUnion,
  };
  enum class Logical {
    kNone,
    kDecimal,
    kDate,
    kTimestampMillis,
    kTimestampMicros,
    kLocalTimestampMillis,
    kLocalTimestampMicros,
    kUuid,
  };

  struct Field;

  Kind kind = Kind::kNull;
  Logical logical = Logical::kNone;
  std::string name;       // of records, enums and fixed, for messages
  uint32_t size = 0;      // of fixed, in bytes
  uint8_t precision = 0;  // of decimals
  uint8_t scale = 0;
  std::vector<std::string> symbols;       // of enums
  std::vector<Field> fields;              // of records
  std::vector<const AvroType*> branches;  // of unions; of arrays and maps the one of their items

  const AvroType& item() const { return *branches[0]; }
};

struct AvroType::Field {
  std::string name;
  const AvroType* type = nullptr;
};

// Owns its types: named ones may stand in themselves.
class AvroSchema {
 public:
  // kInvalid: no JSON, no schema; the message says where.
  static Result<std::shared_ptr<const AvroSchema>> Parse(const std::string& json);
  // A record of the fields, each a union of null and its type. kUnsupported: a type without an
  // Avro form.
  static Result<std::shared_ptr<const AvroSchema>> Of(const Schema& fields);

  const AvroType& root() const { return *root_; }

 private:
  friend class AvroSchemaMaker;
  const AvroType* root_ = nullptr;
  std::vector<std::unique_ptr<AvroType>> types_;
};

// "long", "record Order", "timestamp-millis": for messages.
std::string AvroTypeName(const AvroType& type);

}  // namespace weir::columnar
