#include "weir/columnar/types.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "duckdb/common/types/data_chunk.hpp"
#include "weir/base/sim_env.h"
#include "weir/columnar/parquet_writer.h"
#include "weir/columnar/testing/engine_fixture.h"
#include "weir/columnar/testing/random_values.h"

namespace weir::columnar {
namespace {

using duckdb::LogicalType;
using ::testing::HasSubstr;
using testing::RandomValues;

class TypesTest : public testing::EngineFixture {
 protected:
  // The schema and rows of a query, cast to storable types; rows as text, one a line.
  struct Stored {
    Schema schema;
    std::string rows;
  };
  Result<Stored> Store(const std::string& sql) {
    WEIR_ASSIGN_OR_RETURN(auto rows, engine().Query(connection(), sql));
    Schema from;
    for (size_t i = 0; i < rows->types.size(); ++i) {
      from.fields.push_back({rows->names[i], rows->types[i]});
    }
    Stored stored;
    WEIR_ASSIGN_OR_RETURN(stored.schema, StorableSchema(from));
    WEIR_ASSIGN_OR_RETURN(auto cast, ChunkCast::Create(context(), from, stored.schema));
    EXPECT_EQ(cast->trivial(), from == stored.schema);
    while (auto chunk = rows->Fetch()) {
      if (chunk->size() == 0) break;
      WEIR_ASSIGN_OR_RETURN(duckdb::DataChunk * out, cast->Apply(*chunk));
      EXPECT_EQ(out->size(), chunk->size());
      for (size_t row = 0; row < out->size(); ++row) {
        for (size_t column = 0; column < out->ColumnCount(); ++column) {
          stored.rows += (column > 0 ? "|" : "") + out->GetValue(column, row).ToString();
        }
        stored.rows += "\n";
      }
    }
    return stored;
  }
};

struct StorableCase {
  const char* expression;
  const char* type;
  const char* value;
};

class StorableTypes : public TypesTest, public ::testing::WithParamInterface<StorableCase> {};

TEST_P(StorableTypes, AreCastWithoutLoss) {
  const auto stored = Store(std::string("SELECT ") + GetParam().expression + " AS x");
  ASSERT_TRUE(stored.ok()) << stored.error().ToString();
  EXPECT_EQ(stored->schema.fields[0].type.ToString(), GetParam().type);
  EXPECT_FALSE(stored->schema.fields[0].type.HasAlias());
  EXPECT_EQ(stored->rows, std::string(GetParam().value) + "\n");
}

INSTANTIATE_TEST_SUITE_P(
    All, StorableTypes,
    ::testing::Values(
        StorableCase{"true", "BOOLEAN", "true"}, StorableCase{"1::TINYINT", "TINYINT", "1"},
        StorableCase{"1::SMALLINT", "SMALLINT", "1"}, StorableCase{"1::INTEGER", "INTEGER", "1"},
        StorableCase{"1::BIGINT", "BIGINT", "1"}, StorableCase{"1.5::FLOAT", "FLOAT", "1.5"},
        StorableCase{"1.5::DOUBLE", "DOUBLE", "1.5"},
        StorableCase{"1.25::DECIMAL(9,3)", "DECIMAL(9,3)", "1.250"},
        StorableCase{"'a'", "VARCHAR", "a"}, StorableCase{"'a'::BLOB", "BLOB", "a"},
        StorableCase{"'ab' COLLATE NOCASE", "VARCHAR", "ab"},
        StorableCase{"DATE '2020-02-29'", "DATE", "2020-02-29"},
        StorableCase{"TIMESTAMP '2020-01-01 10:00:00.000001'", "TIMESTAMP",
                     "2020-01-01 10:00:00.000001"},
        StorableCase{"TIMESTAMPTZ '2020-01-01 10:00:00+01'", "TIMESTAMP WITH TIME ZONE",
                     "2020-01-01 09:00:00+00"},
        StorableCase{"255::UTINYINT", "SMALLINT", "255"},
        StorableCase{"65535::USMALLINT", "INTEGER", "65535"},
        StorableCase{"4294967295::UINTEGER", "BIGINT", "4294967295"},
        StorableCase{"18446744073709551615::UBIGINT", "DECIMAL(20,0)", "18446744073709551615"},
        StorableCase{"-99999999999999999999999999999999999999::HUGEINT", "DECIMAL(38,0)",
                     "-99999999999999999999999999999999999999"},
        StorableCase{"7::UHUGEINT", "DECIMAL(38,0)", "7"},
        StorableCase{"'00000000-0000-0000-0000-0000000000ff'::UUID", "VARCHAR",
                     "00000000-0000-0000-0000-0000000000ff"},
        StorableCase{"'b'::ENUM('a', 'b')", "VARCHAR", "b"},
        StorableCase{"'{\"a\": 1}'::JSON", "VARCHAR", "{\"a\": 1}"},
        StorableCase{"TIMESTAMP_S '2020-01-01 10:00:00'", "TIMESTAMP", "2020-01-01 10:00:00"},
        StorableCase{"TIMESTAMP_MS '2020-01-01 10:00:00.123'", "TIMESTAMP",
                     "2020-01-01 10:00:00.123"},
        StorableCase{"{'a': 1::UBIGINT, 'b': ['x'::ENUM('x')]}",
                     "STRUCT(a DECIMAL(20,0), b VARCHAR[])", "{'a': 1, 'b': [x]}"},
        StorableCase{"MAP {'k': 1::UTINYINT}", "MAP(VARCHAR, SMALLINT)", "{k=1}"},
        StorableCase{"array_value(1::UTINYINT, 2::UTINYINT)", "SMALLINT[]", "[1, 2]"},
        StorableCase{"NULL::UUID", "VARCHAR", "NULL"},
        StorableCase{"[NULL, 1]::UINTEGER[]", "BIGINT[]", "[NULL, 1]"}));

struct RefusedCase {
  const char* expression;
  const char* fix;
};

class RefusedTypes : public TypesTest, public ::testing::WithParamInterface<RefusedCase> {};

TEST_P(RefusedTypes, NameTheCastToWrite) {
  const auto stored = Store(std::string("SELECT ") + GetParam().expression + " AS \"my x\"");
  ASSERT_FALSE(stored.ok());
  EXPECT_EQ(stored.error().actor(), Actor::kUser);
  EXPECT_EQ(stored.error().code(), ErrorCode::kUnsupported);
  EXPECT_THAT(stored.error().message(), HasSubstr("'my x'"));
  EXPECT_THAT(stored.error().fix(), HasSubstr(GetParam().fix));
}

INSTANTIATE_TEST_SUITE_P(
    All, RefusedTypes,
    ::testing::Values(RefusedCase{"TIME '12:00'", "CAST(\"my x\" AS VARCHAR) AS \"my x\""},
                      RefusedCase{"TIMETZ '12:00:00+01'", "AS VARCHAR"},
                      RefusedCase{"INTERVAL 1 DAY", "epoch(\"my x\")"},
                      RefusedCase{"'101'::BIT", "AS VARCHAR"},
                      RefusedCase{"union_value(a := 1)", "union_extract"},
                      RefusedCase{"TIMESTAMP_NS '2020-01-01'", "AS TIMESTAMP)"},
                      RefusedCase{"123::BIGNUM", "AS VARCHAR"},
                      RefusedCase{"row(1, 2)", "struct_pack"},
                      RefusedCase{"[{'a': TIME '12:00'}]", "AS VARCHAR"},
                      RefusedCase{"MAP {INTERVAL 1 DAY: 1}", "AS VARCHAR"}));

TEST_F(TypesTest, ValuesThatDoNotFitNameTheColumn) {
  const auto stored =
      Store("SELECT 1 AS a, 100000000000000000000000000000000000000::HUGEINT AS big");
  ASSERT_FALSE(stored.ok());
  EXPECT_EQ(stored.error().actor(), Actor::kUser);
  EXPECT_THAT(stored.error().message(), HasSubstr("column 'big'"));
  EXPECT_THAT(stored.error().message(), HasSubstr("100000000000000000000000000000000000000"));
}

TEST_F(TypesTest, NullWithoutATypeIsRefused) {
  const auto stored = StorableType(LogicalType::SQLNULL, "x");
  ASSERT_FALSE(stored.ok());
  EXPECT_THAT(stored.error().fix(), HasSubstr("CAST(NULL AS VARCHAR)"));
}

TEST_F(TypesTest, NamesMustDifferByMoreThanCase) {
  EXPECT_FALSE(StorableSchema({{{"a", LogicalType::INTEGER}, {"A", LogicalType::INTEGER}}}).ok());
  EXPECT_FALSE(StorableSchema({{{"", LogicalType::INTEGER}}}).ok());
}

TEST_F(TypesTest, UnchangedColumnsAreReferenced) {
  const Schema schema{{{"a", LogicalType::INTEGER}, {"b", LogicalType::UTINYINT}}};
  auto cast = ChunkCast::Create(context(), schema, *StorableSchema(schema));
  ASSERT_TRUE(cast.ok());
  duckdb::DataChunk chunk;
  chunk.Initialize(context(), schema.Types());
  for (int round = 0; round < 3; ++round) {  // what is kept between calls does no harm
    chunk.Reset();
    chunk.SetValue(0, 0, duckdb::Value::INTEGER(round));
    chunk.SetValue(1, 0, duckdb::Value::UTINYINT(static_cast<uint8_t>(200 + round)));
    chunk.SetCardinality(1);
    auto out = (*cast)->Apply(chunk);
    ASSERT_TRUE(out.ok()) << out.error().ToString();
    EXPECT_EQ((*out)->GetValue(1, 0).ToString(), std::to_string(200 + round));
    EXPECT_EQ(duckdb::FlatVector::GetData((*out)->data[0]),
              duckdb::FlatVector::GetData(chunk.data[0]));
  }
}

// Random schemas and values: what is written is read back, value for value and type for type.
class RoundTrip : public testing::EngineFixture, public ::testing::WithParamInterface<int> {};

TEST_P(RoundTrip, ThroughParquet) {
  SimEnv seeded(static_cast<uint64_t>(GetParam()));
  RandomValues random(seeded);
  const Schema schema = random.RandomSchema(6);
  SCOPED_TRACE(schema.ToString());
  const size_t row_count = 1 + random.Below(3000);
  auto writer =
      ParquetWriter::Create(context(), Path("t.parquet"), schema,
                            {.compression = random.Below(2) == 0 ? ParquetCompression::kSnappy
                                                                 : ParquetCompression::kZstd,
                             .row_group_rows = 2048});
  ASSERT_TRUE(writer.ok()) << writer.error().ToString();
  auto local = (*writer)->NewLocal(context());
  ASSERT_TRUE(local.ok()) << local.error().ToString();

  std::vector<std::vector<duckdb::Value>> rows(row_count);
  duckdb::DataChunk chunk;
  chunk.Initialize(context(), schema.Types());
  for (size_t row = 0; row < row_count; ++row) {
    const size_t at = row % STANDARD_VECTOR_SIZE;
    for (size_t column = 0; column < schema.fields.size(); ++column) {
      rows[row].push_back(random.Value(schema.fields[column].type));
      chunk.SetValue(column, at, rows[row].back());
    }
    chunk.SetCardinality(at + 1);
    if (at + 1 == STANDARD_VECTOR_SIZE || row + 1 == row_count) {
      const Status written = (*local)->Write(context(), chunk);
      ASSERT_TRUE(written.ok()) << written.error().ToString();
      chunk.Reset();
    }
  }
  ASSERT_TRUE((*local)->Finish(context()).ok());
  auto stats = (*writer)->Close(context());
  ASSERT_TRUE(stats.ok()) << stats.error().ToString();
  EXPECT_EQ(stats->rows, static_cast<int64_t>(row_count));

  auto read =
      engine().Query(connection(), "SELECT * FROM read_parquet(" + Quoted("t.parquet") + ")");
  ASSERT_TRUE(read.ok()) << read.error().ToString();
  ASSERT_EQ((*read)->RowCount(), row_count);
  for (size_t column = 0; column < schema.fields.size(); ++column) {
    EXPECT_EQ((*read)->names[column], schema.fields[column].name);
    EXPECT_EQ((*read)->types[column], schema.fields[column].type);
  }
  auto collection = (*read)->Collection().GetRows();
  for (size_t row = 0; row < row_count; ++row) {
    for (size_t column = 0; column < schema.fields.size(); ++column) {
      const duckdb::Value got = collection.GetValue(column, row);
      ASSERT_TRUE(duckdb::Value::NotDistinctFrom(got, rows[row][column]))
          << "row " << row << ", " << schema.fields[column].name << ": wrote "
          << rows[row][column].ToString() << ", read " << got.ToString();
    }
  }

  // Statistics bound the values: DuckDB itself says so.
  for (const ParquetColumnStats& column : stats->columns) {
    std::string expression;
    for (const std::string& name : column.path) {
      expression += (expression.empty() ? "" : ".") + QuoteName(name);
    }
    const std::string from = " FROM read_parquet(" + Quoted("t.parquet") + ") ";
    EXPECT_EQ(Ask("SELECT count(*)" + from + "WHERE " + expression + " IS NULL"),
              std::to_string(column.nulls))
        << expression;
    if (!column.min || !column.max) continue;
    const int field = schema.Find(column.path[0]);
    duckdb::LogicalType type = schema.fields[field].type;
    for (size_t level = 1; level < column.path.size(); ++level) {
      for (const auto& child : duckdb::StructType::GetChildTypes(type)) {
        if (child.first == column.path[level]) {
          type = duckdb::LogicalType(child.second);
          break;
        }
      }
    }
    if (type.id() == duckdb::LogicalTypeId::BLOB) continue;  // hexadecimal digits
    const std::string bound = "CAST(" + QuoteLiteral(*column.min) + " AS " + type.ToString() +
                              ") AND CAST(" + QuoteLiteral(*column.max) + " AS " + type.ToString() +
                              ")";
    const std::string outside = "WHERE " + expression + " NOT BETWEEN " + bound +
                                (column.has_nan ? " AND NOT isnan(" + expression + ")" : "");
    EXPECT_EQ(Ask("SELECT count(*)" + from + outside), "0") << expression << " " << bound;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RoundTrip, ::testing::Range(1, 21));

}  // namespace
}  // namespace weir::columnar
