// GateContract: what every Gate promises, as a test suite. A layer includes it in ONE test file:
//
//   INSTANTIATE_TEST_SUITE_P(Guard, GateContract, ::testing::Values(GateCase{...}), GateCaseName);
//
// Gates of the suite look at the columns id BIGINT, name VARCHAR with two checks that reject:
// number 0 "id IS NULL OR id >= 0" and number 1 "name IS NOT NULL".
//
// Thread rule: gtest's.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "duckdb/common/types/data_chunk.hpp"
#include "duckdb/common/types/selection_vector.hpp"
#include "weir/columnar/ports.h"
#include "weir/columnar/testing/simulated_engine.h"

namespace weir::columnar::testing {

struct GateCase {
  std::string name;
  std::function<Result<std::unique_ptr<Gate>>(Engine&, duckdb::ClientContext&)> make;
};

inline void PrintTo(const GateCase& test_case, std::ostream* out) { *out << test_case.name; }
inline std::string GateCaseName(const ::testing::TestParamInfo<GateCase>& info) {
  return info.param.name;
}

class GateContract : public ::testing::TestWithParam<GateCase> {
 protected:
  GateContract() : world_(1) {
    chunk_.Initialize(world_.context(),
                      {duckdb::LogicalType::BIGINT, duckdb::LogicalType::VARCHAR});
  }
  void SetUp() override {
    auto gate = GetParam().make(world_.engine(), world_.context());
    ASSERT_TRUE(gate.ok()) << gate.error().ToString();
    gate_ = std::move(gate).value();
  }
  void TearDown() override { gate_.reset(); }

  // Row i: what the two functions say; asks the gate and compares with what must come out.
  void Check(size_t rows, const std::function<bool(size_t)>& bad_id,
             const std::function<bool(size_t)>& bad_name) {
    chunk_.Reset();
    for (size_t i = 0; i < rows; ++i) {
      const auto id = static_cast<int64_t>(i + 1);
      chunk_.SetValue(0, i,
                      i % 11 == 10 && !bad_id(i) ? duckdb::Value(duckdb::LogicalType::BIGINT)
                                                 : duckdb::Value::BIGINT(bad_id(i) ? -id : id));
      chunk_.SetValue(1, i,
                      bad_name(i) ? duckdb::Value(duckdb::LogicalType::VARCHAR)
                                  : duckdb::Value("x" + std::to_string(i)));
    }
    chunk_.SetCardinality(rows);
    std::vector<size_t> good, bad;
    std::vector<uint64_t> bits;
    for (size_t i = 0; i < rows; ++i) {
      const uint64_t verdict = (bad_id(i) ? 1u : 0u) | (bad_name(i) ? 2u : 0u);
      (verdict == 0 ? good : bad).push_back(i);
      if (verdict != 0) bits.push_back(verdict);
    }
    duckdb::SelectionVector accepted(STANDARD_VECTOR_SIZE), rejected(STANDARD_VECTOR_SIZE);
    std::vector<uint64_t> verdicts;
    auto result = gate_->Check(chunk_, accepted, rejected, verdicts);
    ASSERT_TRUE(result.ok()) << result.error().ToString();
    ASSERT_EQ(result->accepted, good.size());
    ASSERT_EQ(result->rejected, bad.size());
    for (size_t i = 0; i < good.size(); ++i) EXPECT_EQ(accepted.get_index(i), good[i]);
    for (size_t i = 0; i < bad.size(); ++i) {
      EXPECT_EQ(rejected.get_index(i), bad[i]);
      EXPECT_EQ(verdicts.at(i), bits[i]) << "row " << bad[i];
    }
  }

 private:
  SimulatedEngine world_;
  duckdb::DataChunk chunk_;
  std::unique_ptr<Gate> gate_;
};

TEST_P(GateContract, EveryRowIsAcceptedOrRejectedInOrder) {
  const auto never = [](size_t) { return false; };
  const auto always = [](size_t) { return true; };
  const auto thirds = [](size_t i) { return i % 3 == 0; };
  const auto fifths = [](size_t i) { return i % 5 == 0; };
  Check(100, thirds, fifths);
  Check(STANDARD_VECTOR_SIZE, never, never);
  Check(STANDARD_VECTOR_SIZE, always, always);
  Check(1, never, always);
  Check(0, never, never);
  Check(STANDARD_VECTOR_SIZE, fifths, thirds);  // nothing of the batches before is left
  Check(7, always, never);
}

}  // namespace weir::columnar::testing
