// CatalogContract: what every Catalog promises, as a test suite. A layer includes it in ONE test
// file. The suite makes the table `orders` (id BIGINT).
//
//   INSTANTIATE_TEST_SUITE_P(Server, CatalogContract, ::testing::Values(CatalogCase{...}),
//                            CatalogCaseName);
//
// Thread rule: gtest's.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <ostream>
#include <string>

#include "duckdb/common/types/data_chunk.hpp"
#include "weir/columnar/ports.h"
#include "weir/columnar/testing/simulated_engine.h"

namespace weir::columnar::testing {

struct CatalogCase {
  std::string name;
  std::string connector;  // one that the catalog knows
  std::function<Result<std::unique_ptr<Catalog>>(Engine&, const std::string& folder)> make;
};

inline void PrintTo(const CatalogCase& test_case, std::ostream* out) { *out << test_case.name; }
inline std::string CatalogCaseName(const ::testing::TestParamInfo<CatalogCase>& info) {
  return info.param.name;
}

class CatalogContract : public ::testing::TestWithParam<CatalogCase> {
 protected:
  CatalogContract() : world_(1) {}
  void SetUp() override {
    ASSERT_TRUE(world_.env().CreateDirsSynced("/project").ok());
    auto catalog = GetParam().make(world_.engine(), "/project");
    ASSERT_TRUE(catalog.ok()) << catalog.error().ToString();
    catalog_ = std::move(catalog).value();
  }
  void TearDown() override { catalog_.reset(); }

  SimulatedEngine world_;
  std::unique_ptr<Catalog> catalog_;
};

TEST_P(CatalogContract, UnknownConnectorsNameTheNearest) {
  SourceDeclaration declaration;
  declaration.name = "orders_raw";
  declaration.base_folder = "/project";
  declaration.options["connector"] = GetParam().connector + "x";
  auto typo = catalog_->OpenSource(declaration);
  ASSERT_FALSE(typo.ok());
  EXPECT_EQ(typo.error().actor(), Actor::kUser);
  EXPECT_NE(typo.error().ToString().find("'" + GetParam().connector + "'"), std::string::npos)
      << typo.error().ToString();
  declaration.options.clear();
  auto none = catalog_->OpenSource(declaration);
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().actor(), Actor::kUser);
  EXPECT_NE(none.error().ToString().find("connector"), std::string::npos)
      << none.error().ToString();
}

TEST_P(CatalogContract, ATableIsThereOnceItsFirstEpochIsCommitted) {
  auto absent = catalog_->Table("orders");
  ASSERT_FALSE(absent.ok());
  EXPECT_EQ(absent.error().code(), ErrorCode::kNotFound);

  SinkOptions options;
  options.flow_id = "flow-1";
  options.schema.fields = {{"id", duckdb::LogicalType::BIGINT}};
  options.now_us = world_.env().NowMicros();
  options.memory_bytes = 16 << 20;
  auto sink = catalog_->OpenSink("orders", options);
  ASSERT_TRUE(sink.ok()) << sink.error().ToString();
  auto writer = (*sink)->OpenWriter(world_.context());
  ASSERT_TRUE(writer.ok()) << writer.error().ToString();
  duckdb::DataChunk chunk;
  chunk.Initialize(world_.context(), options.schema.Types());
  chunk.SetValue(0, 0, duckdb::Value::BIGINT(42));
  chunk.SetCardinality(1);
  ASSERT_TRUE((*writer)->Write(world_.context(), chunk).ok());
  ASSERT_TRUE((*writer)->Finish(world_.context()).ok());
  auto token = (*sink)->Prepare(1);
  ASSERT_TRUE(token.ok()) << token.error().ToString();
  EXPECT_FALSE(catalog_->Table("orders").ok());

  auto committer = catalog_->Committer("orders");
  ASSERT_TRUE(committer.ok()) << committer.error().ToString();
  auto committed = (*committer)->Commit(*token);
  ASSERT_TRUE(committed.ok()) << committed.error().ToString();
  auto table = catalog_->Table("orders");
  ASSERT_TRUE(table.ok()) << table.error().ToString();
  auto files = (*table)->Files(nullptr);
  ASSERT_TRUE(files.ok());
  auto rows = world_.Rows(*files, (*table)->schema());
  ASSERT_TRUE(rows.ok()) << rows.error().ToString();
  EXPECT_EQ(*rows, std::vector<std::string>{"42"});
}

}  // namespace weir::columnar::testing
