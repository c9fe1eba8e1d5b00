// Records that avro-c wrote, read by our decoder: two implementations of one specification.
#include <avro.h>
#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string>

#include "duckdb/common/types/data_chunk.hpp"
#include "weir/columnar/codec/record_decode.h"

namespace weir::columnar {
namespace {

using duckdb::LogicalType;

constexpr const char* kSchema = R"({"type": "record", "name": "Row", "fields": [
  {"name": "b", "type": "boolean"}, {"name": "i", "type": "int"}, {"name": "l", "type": "long"},
  {"name": "f", "type": "float"}, {"name": "d", "type": "double"}, {"name": "s", "type": "string"},
  {"name": "y", "type": "bytes"}, {"name": "u", "type": ["null", "string"]},
  {"name": "x", "type": {"type": "fixed", "name": "X", "size": 3}},
  {"name": "e", "type": {"type": "enum", "name": "E", "symbols": ["red", "green", "blue"]}},
  {"name": "a", "type": {"type": "array", "items": {"type": "record", "name": "Item", "fields": [
    {"name": "n", "type": "long"}, {"name": "t", "type": ["null", "double"]}]}}},
  {"name": "m", "type": {"type": "map", "values": "int"}}]})";

class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}
  int64_t Up(int64_t most) { return static_cast<int64_t>(engine_() % static_cast<uint64_t>(most)); }
  // Of every length in bits.
  int64_t Number(int bits) {
    const auto number = static_cast<int64_t>(engine_() >> (64 - 1 - Up(bits - 1)));
    return Up(2) == 0 ? number : -number;
  }
  std::string Text(int64_t most) {
    std::string text;
    for (int64_t n = Up(most + 1); n > 0; --n) text += static_cast<char>('a' + Up(26));
    return text;
  }

 private:
  std::mt19937_64 engine_;
};

avro_value_t Part(avro_value_t* record, const char* name) {
  avro_value_t part;
  EXPECT_EQ(avro_value_get_by_name(record, name, &part, nullptr), 0) << avro_strerror();
  return part;
}

// Fills the record and returns what its row should look like, as "a|b|c".
std::string Fill(avro_value_t* record, Random& random) {
  const auto text_of = [](const duckdb::Value& value) { return value.ToString() + "|"; };
  std::string row;
  avro_value_t part = Part(record, "b");
  const bool b = random.Up(2) == 1;
  avro_value_set_boolean(&part, b ? 1 : 0);
  row += text_of(duckdb::Value::BOOLEAN(b));
  part = Part(record, "i");
  const auto i = static_cast<int32_t>(random.Number(31));
  avro_value_set_int(&part, i);
  row += text_of(duckdb::Value::INTEGER(i));
  part = Part(record, "l");
  const int64_t l = random.Number(63);
  avro_value_set_long(&part, l);
  row += text_of(duckdb::Value::BIGINT(l));
  part = Part(record, "f");
  const auto f = static_cast<float>(random.Number(20)) / 8;
  avro_value_set_float(&part, f);
  row += text_of(duckdb::Value::FLOAT(f));
  part = Part(record, "d");
  const double d = static_cast<double>(random.Number(40)) / 64;
  avro_value_set_double(&part, d);
  row += text_of(duckdb::Value::DOUBLE(d));
  part = Part(record, "s");
  const std::string s = random.Text(200);
  avro_value_set_string(&part, s.c_str());
  row += s + "|";
  part = Part(record, "y");
  std::string y = random.Text(9);
  avro_value_set_bytes(&part, y.data(), y.size());
  row += y + "|";
  part = Part(record, "u");
  avro_value_t branch;
  const std::string u = random.Text(5);
  const bool has_u = random.Up(2) == 1;
  avro_value_set_branch(&part, has_u ? 1 : 0, &branch);
  if (has_u) {
    avro_value_set_string(&branch, u.c_str());
  } else {
    avro_value_set_null(&branch);
  }
  row += (has_u ? u : "NULL") + "|";
  part = Part(record, "x");
  std::string x = "xyz";
  avro_value_set_fixed(&part, x.data(), x.size());
  row += x + "|";
  part = Part(record, "e");
  const int64_t e = random.Up(3);
  avro_value_set_enum(&part, static_cast<int>(e));
  row += std::string(e == 0 ? "red" : e == 1 ? "green" : "blue") + "|";
  part = Part(record, "a");
  row += "[";
  for (int64_t n = random.Up(5), k = 0; k < n; ++k) {
    avro_value_t item;
    avro_value_append(&part, &item, nullptr);
    avro_value_t field = Part(&item, "n");
    const int64_t number = random.Number(63);
    avro_value_set_long(&field, number);
    field = Part(&item, "t");
    const bool has_t = random.Up(2) == 1;
    avro_value_set_branch(&field, has_t ? 1 : 0, &branch);
    if (has_t) {
      avro_value_set_double(&branch, 0.25);
    } else {
      avro_value_set_null(&branch);
    }
    row += (k > 0 ? ", " : "") + ("{'n': " + std::to_string(number)) +
           (has_t ? ", 't': 0.25}" : ", 't': NULL}");
  }
  row += "]|{";
  part = Part(record, "m");
  const int64_t entries = random.Up(2);  // avro-c writes several in an order of its own
  for (int64_t k = 0; k < entries; ++k) {
    avro_value_t value;
    avro_value_add(&part, "key", &value, nullptr, nullptr);
    avro_value_set_int(&value, 7);
    row += "key=7";
  }
  return row + "}|";
}

TEST(RecordAvro, WhatAvroCWroteComesBack) {
  avro_schema_t schema;
  ASSERT_EQ(avro_schema_from_json_length(kSchema, std::string(kSchema).size(), &schema), 0)
      << avro_strerror();
  avro_value_iface_t* const type = avro_generic_class_from_schema(schema);
  Schema fields{{{"b", LogicalType::BOOLEAN},
                 {"i", LogicalType::INTEGER},
                 {"l", LogicalType::BIGINT},
                 {"f", LogicalType::FLOAT},
                 {"d", LogicalType::DOUBLE},
                 {"s", LogicalType::VARCHAR},
                 {"y", LogicalType::BLOB},
                 {"u", LogicalType::VARCHAR},
                 {"x", LogicalType::BLOB},
                 {"e", LogicalType::VARCHAR},
                 {"a", LogicalType::LIST(LogicalType::STRUCT(
                           {{"n", LogicalType::BIGINT}, {"t", LogicalType::DOUBLE}}))},
                 {"m", LogicalType::MAP(LogicalType::VARCHAR, LogicalType::INTEGER)}}};
  std::vector<RecordColumn> columns;
  for (size_t i = 0; i < fields.fields.size(); ++i) {
    columns.push_back({static_cast<int>(i), "", {}});
  }
  auto decoder = NewRecordDecoder({"avro", {{"schema", kSchema}}}, fields, columns);
  ASSERT_TRUE(decoder.ok()) << decoder.error().ToString();
  Random random(1);
  std::vector<std::string> written;
  std::vector<std::string> expected;
  for (int n = 0; n < 2000; ++n) {
    avro_value_t record;
    avro_generic_value_new(type, &record);
    expected.push_back(Fill(&record, random));
    std::string bytes(4096, '\0');
    avro_writer_t const writer =
        avro_writer_memory(bytes.data(), static_cast<int64_t>(bytes.size()));
    ASSERT_EQ(avro_value_write(writer, &record), 0) << avro_strerror();
    bytes.resize(static_cast<size_t>(avro_writer_tell(writer)));
    written.push_back(std::move(bytes));
    avro_writer_free(writer);
    avro_value_decref(&record);
  }
  std::vector<RecordBytes> records;
  for (const std::string& bytes : written) {
    records.push_back({bytes.data(), static_cast<uint32_t>(bytes.size())});
  }
  duckdb::DataChunk chunk;
  chunk.Initialize(duckdb::Allocator::DefaultAllocator(), fields.Types());
  std::vector<uint32_t> rows;
  auto decoded = (*decoder)->Decode(
      records, chunk, &rows, [&](uint32_t record, const std::string&, const std::string& reason) {
        ADD_FAILURE() << record << ": " << reason;
        return true;
      });
  ASSERT_TRUE(decoded.ok()) << decoded.error().ToString();
  chunk.Verify();
  ASSERT_EQ(rows.size(), written.size());
  for (size_t r = 0; r < rows.size(); ++r) {
    std::string row;
    for (size_t c = 0; c < chunk.ColumnCount(); ++c) row += chunk.GetValue(c, r).ToString() + "|";
    ASSERT_EQ(row, expected[r]);
  }
  avro_value_iface_decref(type);
  avro_schema_decref(schema);
}

}  // namespace
}  // namespace weir::columnar
