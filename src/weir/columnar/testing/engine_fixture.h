// EngineFixture: a gtest fixture with an engine on the real machine, a connection and a folder that
// is gone after the test. For tests of this layer and of connectors.
//
// Thread rule: the test's own thread.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "duckdb/main/client_context.hpp"
#include "duckdb/main/connection.hpp"
#include "duckdb/main/materialized_query_result.hpp"
#include "weir/base/env.h"
#include "weir/columnar/engine.h"

namespace weir::columnar::testing {

class EngineFixture : public ::testing::Test {
 protected:
  EngineFixture() {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    std::string name = std::string(info->test_suite_name()) + "_" + info->name();
    for (char& c : name) {
      if (c == '/') c = '_';
    }
    folder_ = JoinPath(::testing::TempDir(),
                       "weir_" + std::to_string(RealEnv().ProcessId()) + "_" + name);
  }

  void SetUp() override {
    ASSERT_TRUE(RealEnv().RemoveTree(folder_).ok());
    ASSERT_TRUE(RealEnv().CreateDirs(folder_).ok());
    Open({.memory_bytes = uint64_t{1} << 30, .threads = 2, .spill_dir = folder_ + "/spill"});
  }
  void TearDown() override {
    connection_.reset();
    engine_.reset();
    EXPECT_TRUE(RealEnv().RemoveTree(folder_).ok());
  }

  // Starts over with other options.
  void Open(const EngineOptions& options) {
    connection_.reset();
    engine_.reset();
    auto engine = Engine::Open(RealEnv(), options);
    ASSERT_TRUE(engine.ok()) << engine.error().ToString();
    engine_ = std::move(engine).value();
    auto connection = engine_->Connect();
    ASSERT_TRUE(connection.ok()) << connection.error().ToString();
    connection_ = std::move(connection).value();
  }
  void Close() {
    connection_.reset();
    engine_.reset();
  }

  Engine& engine() { return *engine_; }
  duckdb::Connection& connection() { return *connection_; }
  duckdb::ClientContext& context() { return *connection_->context; }
  const std::string& folder() const { return folder_; }

  std::string Path(const std::string& name) const { return folder_ + "/" + name; }
  std::string Quoted(const std::string& name) const { return QuoteLiteral(Path(name)); }

  // The rows as "a|b\nc|d", or "error: ..." .
  std::string Ask(const std::string& sql) {
    auto result = engine_->Query(*connection_, sql);
    if (!result.ok()) return "error: " + result.error().ToString();
    std::string text;
    for (size_t row = 0; row < (*result)->RowCount(); ++row) {
      if (row > 0) text += "\n";
      for (size_t column = 0; column < (*result)->ColumnCount(); ++column) {
        if (column > 0) text += "|";
        text += (*result)->GetValue(column, row).ToString();
      }
    }
    return text;
  }
  // The error of a statement that must fail.
  Error Fail(const std::string& sql) {
    auto result = engine_->Query(*connection_, sql);
    if (result.ok()) return Error::Bug("should have failed: " + sql);
    return result.error();
  }
  void WriteText(const std::string& name, const std::string& text) {
    ASSERT_TRUE(RealEnv().CreateDirs(ParentPath(Path(name))).ok());
    ASSERT_TRUE(RealEnv().WriteFileAtomic(Path(name), text).ok());
  }

 private:
  std::string folder_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<duckdb::Connection> connection_;
};

}  // namespace weir::columnar::testing
