#include "weir/sql/contract_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "weir/base/sim_env.h"

namespace weir::sql {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kContract[] = R"yaml(
apiVersion: v3.1.0
kind: DataContract
id: shop
version: 1.0.0
status: active
schema:
  - name: orders
    properties:
      - {name: id, logicalType: integer, primaryKey: true}
      - name: amount
        logicalType: number
        logicalTypeOptions: {minimum: 0}
        quality:
          - {id: looks_right, type: text, description: plausible}
)yaml";

class ContractFileTest : public ::testing::Test {
 protected:
  ContractFileTest() : env_(1) {
    EXPECT_TRUE(env_.CreateDirs("p").ok());
    EXPECT_TRUE(env_.WriteFileAtomic("p/orders.yaml", kContract).ok());
  }

  // The names of the first table's checks.
  std::vector<std::string> Load(const std::string& sql, const std::vector<std::string>& files) {
    auto project = ParseProject("p", {{"p/shop.sql", sql}});
    EXPECT_TRUE(project.ok()) << project.error().ToString();
    project_ = std::move(project).value();
    status_ = AddContractFiles(env_, files, project_.get());
    std::vector<std::string> names;
    for (const guard::Check& check : project_->tables[0]->checks) names.push_back(check.name);
    EXPECT_EQ(project_->tables[0]->check_places.size(), names.size());
    return names;
  }

  SimEnv env_;
  std::unique_ptr<Project> project_;
  Status status_;
};

TEST_F(ContractFileTest, ATableNamesItsFile) {
  EXPECT_THAT(Load("CREATE MATERIALIZED TABLE o WITH ('contract' = 'orders.yaml') AS SELECT 1 AS "
                   "id, 2 AS amount;",
                   {}),
              ElementsAre("amount_minimum", "primary_key_not_null", "primary_key_unique"));
  EXPECT_TRUE(status_.ok());
  EXPECT_THAT(project_->notes, ElementsAre(HasSubstr("looks_right")));
}

TEST_F(ContractFileTest, AFileForTheRunFindsItsTable) {
  EXPECT_THAT(
      Load("CREATE MATERIALIZED TABLE Orders AS SELECT 1 AS id, 2 AS amount;", {"p/orders.yaml"}),
      ElementsAre("amount_minimum", "primary_key_not_null", "primary_key_unique"));
  Load("CREATE MATERIALIZED TABLE other AS SELECT 1 AS id;", {"p/orders.yaml"});
  ASSERT_FALSE(status_.ok());
  EXPECT_THAT(status_.error().message(), HasSubstr("describes orders"));
}

TEST_F(ContractFileTest, WhatTheTableDeclaresWins) {
  const auto names = Load(
      "CREATE MATERIALIZED TABLE orders (PRIMARY KEY (ID) NOT ENFORCED, CONSTRAINT amount_minimum "
      "EXPECT (amount > 5) ON VIOLATION FAIL) AS SELECT 1 AS id, 2 AS amount;",
      {"p/orders.yaml"});
  EXPECT_THAT(names, ElementsAre("amount_minimum", "primary_key_not_null"));
  EXPECT_EQ(project_->tables[0]->checks[0].expression, "amount > 5");
}

TEST_F(ContractFileTest, AFileThatIsNotThereOrBroken) {
  Load("CREATE MATERIALIZED TABLE o WITH ('contract' = 'gone.yaml') AS SELECT 1 AS id;", {});
  ASSERT_FALSE(status_.ok());
  EXPECT_EQ(status_.error().code(), ErrorCode::kNotFound);
  ASSERT_TRUE(env_.WriteFileAtomic("p/broken.yaml", "schema: [").ok());
  Load("CREATE MATERIALIZED TABLE o WITH ('contract' = 'broken.yaml') AS SELECT 1 AS id;", {});
  ASSERT_FALSE(status_.ok());
  EXPECT_THAT(status_.error().where(), HasSubstr("p/broken.yaml:"));
}

TEST_F(ContractFileTest, WithoutFilesNothingChanges) {
  EXPECT_THAT(Load("CREATE MATERIALIZED TABLE orders AS SELECT 1 AS id;", {}), IsEmpty());
}

}  // namespace
}  // namespace weir::sql
