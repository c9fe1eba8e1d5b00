#include "weir/columnar/types.h"

#include <set>
#include <utility>
#include <vector>

#include "duckdb/common/string_util.hpp"
#include "duckdb/common/types.hpp"
#include "duckdb/common/types/data_chunk.hpp"
#include "duckdb/execution/expression_executor.hpp"
#include "duckdb/main/client_context.hpp"
#include "duckdb/planner/expression/bound_cast_expression.hpp"
#include "duckdb/planner/expression/bound_reference_expression.hpp"
#include "weir/columnar/duckdb_error.h"
#include "weir/columnar/engine.h"

namespace weir::columnar {
namespace {

using duckdb::LogicalType;
using duckdb::LogicalTypeId;

Error Refused(const std::string& column, const LogicalType& type, const std::string& what_to_do) {
  return Error::User(ErrorCode::kUnsupported,
                     "column '" + column + "': a table cannot store " + type.ToString())
      .Fix(what_to_do);
}

std::string CastTo(const std::string& column, const std::string& type) {
  return "write CAST(" + QuoteName(column) + " AS " + type + ") AS " + QuoteName(column);
}

// Type ids are listed one by one, so that a type that is new in DuckDB is refused until decided.
Result<LogicalType> Stored(const LogicalType& type, const std::string& column) {
  switch (type.id()) {
    case LogicalTypeId::BOOLEAN:
    case LogicalTypeId::TINYINT:
    case LogicalTypeId::SMALLINT:
    case LogicalTypeId::INTEGER:
    case LogicalTypeId::BIGINT:
    case LogicalTypeId::FLOAT:
    case LogicalTypeId::DOUBLE:
    case LogicalTypeId::BLOB:
    case LogicalTypeId::DATE:
    case LogicalTypeId::TIMESTAMP_TZ:
    case LogicalTypeId::TIMESTAMP:
      return LogicalType(type.id());
    case LogicalTypeId::DECIMAL:
      return LogicalType::DECIMAL(duckdb::DecimalType::GetWidth(type),
                                  duckdb::DecimalType::GetScale(type));
    case LogicalTypeId::VARCHAR:  // JSON and collations are VARCHAR with an attribute
    case LogicalTypeId::CHAR:
    case LogicalTypeId::UUID:
    case LogicalTypeId::ENUM:
      return LogicalType(LogicalTypeId::VARCHAR);
    case LogicalTypeId::UTINYINT:
      return LogicalType(LogicalTypeId::SMALLINT);
    case LogicalTypeId::USMALLINT:
      return LogicalType(LogicalTypeId::INTEGER);
    case LogicalTypeId::UINTEGER:
      return LogicalType(LogicalTypeId::BIGINT);
    case LogicalTypeId::UBIGINT:
      return LogicalType::DECIMAL(20, 0);
    case LogicalTypeId::HUGEINT:
    case LogicalTypeId::UHUGEINT:
      return LogicalType::DECIMAL(38, 0);
    case LogicalTypeId::TIMESTAMP_SEC:
    case LogicalTypeId::TIMESTAMP_MS:
      return LogicalType(LogicalTypeId::TIMESTAMP);
    case LogicalTypeId::STRUCT: {
      duckdb::child_list_t<LogicalType> children;
      for (const auto& child : duckdb::StructType::GetChildTypes(type)) {
        if (child.first.empty()) {
          return Refused(column, type, "name the fields: struct_pack(a := ..., b := ...)");
        }
        WEIR_ASSIGN_OR_RETURN(LogicalType stored, Stored(child.second, column));
        children.emplace_back(child.first, std::move(stored));
      }
      return LogicalType::STRUCT(std::move(children));
    }
    case LogicalTypeId::LIST: {
      WEIR_ASSIGN_OR_RETURN(LogicalType stored,
                            Stored(duckdb::ListType::GetChildType(type), column));
      return LogicalType::LIST(stored);
    }
    case LogicalTypeId::ARRAY: {
      WEIR_ASSIGN_OR_RETURN(LogicalType stored,
                            Stored(duckdb::ArrayType::GetChildType(type), column));
      return LogicalType::LIST(stored);
    }
    case LogicalTypeId::MAP: {
      WEIR_ASSIGN_OR_RETURN(LogicalType key, Stored(duckdb::MapType::KeyType(type), column));
      WEIR_ASSIGN_OR_RETURN(LogicalType value, Stored(duckdb::MapType::ValueType(type), column));
      return LogicalType::MAP(std::move(key), std::move(value));
    }
    case LogicalTypeId::TIMESTAMP_NS:  // microseconds would lose digits
      return Refused(column, type, CastTo(column, "TIMESTAMP") + " to keep microseconds");
    case LogicalTypeId::INTERVAL:
      return Refused(column, type,
                     CastTo(column, "VARCHAR") + ", or epoch(" + QuoteName(column) +
                         ") for a number of seconds");
    case LogicalTypeId::UNION:
      return Refused(column, type,
                     CastTo(column, "VARCHAR") + ", or take one member with union_extract");
    case LogicalTypeId::SQLNULL:
      return Refused(column, type, "say its type, for example CAST(NULL AS VARCHAR)");
    default:
      return Refused(column, type, CastTo(column, "VARCHAR"));
  }
}

class ExpressionChunkCast : public ChunkCast {
 public:
  ExpressionChunkCast(duckdb::ClientContext& context, const Schema& from, const Schema& to)
      : names_(to.Names()) {
    casts_.resize(from.fields.size());
    for (size_t i = 0; i < from.fields.size(); ++i) {
      if (from.fields[i].type == to.fields[i].type) continue;
      trivial_ = false;
      auto reference = duckdb::make_uniq<duckdb::BoundReferenceExpression>(from.fields[i].type, i);
      casts_[i].expression = duckdb::BoundCastExpression::AddCastToType(
          context, std::move(reference), to.fields[i].type);
      casts_[i].executor =
          std::make_unique<duckdb::ExpressionExecutor>(context, *casts_[i].expression);
    }
    out_.Initialize(context, to.Types());
  }

  bool trivial() const override { return trivial_; }

  Result<duckdb::DataChunk*> Apply(duckdb::DataChunk& in) override {
    out_.Reset();
    for (size_t i = 0; i < casts_.size(); ++i) {
      if (!casts_[i].executor) {
        out_.data[i].Reference(in.data[i]);
        continue;
      }
      const Status cast = CatchDuckDB([&]() -> Status {
        casts_[i].executor->ExecuteExpression(in, out_.data[i]);
        return Status::Ok();
      });
      if (!cast.ok()) return Error(cast.error()).While("column '" + names_[i] + "'");
    }
    out_.SetCardinality(in.size());
    return &out_;
  }

 private:
  struct Cast {
    duckdb::unique_ptr<duckdb::Expression> expression;
    std::unique_ptr<duckdb::ExpressionExecutor> executor;  // null: no cast needed
  };
  const std::vector<std::string> names_;
  std::vector<Cast> casts_;
  duckdb::DataChunk out_;
  bool trivial_ = true;
};

}  // namespace

Result<LogicalType> StorableType(const LogicalType& type, const std::string& column) {
  return Stored(type, column);
}

Result<Schema> StorableSchema(const Schema& schema) {
  Schema stored;
  std::set<std::string> names;
  for (const Field& field : schema.fields) {
    if (field.name.empty()) {
      return Error::User(ErrorCode::kInvalid, "a column without a name cannot be stored")
          .Fix("name it: expression AS name");
    }
    if (!names.insert(duckdb::StringUtil::Lower(field.name)).second) {
      return Error::User(ErrorCode::kInvalid, "two columns are named '" + field.name + "'")
          .Fix("give one of them another name: expression AS name");
    }
    WEIR_ASSIGN_OR_RETURN(LogicalType type, StorableType(field.type, field.name));
    stored.fields.push_back({field.name, std::move(type), field.nullable});
  }
  return stored;
}

Result<std::unique_ptr<ChunkCast>> ChunkCast::Create(duckdb::ClientContext& context,
                                                     const Schema& from, const Schema& to) {
  if (from.fields.size() != to.fields.size()) {
    return Error::Bug("a cast from " + std::to_string(from.fields.size()) + " columns to " +
                      std::to_string(to.fields.size()));
  }
  return CatchDuckDB([&]() -> Result<std::unique_ptr<ChunkCast>> {
    return std::make_unique<ExpressionChunkCast>(context, from, to);
  });
}

}  // namespace weir::columnar
