#include "weir/guard/odcs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "duckdb.hpp"
#include "weir/guard/odcs_types.h"

namespace weir::guard {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kHead[] =
    "apiVersion: v3.1.0\nkind: DataContract\nid: c-1\nversion: 1.2.0\nstatus: active\n";

Result<OdcsDocument> Parse(const std::string& body) {
  return ParseOdcs(kHead + body, "shop.odcs.yaml", {});
}

OdcsDocument MustParse(const std::string& body) {
  Result<OdcsDocument> document = Parse(body);
  EXPECT_TRUE(document.ok()) << document.error().ToString();
  return document.ok() ? std::move(document).value() : OdcsDocument{};
}

// The check with this name of the first table.
Check Named(const OdcsDocument& document, const std::string& name) {
  if (!document.tables.empty()) {
    for (const Check& check : document.tables[0].contract.checks) {
      if (check.name == name) return check;
    }
  }
  ADD_FAILURE() << "no check " << name;
  return {};
}

TEST(OdcsTest, SchemaBecomesColumnsKeysAndPartitions) {
  const OdcsDocument document = MustParse(R"yaml(
schema:
  - name: orders
    physicalName: orders_v2
    description: all orders
    properties:
      - {name: line, logicalType: integer, primaryKey: true, primaryKeyPosition: 2}
      - name: order_id
        physicalName: o_id
        logicalType: string
        primaryKey: true
        primaryKeyPosition: 1
      - {name: price, physicalType: "NUMBER(10, 2)", required: true}
      - {name: small, logicalType: integer, logicalTypeOptions: {format: i16}}
      - {name: sold, logicalType: timestamp, logicalTypeOptions: {timezone: true}}
      - {name: region, logicalType: string, partitioned: true, partitionKeyPosition: 1}
      - name: address
        logicalType: object
        properties:
          - {name: street, logicalType: string, required: true}
          - {name: zip, physicalType: varchar(10)}
      - name: tags
        logicalType: array
        items: {logicalType: string}
)yaml");
  ASSERT_THAT(document.tables, SizeIs(1));
  const OdcsTable& table = document.tables[0];
  EXPECT_EQ(document.Find("ORDERS"), &table);
  EXPECT_EQ(document.Find("orders_v2"), &table);
  EXPECT_EQ(document.Find(""), &table);
  EXPECT_EQ(document.Find("other"), nullptr);
  EXPECT_EQ(table.contract.source, "c-1 1.2.0");
  EXPECT_THAT(table.primary_key, ElementsAre("o_id", "line"));
  EXPECT_THAT(table.partition_columns, ElementsAre("region"));
  std::vector<std::string> types;
  for (const OdcsColumn& column : table.columns) types.push_back(column.name + " " + column.type);
  EXPECT_THAT(types,
              ElementsAre("line BIGINT", "o_id VARCHAR", "price DECIMAL(10,2)", "small SMALLINT",
                          "sold TIMESTAMPTZ", "region VARCHAR",
                          "address STRUCT(\"street\" VARCHAR, \"zip\" VARCHAR)", "tags VARCHAR[]"));
  EXPECT_EQ(Named(document, "price_required").expression, "\"price\" IS NOT NULL");
  EXPECT_EQ(Named(document, "address.street_required").expression,
            "\"address\" IS NULL OR \"address\".\"street\" IS NOT NULL");
  EXPECT_THAT(Named(document, "primary_key_unique").columns, ElementsAre("o_id", "line"));
  EXPECT_EQ(Named(document, "primary_key_not_null").where, "shop.odcs.yaml:8:5");
}

TEST(OdcsTest, MetricsThatAllowNothingJudgeRows) {
  const OdcsDocument document = MustParse(R"yaml(
schema:
  - name: t
    properties:
      - name: a
        logicalType: string
        quality:
          - {metric: nullValues, mustBe: 0}
          - {metric: duplicateValues, mustBeLessThan: 1}
          - id: gaps
            metric: missingValues
            mustBeLessOrEqualTo: 0
            arguments: {missingValues: [null, '', 'N/A']}
          - {id: dashes, metric: missingValues, mustBe: 0, arguments: {missingValues: ['-']}}
          - {id: unit, metric: invalidValues, mustBe: 0, arguments: {validValues: ['kg', "o'z"]}}
      - name: n
        logicalType: integer
        quality:
          - id: size
            metric: invalidValues
            mustBe: 0
            severity: warning
            arguments: {validValues: [1, 2]}
)yaml");
  EXPECT_EQ(Named(document, "a_nullValues").kind, CheckKind::kRow);
  EXPECT_EQ(Named(document, "a_nullValues").action, Action::kQuarantine);
  EXPECT_EQ(Named(document, "a_duplicateValues").kind, CheckKind::kUnique);
  EXPECT_EQ(Named(document, "gaps").expression, "\"a\" IS NOT NULL AND \"a\" NOT IN ('', 'N/A')");
  EXPECT_EQ(Named(document, "dashes").expression, "\"a\" IS NULL OR \"a\" NOT IN ('-')");
  EXPECT_EQ(Named(document, "unit").expression, "\"a\" IS NULL OR \"a\" IN ('kg', 'o''z')");
  EXPECT_EQ(Named(document, "size").expression, "\"n\" IS NULL OR \"n\" IN (1, 2)");
  EXPECT_EQ(Named(document, "size").action, Action::kWarn);
}

TEST(OdcsTest, OtherThresholdsJudgeTheTable) {
  const OdcsDocument document = MustParse(R"yaml(
schema:
  - name: t
    properties:
      - name: a
        logicalType: string
        quality:
          - {id: few, metric: nullValues, mustBeLessThan: 1, unit: percent}
          - {id: dup, metric: duplicateValues, mustBeLessThan: 10, severity: info}
      - {name: b, physicalName: bb, logicalType: string}
    quality:
      - {id: volume, metric: rowCount, mustBeBetween: [100, 120]}
      - {id: both, metric: duplicateValues, mustBe: 0, arguments: {properties: [a, B]}}
      - id: total
        type: sql
        query: SELECT count(*) FROM {object}
        mustBeGreaterThan: 0
        mustBeLessThan: 9
)yaml");
  const Check few = Named(document, "few");
  EXPECT_EQ(few.kind, CheckKind::kRatio);
  EXPECT_EQ(few.threshold, (Threshold{Comparison::kLess, 1, 0, true}));
  EXPECT_EQ(few.action, Action::kFail);
  EXPECT_EQ(Named(document, "dup").measure, Measure::kDuplicateRows);
  EXPECT_EQ(Named(document, "dup").action, Action::kWarn);
  EXPECT_EQ(Named(document, "volume").threshold,
            (Threshold{Comparison::kBetween, 100, 120, false}));
  EXPECT_THAT(Named(document, "both").columns, ElementsAre("a", "bb"));
  EXPECT_EQ(Named(document, "both").kind, CheckKind::kUnique);
  EXPECT_EQ(Named(document, "total").threshold.comparison, Comparison::kGreater);
  EXPECT_EQ(Named(document, "total_2").threshold.comparison, Comparison::kLess);
}

TEST(OdcsTest, AnActionOfItsOwn) {
  const OdcsDocument document = MustParse(R"yaml(
schema:
  - name: t
    properties:
      - name: a
        logicalType: integer
        quality:
          - id: positive
            type: custom
            engine: weir
            implementation: a > 0
            customProperties: [{property: onViolation, value: drop row}]
          - id: stop
            metric: nullValues
            mustBe: 0
            customProperties: [{property: onViolation, value: FAIL}]
          - id: table
            metric: nullValues
            mustBeLessThan: 5
            customProperties: [{property: onViolation, value: QUARANTINE}]
)yaml");
  EXPECT_EQ(Named(document, "positive").action, Action::kDropRow);
  EXPECT_EQ(Named(document, "positive").expression, "a > 0");
  EXPECT_EQ(Named(document, "stop").action, Action::kFail);
  EXPECT_EQ(Named(document, "table").action, Action::kFail);  // there is no row to set aside
}

TEST(OdcsTest, RelationshipsResolveByNameAndById) {
  const OdcsDocument document = MustParse(R"yaml(
schema:
  - name: orders
    relationships:
      - {from: [orders.buyer, orders.land], to: [people.pid, people.land]}
    properties:
      - name: buyer
        physicalName: buyer_id
        logicalType: string
        relationships: [{to: schema/people_obj/properties/pid_prop}]
      - name: land
        logicalType: string
        relationships: [{to: lands.code}, {to: "other.yaml#/schema/x/properties/y"}]
  - id: people_obj
    name: people
    physicalName: people_v1
    properties:
      - {id: pid_prop, name: pid, physicalName: person_id, logicalType: string}
      - {name: land, logicalType: string}
)yaml");
  const Check buyer = Named(document, "buyer_id_references_people_v1");
  EXPECT_EQ(buyer.kind, CheckKind::kReferences);
  EXPECT_THAT(buyer.columns, ElementsAre("buyer_id"));
  EXPECT_EQ(buyer.reference_table, "people_v1");
  EXPECT_THAT(buyer.reference_columns, ElementsAre("person_id"));
  const Check both = Named(document, "buyer_id_references_people_v1_2");
  EXPECT_THAT(both.columns, ElementsAre("buyer_id", "land"));
  EXPECT_THAT(both.reference_columns, ElementsAre("person_id", "land"));
  EXPECT_EQ(Named(document, "land_references_lands").reference_table, "lands");
  EXPECT_THAT(document.not_run, ElementsAre(HasSubstr("other.yaml")));
}

TEST(OdcsTest, ServiceLevelsBecomeFreshness) {
  const OdcsDocument document = MustParse(R"yaml(
schema:
  - {name: t, properties: [{name: ts, physicalName: event_ts, logicalType: timestamp}]}
slaProperties:
  - {property: latency, value: 4, unit: d, element: t.ts}
  - {property: freshness, value: 90, unit: minutes, element: event_ts}
  - {property: retention, value: 3, unit: y, element: t.ts}
  - {property: latency, value: 4, unit: d, element: other.ts}
)yaml");
  EXPECT_EQ(Named(document, "event_ts_fresh").fresh_within_us, 4 * 86'400'000'000LL);
  EXPECT_EQ(Named(document, "event_ts_fresh").action, Action::kWarn);
  EXPECT_EQ(Named(document, "event_ts_fresh_2").fresh_within_us, 90 * 60'000'000LL);
  EXPECT_THAT(document.not_run, ElementsAre(HasSubstr("retention"), HasSubstr("other.ts")));
}

TEST(OdcsTest, WhatCannotRunIsNamed) {
  const OdcsDocument document = MustParse(R"yaml(
schema:
  - name: t
    properties:
      - name: email
        logicalType: string
        logicalTypeOptions: {pattern: '^(?!x)', format: password}
        quality:
          - {id: verified, type: text, description: was verified}
          - {id: soda_rule, type: custom, engine: soda, implementation: {a: b}}
      - name: list
        logicalType: array
        items: {logicalType: string, logicalTypeOptions: {maxLength: 3}}
)yaml");
  EXPECT_THAT(document.tables[0].contract.checks, IsEmpty());
  EXPECT_THAT(document.not_run,
              ElementsAre(HasSubstr("look-around"), HasSubstr("password"), HasSubstr("verified"),
                          HasSubstr("soda"), HasSubstr("elements of a list")));
}

TEST(OdcsTest, RulesInsideObjectsAndListsAreNamed) {
  const OdcsDocument document = MustParse(R"yaml(
schema:
  - name: t
    properties:
      - name: o
        logicalType: object
        properties:
          - name: z
            logicalType: string
            primaryKey: true
            quality: [{metric: duplicateValues, mustBe: 0}]
      - name: l
        logicalType: array
        items:
          logicalType: string
          required: true
          quality: [{metric: duplicateValues, mustBe: 0}, {type: text, id: prose}]
)yaml");
  EXPECT_THAT(document.tables[0].contract.checks, IsEmpty());
  EXPECT_THAT(document.not_run,
              ElementsAre(HasSubstr("t.o.z: 'primaryKey'"), HasSubstr("t.o.z: duplicateValues"),
                          HasSubstr("t.l[]: duplicateValues"), HasSubstr("prose"),
                          HasSubstr("t.l[]: 'required'")));
}

TEST(OdcsTest, AUnitThatNobodyKnowsIsNotTakenForRows) {
  const OdcsDocument document = MustParse(R"yaml(
schema:
  - name: t
    properties:
      - name: a
        quality:
          - {id: sign, metric: nullValues, mustBeLessThan: 5, unit: '%'}
          - {id: odd, metric: nullValues, mustBeLessThan: 5, unit: permille}
)yaml");
  EXPECT_TRUE(Named(document, "sign").threshold.percent);
  EXPECT_THAT(document.tables[0].contract.checks, SizeIs(1));
  EXPECT_THAT(document.not_run, ElementsAre(HasSubstr("unit 'permille'")));
}

// A value of a list is the column's value, however the column's type would write it.
TEST(OdcsTest, ListsCompareValuesAndNotTheirText) {
  struct Case {
    const char* type;
    const char* list;
    const char* in;  // lists of SQL values
    const char* out;
  };
  duckdb::DuckDB database(nullptr);
  duckdb::Connection connection(database);
  for (const Case& c : std::vector<Case>{
           {"logicalType: number", "[-999, N/A]", "-999", "999, 0"},
           {"logicalType: number", "['1', '2.50']", "1, 2.5", "25"},
           {"physicalType: 'DECIMAL(10,2)'", "[-999, '']", "-999", "-99.9"},
           {"logicalType: integer", "[1, many]", "1", "2"},
           {"logicalType: boolean", "[true]", "true", "false"},
           {"logicalType: date", "['1900-01-01', N/A]", "DATE '1900-01-01'", "DATE '1900-01-02'"},
           {"logicalType: timestamp", "['1900-01-01', '2020-05-06T07:08:09']",
            "TIMESTAMP '1900-01-01', TIMESTAMP '2020-05-06 07:08:09'",
            "TIMESTAMP '1900-01-01 00:00:01'"},
           {"logicalType: timestamp", "[never]", "", "TIMESTAMP '1900-01-01 00:00:01'"},
           {"logicalType: string", "['1']", "'1'", "'1.0', ''"}}) {
    const OdcsDocument document = MustParse(
        "schema:\n  - {name: t, properties: [{name: v, " + std::string(c.type) +
        ", quality: [{id: valid, metric: invalidValues, mustBe: 0, arguments: {validValues: " +
        c.list + "}}, {id: missing, metric: missingValues, mustBe: 0, arguments: {missingValues: " +
        c.list + "}}]}]}");
    ASSERT_THAT(document.tables, SizeIs(1));
    for (const bool in : {true, false}) {
      auto rows = connection.Query("SELECT v, (" + Named(document, "valid").expression +
                                   ") IS TRUE, (" + Named(document, "missing").expression +
                                   ") IS TRUE FROM (SELECT CAST(unnest([" + (in ? c.in : c.out) +
                                   "]) AS " + document.tables[0].columns[0].type + ") AS v)");
      ASSERT_FALSE(rows->HasError()) << rows->GetError();
      for (size_t i = 0; i < rows->RowCount(); ++i) {
        EXPECT_EQ(rows->GetValue(1, i).GetValue<bool>(), in) << c.type << " " << c.list;
        EXPECT_EQ(rows->GetValue(2, i).GetValue<bool>(), !in) << c.type << " " << c.list;
      }
    }
  }
}

struct Refused {
  const char* body;
  const char* message;
  const char* fix;
};

TEST(OdcsTest, BrokenContractsAreRefusedWithPlaceAndFix) {
  for (const Refused& c : std::vector<Refused>{
           {"schema: {a: b}", "'schema' is not a list", ""},
           {"schema:\n  - {physicalName: x}", "has no 'name'", "add name:"},
           {"schema:\n  - {name: t, colums: []}", "no key 'colums'", ""},
           {"schema:\n  - {name: t, properties: [{name: a, requird: true}]}", "no key 'requird'",
            "did you mean 'required'?"},
           {"schema:\n  - {name: t, properties: [{name: a, required: maybe}]}",
            "neither true nor false", ""},
           {"schema:\n  - {name: t, properties: [{name: a, logicalType: text}]}",
            "unknown logicalType 'text'", "use string"},
           {"schema:\n  - {name: t, quality: [{metric: rowcount, mustBe: 1}]}",
            "unknown metric 'rowcount'", "rowCount"},
           {"schema:\n  - {name: t, quality: [{metric: rowCount}]}", "compared with nothing", ""},
           {"schema:\n  - {name: t, quality: [{metric: rowCount, mustBeBetween: [3]}]}",
            "list of two numbers", ""},
           {"schema:\n  - {name: t, quality: [{metric: rowCount, mustBeBetween: [3, 1]}]}",
            "larger number first", ""},
           {"schema:\n  - {name: t, quality: [{metric: rowCount, mustBeLesThan: 3}]}",
            "no key 'mustBeLesThan'", "did you mean 'mustBeLessThan'?"},
           {"schema:\n  - {name: t, quality: [{metric: nullValues, mustBe: 0}]}",
            "is about a property", "move the rule"},
           {"schema:\n  - {name: t, quality: [{type: sql, mustBe: 0}]}", "has no 'query'", ""},
           {"schema:\n  - {name: t, quality: [{type: soda}]}", "unknown type of rule 'soda'", ""},
           {"schema:\n  - {name: t, properties: [{name: a, relationships: [{from: t.a, to: "
            "t.a}]}]}",
            "says 'from'", "leave it out"},
           {"schema:\n  - {name: t, relationships: [{from: [t.a, t.b], to: [u.a]}], properties: "
            "[{name: a}, {name: b}]}",
            "'from' names 2", ""},
           {"schema:\n  - {name: t, properties: [{name: a, relationships: [{to: t.b}]}]}",
            "no property 'b'", ""},
           {"schema:\n  - {name: t, properties: [{name: a, logicalType: integer, "
            "logicalTypeOptions: {minimum: low}}]}",
            "minimum is not a number", ""},
           {"schema:\n  - {name: t, properties: [{name: a, quality: [], quality: []}]}",
            "has the key 'quality' twice", "under one key"},
           {"name: a\nname: b", "has the key 'name' twice", "under one key"},
           {"schema: [", "not YAML", ""}}) {
    const Result<OdcsDocument> document = Parse(c.body);
    ASSERT_FALSE(document.ok()) << c.body;
    EXPECT_EQ(document.error().actor(), Actor::kUser) << c.body;
    EXPECT_THAT(document.error().message(), HasSubstr(c.message)) << c.body;
    EXPECT_THAT(document.error().fix(), HasSubstr(c.fix)) << c.body;
    EXPECT_THAT(document.error().where(), HasSubstr("shop.odcs.yaml:")) << c.body;
  }
}

TEST(OdcsTest, OtherVersionsAndKindsAreRefused) {
  const auto parse = [](const std::string& text) { return ParseOdcs(text, "f", {}); };
  EXPECT_EQ(
      parse("apiVersion: v2.2.2\nkind: DataContract\nid: a\nversion: b\nstatus: c").error().code(),
      ErrorCode::kUnsupported);
  EXPECT_FALSE(parse("apiVersion: v3.1.0\nkind: Other\nid: a\nversion: b\nstatus: c").ok());
  EXPECT_FALSE(parse("apiVersion: v3.1.0\nkind: DataContract\nversion: b\nstatus: c").ok());
  EXPECT_FALSE(parse("just a text").ok());
  EXPECT_FALSE(parse("").ok());
}

TEST(OdcsTest, AFileHoldsOneContract) {
  const auto second = Parse("---\nkind: DataContract\n");
  ASSERT_FALSE(second.ok());
  EXPECT_THAT(second.error().message(), HasSubstr("more than one document"));
  EXPECT_TRUE(Parse("---\n").ok());
}

TEST(OdcsTest, DeepNestingHasALimit) {
  std::string body = "schema:\n  - name: t\n    properties:\n      - ";
  std::string property = "{name: a}";
  for (int i = 0; i < 40; ++i) {
    property = "{name: a, logicalType: object, properties: [" + property + "]}";
  }
  const Result<OdcsDocument> document = Parse(body + property);
  ASSERT_FALSE(document.ok());
  EXPECT_THAT(document.error().message(), HasSubstr("32 levels"));
}

// Every condition that the options make is SQL that DuckDB takes, true for values that the standard
// calls valid and not true for others.
TEST(OdcsTest, OptionsMeanWhatTheStandardSays) {
  struct Case {
    const char* property;  // without its name
    const char* valid;     // lists of SQL values
    const char* invalid;
  };
  duckdb::DuckDB database(nullptr);
  duckdb::Connection connection(database);
  for (const Case& c : std::vector<Case>{
           {"logicalType: integer, logicalTypeOptions: {minimum: 0, exclusiveMaximum: 10}",
            "0, 9, NULL", "-1, 10"},
           {"logicalType: number, logicalTypeOptions: {exclusiveMinimum: 0.5, maximum: 1e2}",
            "0.6, 100, NULL", "0.5, 100.5"},
           {"logicalType: integer, logicalTypeOptions: {multipleOf: 5}", "0, -10, 5, NULL", "3"},
           {"logicalType: number, logicalTypeOptions: {multipleOf: 0.1}",
            "0.3, 0.7, 1e6, 6e9, NULL", "0.35, 6e8 + 0.05, -7e11 - 0.03"},
           {"logicalType: number, logicalTypeOptions: {format: f32, multipleOf: 0.1}",
            "0.1, 0.3, 12.7", "0.35, 12.75"},
           {"logicalType: string, logicalTypeOptions: {minLength: 2, maxLength: 3}",
            "'ab', 'äöü', NULL", "'a', 'abcd'"},
           {"logicalType: string, logicalTypeOptions: {pattern: '^[A-Z]{2}'}", "'ABc', NULL",
            "'aAB', ''"},
           {"logicalType: date, logicalTypeOptions: {minimum: '2020-01-01', maximum: "
            "'2020-12-31'}",
            "DATE '2020-01-01', DATE '2020-12-31', NULL", "DATE '2019-12-31', DATE '2021-01-01'"},
           {"logicalType: timestamp, logicalTypeOptions: {timezone: true, minimum: '2020-01-01 "
            "00:00:00+10:00'}",
            "TIMESTAMPTZ '2019-12-31 14:00:00+00', NULL", "TIMESTAMPTZ '2019-12-31 13:59:59+00'"},
           {"logicalType: array, items: {logicalType: integer}, logicalTypeOptions: {minItems: 1, "
            "maxItems: 3, uniqueItems: true}",
            "[1], [1, 2, 3], NULL", "[]::BIGINT[], [1, 2, 3, 4], [1, 1]"},
           {"logicalType: string, logicalTypeOptions: {format: email}",
            "'a@b.ch', 'x.y+z@mail.example.org', NULL", "'a@b', 'a b@c.de', '@b.ch', 'a@b.'"},
           {"logicalType: string, logicalTypeOptions: {format: uuid}",
            "'123e4567-e89b-12d3-a456-426614174000'", "'123e4567e89b12d3a456426614174000', ''"},
           {"logicalType: string, logicalTypeOptions: {format: ipv4}", "'0.0.0.0', '255.10.9.1'",
            "'256.0.0.1', '1.2.3', '1.2.3.4.5'"},
           {"logicalType: string, logicalTypeOptions: {format: ipv6}",
            "'::1', 'fe80::1', '2001:db8:0:0:0:0:0:1', '::'", "':::', '12345::', '1.2.3.4'"},
           {"logicalType: string, logicalTypeOptions: {format: hostname}", "'a', 'a-b.example.org'",
            "'-a', 'a..b', ''"},
           {"logicalType: string, logicalTypeOptions: {format: uri}",
            "'https://a.b/c?d', 'urn:x:y'", "'//a', 'a b'"},
           {"logicalType: string, logicalTypeOptions: {format: byte}", "'YWJj', 'YWI=', ''",
            "'YWJ', 'Y=Jj'"},
           {"logicalType: object, properties: [{name: a, logicalType: string}], "
            "logicalTypeOptions: {required: [a]}",
            "{'a': 'x'}, NULL", "{'a': NULL}"}}) {
    const OdcsDocument document = MustParse("schema:\n  - {name: t, properties: [{name: v, " +
                                            std::string(c.property) + "}]}");
    ASSERT_THAT(document.tables, SizeIs(1));
    const OdcsTable& table = document.tables[0];
    ASSERT_FALSE(table.contract.checks.empty()) << c.property;
    std::string all;
    for (const Check& check : table.contract.checks) {
      all += (all.empty() ? "(" : " AND (") + check.expression + ")";
    }
    for (const bool valid : {true, false}) {
      auto rows = connection.Query("SELECT v, (" + all + ") IS TRUE FROM (SELECT CAST(unnest([" +
                                   (valid ? c.valid : c.invalid) + "]) AS " +
                                   table.columns[0].type + ") AS v)");
      ASSERT_FALSE(rows->HasError()) << rows->GetError();
      for (size_t i = 0; i < rows->RowCount(); ++i) {
        EXPECT_EQ(rows->GetValue(1, i).GetValue<bool>(), valid)
            << all << " of " << rows->GetValue(0, i).ToString();
      }
    }
  }
}

TEST(OdcsTypesTest, PhysicalTypesOfTheUsualDatabases) {
  EXPECT_EQ(TypeOfPhysical("varchar(18)"), "VARCHAR");
  EXPECT_EQ(TypeOfPhysical("NUMBER(10, 2)"), "DECIMAL(10,2)");
  EXPECT_EQ(TypeOfPhysical("decimal(5)"), "DECIMAL(5,0)");
  EXPECT_EQ(TypeOfPhysical("Timestamp(6)  with time zone"), "TIMESTAMPTZ");
  EXPECT_EQ(TypeOfPhysical("DOUBLE PRECISION"), "DOUBLE");
  EXPECT_EQ(TypeOfPhysical("INT"), "INTEGER");
  EXPECT_EQ(TypeOfPhysical("decimal(50,2)"), std::nullopt);
  EXPECT_EQ(TypeOfPhysical("decimal(2,3)"), std::nullopt);
  EXPECT_EQ(TypeOfPhysical("decimal(2,"), std::nullopt);
  EXPECT_EQ(TypeOfPhysical("geometry"), std::nullopt);
}

TEST(OdcsTypesTest, PatternsThatRe2CannotRun) {
  EXPECT_TRUE(PatternRuns("^(?:a|b)(?<name>c)\\(?=$"));
  EXPECT_FALSE(PatternRuns("(?=a)"));
  EXPECT_FALSE(PatternRuns("(?!a)"));
  EXPECT_FALSE(PatternRuns("(?<=a)b"));
  EXPECT_FALSE(PatternRuns("(a)\\1"));
}

TEST(OdcsTypesTest, Durations) {
  EXPECT_EQ(DurationUs(4, "d"), 4 * 86'400'000'000LL);
  EXPECT_EQ(DurationUs(1.5, "Hours"), 5'400'000'000LL);
  EXPECT_EQ(DurationUs(0, "d"), std::nullopt);
  EXPECT_EQ(DurationUs(1, "fortnight"), std::nullopt);
  EXPECT_EQ(DurationUs(1e300, "y"), std::nullopt);
}

}  // namespace
}  // namespace weir::guard
