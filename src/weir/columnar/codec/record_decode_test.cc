#include "weir/columnar/codec/record_decode.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "duckdb/common/types/data_chunk.hpp"

namespace weir::columnar {
namespace {

using duckdb::LogicalType;

Schema Fields(const std::vector<std::pair<std::string, LogicalType>>& fields) {
  Schema schema;
  for (const auto& [name, type] : fields) schema.fields.push_back({name, type});
  return schema;
}

// Rows as "number: a|b" lines, failures before them as "!number column: reason".
std::string DecodeAll(const RecordFormatOptions& format, const Schema& fields,
                      const std::vector<std::optional<std::string>>& records,
                      std::vector<int> wanted = {}) {
  if (wanted.empty()) {
    for (size_t i = 0; i < fields.fields.size(); ++i) wanted.push_back(static_cast<int>(i));
  }
  std::vector<RecordColumn> columns;
  duckdb::vector<LogicalType> types;
  for (const int field : wanted) {
    columns.push_back({field, "", {}});
    types.push_back(fields.fields[static_cast<size_t>(field)].type);
  }
  auto decoder = NewRecordDecoder(format, fields, columns);
  if (!decoder.ok()) return decoder.error().ToString();
  std::vector<RecordBytes> bytes;
  for (const auto& record : records) {
    RecordBytes entry;
    if (record) entry = {record->data(), static_cast<uint32_t>(record->size())};
    bytes.push_back(entry);
  }
  duckdb::DataChunk chunk;
  chunk.Initialize(duckdb::Allocator::DefaultAllocator(), types);
  std::vector<uint32_t> rows;
  std::string out;
  // Twice: a decoder keeps nothing from call to call.
  for (int round = 0; round < 2; ++round) {
    out.clear();
    chunk.Reset();
    auto decoded = (*decoder)->Decode(
        bytes, chunk, &rows,
        [&](uint32_t record, const std::string& column, const std::string& reason) {
          out += "!" + std::to_string(record) + " " + column + ": " + reason + "\n";
          return true;
        });
    if (!decoded.ok()) return decoded.error().ToString();
    EXPECT_TRUE(*decoded);
    EXPECT_EQ(rows.size(), chunk.size());
    chunk.Verify();
    for (size_t r = 0; r < chunk.size(); ++r) {
      out += std::to_string(rows[r]) + ": ";
      for (size_t c = 0; c < chunk.ColumnCount(); ++c) {
        out += (c > 0 ? "|" : "") + chunk.GetValue(c, r).ToString();
      }
      out += "\n";
    }
  }
  return out;
}

TEST(RecordDecode, JsonGivesEachRecordARowOrAReason) {
  const Schema fields = Fields({{"id", LogicalType::BIGINT}, {"name", LogicalType::VARCHAR}});
  EXPECT_EQ(DecodeAll({"json", {}}, fields,
                      {R"({"id": 1, "name": "a\nb"})", std::nullopt, "{\"id\":\n2}",
                       R"({"id": "x"})", "  ", R"({"id": 3)", R"({"ID": 4, "more": {"x": []}})"}),
            "!1 : the record has no value (a tombstone)\n"
            "!4 : the record is empty\n"
            "!3 id: $.id: cannot cast 'x' to BIGINT\n"
            "!5 : not JSON: a bracket is missing\n"
            "0: 1|a\nb\n2: 2|NULL\n6: 4|NULL\n");
}

TEST(RecordDecode, JsonErrorsAreIgnoredWhenAsked) {
  const Schema fields = Fields({{"id", LogicalType::BIGINT}});
  EXPECT_EQ(DecodeAll({"json", {{"ignore-parse-errors", "true"}}}, fields,
                      {R"({"id": "x"})", std::nullopt, "{", R"({"id": 2})"}),
            "0: NULL\n3: 2\n");
}

TEST(RecordDecode, CsvIsOneLineARecord) {
  const Schema fields = Fields({{"id", LogicalType::INTEGER}, {"name", LogicalType::VARCHAR}});
  EXPECT_EQ(DecodeAll({"csv", {}}, fields,
                      {"1,a", "2,\"b,\"\"c\"\"\nd\"\n", "3", "4,x\n5,y", "six,z", "7,\"open",
                       "8,\xff", "9,\r\n"}),
            "!3 : 2 lines where a record is one\n"
            "!5 : a quote is never closed\n"
            "!6 : byte 2 is not UTF-8\n"
            "!2 : 1 field where 2 are expected\n"
            "!4 id: cannot cast 'six' to INTEGER\n"
            "0: 1|a\n1: 2|b,\"c\"\nd\n7: 9|NULL\n");
  EXPECT_EQ(DecodeAll({"csv", {{"field-delimiter", ";"}, {"null-literal", "-"}}}, fields,
                      {"1;-", "-;x"}, {1, 0}),
            "0: NULL|1\n1: x|NULL\n");
}

TEST(RecordDecode, RawIsTheWholeRecord) {
  EXPECT_EQ(DecodeAll({"raw", {}}, Fields({{"line", LogicalType::VARCHAR}}),
                      {"a b", std::nullopt, "", "\xff"}),
            "!3 line: the record is not UTF-8\n0: a b\n1: NULL\n2: \n");
  const std::string seven("\0\0\0\0\0\0\0\7", 8);
  EXPECT_EQ(DecodeAll({"raw", {}}, Fields({{"n", LogicalType::BIGINT}}), {seven, "7"}),
            "!1 n: 1 bytes where BIGINT has 8\n0: 7\n");
  EXPECT_EQ(DecodeAll({"raw", {{"endianness", "little-endian"}}},
                      Fields({{"n", LogicalType::SMALLINT}}), {std::string("\7\0", 2)}),
            "0: 7\n");
  const std::string one_and_a_half("\x3f\xc0\0\0", 4);
  EXPECT_EQ(DecodeAll({"raw", {}}, Fields({{"x", LogicalType::FLOAT}}), {one_and_a_half}),
            "0: 1.5\n");
}

// Avro's binary encoding, by hand (specification, "Binary Encoding").
std::string Z(int64_t number) {
  uint64_t n = static_cast<uint64_t>(number) << 1 ^ static_cast<uint64_t>(number >> 63);
  std::string out;
  for (; n >= 0x80; n >>= 7) out += static_cast<char>(n | 0x80);
  return out + static_cast<char>(n);
}
std::string S(const std::string& text) { return Z(static_cast<int64_t>(text.size())) + text; }

TEST(RecordDecode, AvroOfTheColumnsIsAUnionWithNullEach) {
  const Schema fields = Fields({{"id", LogicalType::BIGINT},
                                {"name", LogicalType::VARCHAR},
                                {"price", LogicalType::DECIMAL(9, 2)},
                                {"day", LogicalType::DATE},
                                {"at", LogicalType::TIMESTAMP_TZ}});
  const std::string good =
      Z(1) + Z(-3) + Z(1) + S("hé") + Z(1) + S("\x01\x2c") + Z(1) + Z(31) + Z(1) + Z(1'000'000);
  const std::string nulls = Z(0) + Z(0) + Z(0) + Z(0) + Z(0);
  const std::string negative = Z(0) + Z(0) + Z(1) + S("\xff") + Z(0) + Z(0);
  EXPECT_EQ(DecodeAll({"avro", {}}, fields,
                      {good, nulls, good + "x", good.substr(0, 5), Z(2), std::nullopt, negative}),
            "!2 : not Avro of this schema: 1 bytes follow the record\n"
            "!3 : not Avro of this schema: 3 bytes are wanted where 1 are left\n"
            "!4 : not Avro of this schema: a union has no branch 2\n"
            "!5 : the record has no value (a tombstone)\n"
            "0: -3|hé|3.00|1970-02-01|1970-01-01 00:00:01+00\n"
            "1: NULL|NULL|NULL|NULL|NULL\n"
            "6: NULL|NULL|-0.01|NULL|NULL\n");
}

TEST(RecordDecode, AvroOfAGivenSchema) {
  const std::string schema = R"({"type": "record", "name": "Order", "namespace": "shop", "fields": [
    {"name": "skipped", "type": {"type": "map", "values": "Node"}},
    {"name": "items", "type": {"type": "array", "items": {"type": "record", "name": "Item",
      "fields": [{"name": "sku", "type": "string"}, {"name": "n", "type": ["int", "null"]}]}}},
    {"name": "state", "type": {"type": "enum", "name": "State", "symbols": ["new", "paid"]}},
    {"name": "ms", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    {"name": "tags", "type": ["null", {"type": "map", "values": "double"}]},
    {"name": "hash", "type": {"type": "fixed", "name": "Hash", "size": 2}}]})";
  std::string with_node = schema;
  with_node.replace(with_node.find("\"Node\""), 6,
                    R"({"type": "record", "name": "Node", "fields": [)"
                    R"({"name": "next", "type": ["null", "shop.Node"]}]})");
  const Schema fields =
      Fields({{"hash", LogicalType::BLOB},
              {"STATE", LogicalType::VARCHAR},
              {"items", LogicalType::LIST(LogicalType::STRUCT(
                            {{"n", LogicalType::TINYINT}, {"sku", LogicalType::VARCHAR}}))},
              {"ms", LogicalType::TIMESTAMP},
              {"tags", LogicalType::MAP(LogicalType::VARCHAR, LogicalType::DOUBLE)}});
  const std::string two(8, '\0');
  std::string half = two;
  half[6] = '\xe0';
  half[7] = '\x3f';  // 0.5
  const std::string nodes = Z(1) + S("a") + Z(1) + Z(0) + Z(0);
  const std::string items = Z(-1) + Z(4) + S("x") + Z(0) + Z(5) + Z(1) + S("y") + Z(1) + Z(0);
  const std::string rest = Z(1) + Z(1500) + Z(1) + Z(1) + S("k") + half + Z(0) + "ab";
  const std::string big_item = Z(1) + S("x") + Z(0) + Z(300) + Z(0);
  EXPECT_EQ(DecodeAll({"avro", {{"schema", with_node}}}, fields,
                      {nodes + items + rest, nodes + big_item + rest,
                       Z(0) + Z(0) + Z(0) + Z(0) + Z(0) + "cd"}),
            "!1 : not Avro of this schema: 300 does not fit TINYINT\n"
            "0: ab|paid|[{'n': 5, 'sku': x}, {'n': NULL, 'sku': y}]|1970-01-01 00:00:01.5|{k=0.5}\n"
            "2: cd|new|[]|1970-01-01 00:00:00|NULL\n");
  EXPECT_NE(
      DecodeAll({"avro", {{"schema", with_node}}}, Fields({{"stat", LogicalType::VARCHAR}}), {})
          .find("no field for column 'stat'"),
      std::string::npos);
  EXPECT_NE(DecodeAll({"avro", {{"schema", with_node}}}, Fields({{"ms", LogicalType::VARCHAR}}), {})
                .find("can't hold Avro's timestamp-millis"),
            std::string::npos);
  EXPECT_NE(DecodeAll({"avro", {{"schema", schema}}}, fields, {}).find("no type 'Node'"),
            std::string::npos);
}

TEST(RecordDecode, AvroLengthsAreNotBelieved) {
  const Schema fields = Fields({{"a", LogicalType::LIST(LogicalType::BIGINT)}});
  EXPECT_EQ(DecodeAll({"avro", {}}, fields,
                      {Z(1) + Z(int64_t{1} << 60), Z(1) + Z(-1) + Z(1 << 30),
                       Z(1) + Z(1) + Z(1) + std::string(10, '\xff'), "\x01"}),
            "!0 : not Avro of this schema: a block has more items than bytes\n"
            "!1 : not Avro of this schema: a block is longer than the record\n"
            "!2 : not Avro of this schema: a number has more than 64 bits\n"
            "!3 : not Avro of this schema: a union has no branch -1\n");
}

TEST(RecordDecode, DebeziumRowsAreWhatCameAfter) {
  const Schema fields = Fields({{"id", LogicalType::BIGINT}, {"name", LogicalType::VARCHAR}});
  const std::string create = R"({"before":null,"after":{"id":1,"name":"a"},"op":"c","ts_ms":5})";
  const std::string wrapped = R"({"schema":{"type":"struct"},"payload":)" + create + "}";
  const std::string update =
      R"({"before":{"id":1},"after":{"id":1,"name":"b"},"op":"u","source":{"table":"t"}})";
  EXPECT_EQ(DecodeAll({"debezium-json", {}}, fields,
                      {create, wrapped, update, "", std::nullopt, "{\"id\": 1}", R"({"op":"t"})",
                       R"({"op":"c","after":{"id":"x"}})", R"({"op":"u","after":null})", "[]",
                       "{\"op\":\"c\""}),
            "!5 : no Debezium envelope: it has no 'op'\n"
            "!6 : op \"t\" is none of c, r, u and d\n"
            "!8 : op \"u\" without a row\n"
            "!9 : not a JSON object\n"
            "!10 : not JSON: a bracket is missing\n"
            "!7 id: $.id: cannot cast 'x' to BIGINT\n"
            "0: 1|a\n1: 1|a\n2: 1|b\n");
}

TEST(RecordDecode, DebeziumDeletesAreNeverLostUnsaid) {
  const Schema fields = Fields({{"id", LogicalType::BIGINT}});
  const std::string gone = R"({"before":{"id":7},"after":null,"op":"d"})";
  EXPECT_NE(DecodeAll({"debezium-json", {}}, fields, {gone}).find("METADATA FROM 'value.op'"),
            std::string::npos);
  EXPECT_EQ(DecodeAll({"debezium-json", {{"deletes", "ignore"}}}, fields, {gone}), "");
  EXPECT_EQ(DecodeAll({"debezium-json", {{"deletes", "quarantine"}}}, fields, {gone}),
            "!0 : a delete (op \"d\")\n");
  // With a column that says so they are rows, also for a query that does not ask for it.
  EXPECT_EQ(DecodeAll({"debezium-json", {}, true}, fields, {gone}), "0: 7\n");
}

TEST(RecordDecode, WhatAFormatCantHoldIsRefused) {
  const Schema two = Fields({{"a", LogicalType::BIGINT}, {"b", LogicalType::VARCHAR}});
  EXPECT_NE(DecodeAll({"raw", {}}, two, {}).find("one column, 2 are"), std::string::npos);
  EXPECT_NE(DecodeAll({"raw", {}}, Fields({{"d", LogicalType::DATE}}), {}).find("'d' of type DATE"),
            std::string::npos);
  EXPECT_NE(DecodeAll({"raw", {{"endianness", "big"}}}, Fields({{"d", LogicalType::BIGINT}}), {})
                .find("big-endian"),
            std::string::npos);
  EXPECT_NE(DecodeAll({"json", {{"ignore-parse-errors", "yes"}}}, two, {})
                .find("'json.ignore-parse-errors' = 'yes'"),
            std::string::npos);
}

}  // namespace
}  // namespace weir::columnar
