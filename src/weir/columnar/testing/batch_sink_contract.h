// BatchSinkContract: what every BatchSink with its SinkCommitter and FileTable promises, as a test
// suite on simulated files, with crashes at the operations of an epoch. A layer includes it in ONE
// test file and instantiates it for each of its sinks:
//
//   INSTANTIATE_TEST_SUITE_P(Delta, BatchSinkContract, ::testing::Values(SinkCase{...}),
//   SinkCaseName);
//
// Crashes come at each crash_step-th operation; with WEIR_CRASH_EVERYWHERE set, as the test
// sweep/LAYER of `./dev test slow` does, at every single one.
//
// Tables of the suite have the columns id BIGINT, name VARCHAR, part INTEGER.
//
// Thread rule: gtest's.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "duckdb/common/types/data_chunk.hpp"
#include "weir/columnar/ports.h"
#include "weir/columnar/testing/simulated_engine.h"

namespace weir::columnar::testing {

// One table of the sink under test; made anew after each crash.
class SinkHarness {
 public:
  virtual ~SinkHarness() = default;
  virtual Result<std::unique_ptr<BatchSink>> OpenSink(const SinkOptions& options) = 0;
  virtual Result<std::shared_ptr<SinkCommitter>> Committer() = 0;
  // The newest version; kNotFound before the first commit.
  virtual Result<std::shared_ptr<FileTable>> Table() = 0;
  // Files that lie there staged and belong to no version.
  virtual Result<int64_t> StagedFiles() = 0;
};

struct SinkCase {
  std::string name;
  std::function<std::unique_ptr<SinkHarness>(Engine&, const std::string& folder)> make;
  std::vector<std::string> partition_columns{};
  bool overwrites_where = true;
  bool upserts = true;
  bool adds_columns = true;  // SinkOptions::allow_new_columns
  bool overwrites = true;
  // Not a multiple of 3: the kinds of crashes come by turns.
  uint64_t crash_step = 5;
};

inline void PrintTo(const SinkCase& test_case, std::ostream* out) { *out << test_case.name; }
inline std::string SinkCaseName(const ::testing::TestParamInfo<SinkCase>& info) {
  return info.param.name;
}

class BatchSinkContract : public ::testing::TestWithParam<SinkCase> {
 protected:
  struct Row {
    int64_t id;
    std::optional<std::string> name;
    int32_t part;
    int64_t order = 0;  // upserts: of equal keys the greatest wins
  };
  using Rows = std::vector<Row>;

  BatchSinkContract() { Begin(1); }

  // A new world with an empty folder.
  void Begin(uint64_t seed) {
    harness_.reset();
    world_ = std::make_unique<SimulatedEngine>(seed);
    ASSERT_TRUE(world_->env().CreateDirsSynced(kFolder).ok());
    harness_ = GetParam().make(world_->engine(), kFolder);
  }
  // As if the process had been killed, or the power lost.
  void CrashAndBegin(SimEnv::CrashKind kind) {
    harness_.reset();
    world_->CrashAndStart(kind);
    harness_ = GetParam().make(world_->engine(), kFolder);
  }

  SimEnv& env() { return world_->env(); }
  duckdb::ClientContext& context() { return world_->context(); }
  SinkHarness& harness() { return *harness_; }

  static Schema TableSchema() {
    return {{{"id", duckdb::LogicalType::BIGINT},
             {"name", duckdb::LogicalType::VARCHAR},
             {"part", duckdb::LogicalType::INTEGER}}};
  }
  SinkOptions Options(WriteMode mode = {}, const std::string& flow = "flow-1") {
    SinkOptions options;
    options.flow_id = flow;
    options.mode = std::move(mode);
    options.schema = TableSchema();
    options.partition_columns = GetParam().partition_columns;
    options.now_us = env().NowMicros();
    options.memory_bytes = 16 << 20;
    return options;
  }
  static WriteMode Overwrite(const std::string& where = "") {
    WriteMode mode;
    mode.kind = WriteMode::Kind::kOverwrite;
    mode.overwrite_where = where;
    return mode;
  }
  static WriteMode Upsert() {
    WriteMode mode;
    mode.kind = WriteMode::Kind::kUpsert;
    mode.keys = {"id"};
    return mode;
  }

  // Rows id = first .. first + count - 1, named "n<id>", in two parts.
  static Rows Range(int64_t first, int64_t count) {
    Rows rows;
    for (int64_t id = first; id < first + count; ++id) {
      rows.push_back({id, "n" + std::to_string(id), static_cast<int32_t>(id % 2)});
    }
    return rows;
  }
  static std::vector<std::string> Texts(const Rows& rows) {
    std::vector<std::string> texts;
    for (const Row& row : rows) {
      texts.push_back(std::to_string(row.id) + "|" + row.name.value_or("NULL") + "|" +
                      std::to_string(row.part));
    }
    std::sort(texts.begin(), texts.end());
    return texts;
  }
  static Rows Join(Rows a, const Rows& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
  }

  Status Write(SinkWriter& writer, const Rows& rows, const WriteMode& mode) {
    duckdb::vector<duckdb::LogicalType> types = TableSchema().Types();
    const bool ordered = mode.kind == WriteMode::Kind::kUpsert;
    if (ordered) types.insert(types.end(), 2, duckdb::LogicalType::BIGINT);
    duckdb::DataChunk chunk;
    for (size_t at = 0; at < rows.size(); at += STANDARD_VECTOR_SIZE) {
      chunk.Destroy();
      chunk.Initialize(world_->context(), types);
      const size_t count = std::min<size_t>(rows.size() - at, STANDARD_VECTOR_SIZE);
      for (size_t i = 0; i < count; ++i) {
        const Row& row = rows[at + i];
        chunk.SetValue(0, i, duckdb::Value::BIGINT(row.id));
        chunk.SetValue(
            1, i,
            row.name ? duckdb::Value(*row.name) : duckdb::Value(duckdb::LogicalType::VARCHAR));
        chunk.SetValue(2, i, duckdb::Value::INTEGER(row.part));
        if (ordered) {
          chunk.SetValue(3, i, duckdb::Value::BIGINT(row.order));
          chunk.SetValue(4, i, duckdb::Value::BIGINT(static_cast<int64_t>(at + i)));
        }
      }
      chunk.SetCardinality(count);
      WEIR_RETURN_IF_ERROR(writer.Write(world_->context(), chunk));
    }
    return Status::Ok();
  }

  Result<std::string> Prepare(uint64_t epoch, const Rows& rows, const SinkOptions& options) {
    WEIR_ASSIGN_OR_RETURN(auto sink, harness_->OpenSink(options));
    WEIR_ASSIGN_OR_RETURN(auto writer, sink->OpenWriter(world_->context()));
    WEIR_RETURN_IF_ERROR(Write(*writer, rows, options.mode));
    WEIR_RETURN_IF_ERROR(writer->Finish(world_->context()));
    return sink->Prepare(epoch);
  }
  Result<CommitResult> Commit(const std::string& token) {
    WEIR_ASSIGN_OR_RETURN(auto committer, harness_->Committer());
    return committer->Commit(token);
  }
  Result<CommitResult> RunEpoch(uint64_t epoch, const Rows& rows, const SinkOptions& options) {
    WEIR_ASSIGN_OR_RETURN(const std::string token, Prepare(epoch, rows, options));
    return Commit(token);
  }

  // What a reader sees now; no table is no rows.
  Result<std::vector<std::string>> Visible() {
    auto table = harness_->Table();
    if (!table.ok() && table.error().code() == ErrorCode::kNotFound) {
      return std::vector<std::string>();
    }
    if (!table.ok()) return table.error();
    WEIR_ASSIGN_OR_RETURN(const auto files, (*table)->Files(nullptr));
    return RowsOf(files);
  }
  Result<std::vector<std::string>> RowsOf(const std::vector<ParquetFile>& files) {
    return world_->Rows(files, TableSchema());
  }
  void ExpectVisible(const Rows& rows) {
    auto visible = Visible();
    ASSERT_TRUE(visible.ok()) << visible.error().ToString();
    EXPECT_EQ(*visible, Texts(rows));
  }
  void ExpectOk(const Result<CommitResult>& result) {
    EXPECT_TRUE(result.ok()) << result.error().ToString();
  }
  void ExpectNothingStaged() {
    auto staged = harness_->StagedFiles();
    ASSERT_TRUE(staged.ok()) << staged.error().ToString();
    EXPECT_EQ(*staged, 0);
  }

  // Crashes at operations of an epoch that comes after one with rows 0 to 3, by turns as a killed
  // process and as a power loss, and looks at what is left. `rarer`: at so many times fewer.
  void CrashAtOperations(const WriteMode& mode, const Rows& rows, const Rows& after,
                         uint64_t rarer = 1) {
    const SinkCase& sink = GetParam();
    const bool everywhere = RealEnv().Variable("WEIR_CRASH_EVERYWHERE").has_value();
    const uint64_t step = everywhere ? 1 : sink.crash_step * rarer;
    const bool keyed = mode.kind == WriteMode::Kind::kUpsert;
    bool crashed = true;
    for (uint64_t at = 1; crashed; at += step) {
      SCOPED_TRACE("crash at operation " + std::to_string(at));
      Begin(at);
      ExpectOk(RunEpoch(1, Range(0, 4), Options(keyed ? Upsert() : WriteMode())));
      env().CrashAtOperation(at);
      std::optional<std::string> token;
      {
        auto prepared = Prepare(2, rows, Options(mode));
        if (prepared.ok()) {
          token = *prepared;
          (void)Commit(*token);
        }
      }
      crashed = env().crashed();
      CrashAndBegin(at % 3 == 0 ? SimEnv::CrashKind::kProcessKilled
                                : SimEnv::CrashKind::kPowerLost);
      if (token) {
        ExpectOk(Commit(*token));
      } else {
        ExpectVisible(Range(0, 4));
        ExpectOk(RunEpoch(2, rows, Options(mode)));
      }
      ExpectVisible(after);
      if (!keyed) {
        ExpectOk(RunEpoch(3, Range(100, 1), Options()));
        ExpectVisible(Join(after, Range(100, 1)));
      }
      ExpectNothingStaged();
      if (HasFailure()) break;
      ASSERT_LT(at, 1000u) << sink.name << " never ends";
    }
  }

  static constexpr const char* kFolder = "/warehouse/tables/t";

 private:
  std::unique_ptr<SimulatedEngine> world_;
  std::unique_ptr<SinkHarness> harness_;
};

TEST_P(BatchSinkContract, NothingIsVisibleBeforeCommit) {
  const Rows rows = Range(0, 10);
  auto sink = harness().OpenSink(Options());
  ASSERT_TRUE(sink.ok()) << sink.error().ToString();
  ExpectVisible({});
  auto token = Prepare(1, rows, Options());
  ASSERT_TRUE(token.ok()) << token.error().ToString();
  ExpectVisible({});
  auto committed = Commit(*token);
  ASSERT_TRUE(committed.ok()) << committed.error().ToString();
  EXPECT_FALSE(committed->already_done);
  EXPECT_EQ(committed->rows_added, 10);
  EXPECT_EQ(committed->rows_removed, 0);
  ExpectVisible(rows);
}

TEST_P(BatchSinkContract, CommitTwiceIsOnce) {
  auto token = Prepare(1, Range(0, 10), Options());
  ASSERT_TRUE(token.ok()) << token.error().ToString();
  auto first = Commit(*token);
  ASSERT_TRUE(first.ok()) << first.error().ToString();
  auto second = Commit(*token);
  ASSERT_TRUE(second.ok()) << second.error().ToString();
  EXPECT_TRUE(second->already_done);
  EXPECT_EQ(second->version, first->version);
  ExpectVisible(Range(0, 10));
  // Also behind a later epoch.
  ExpectOk(RunEpoch(2, Range(10, 5), Options()));
  auto third = Commit(*token);
  ASSERT_TRUE(third.ok()) << third.error().ToString();
  EXPECT_TRUE(third->already_done);
  ExpectVisible(Range(0, 15));
}

TEST_P(BatchSinkContract, TheTokenIsAllThatANewProcessNeeds) {
  auto token = Prepare(1, Range(0, 3000), Options());
  ASSERT_TRUE(token.ok()) << token.error().ToString();
  CrashAndBegin(SimEnv::CrashKind::kPowerLost);
  ExpectVisible({});
  ExpectOk(Commit(*token));
  ExpectVisible(Range(0, 3000));
  CrashAndBegin(SimEnv::CrashKind::kPowerLost);
  ExpectVisible(Range(0, 3000));
  auto again = Commit(*token);
  ASSERT_TRUE(again.ok()) << again.error().ToString();
  EXPECT_TRUE(again->already_done);
}

TEST_P(BatchSinkContract, AbortLeavesNothing) {
  ExpectOk(RunEpoch(1, Range(0, 10), Options()));
  auto token = Prepare(2, Range(10, 10), Options());
  ASSERT_TRUE(token.ok()) << token.error().ToString();
  auto committer = harness().Committer();
  ASSERT_TRUE(committer.ok());
  EXPECT_TRUE((*committer)->Abort(*token).ok());
  EXPECT_TRUE((*committer)->Abort(*token).ok());
  ExpectNothingStaged();
  ExpectVisible(Range(0, 10));
  // The epoch can be tried again.
  ExpectOk(RunEpoch(2, Range(10, 5), Options()));
  ExpectVisible(Range(0, 15));
}

TEST_P(BatchSinkContract, ASinkThatIsForgottenLeavesNothingForLong) {
  {
    auto sink = harness().OpenSink(Options());
    ASSERT_TRUE(sink.ok()) << sink.error().ToString();
    auto writer = (*sink)->OpenWriter(context());
    ASSERT_TRUE(writer.ok()) << writer.error().ToString();
    ASSERT_TRUE(Write(**writer, Range(0, 5000), {}).ok());
  }
  ExpectVisible({});
  ExpectOk(RunEpoch(1, Range(0, 10), Options()));  // the next attempt of the flow cleans up
  ExpectNothingStaged();
  ExpectVisible(Range(0, 10));
}

TEST_P(BatchSinkContract, WritersOfOneSinkAreOneEpoch) {
  auto sink = harness().OpenSink(Options());
  ASSERT_TRUE(sink.ok()) << sink.error().ToString();
  auto a = (*sink)->OpenWriter(context());
  auto b = (*sink)->OpenWriter(context());
  ASSERT_TRUE(a.ok() && b.ok());
  ASSERT_TRUE(Write(**a, Range(0, 3000), {}).ok());
  ASSERT_TRUE(Write(**b, Range(3000, 10), {}).ok());
  ASSERT_TRUE(Write(**a, Range(3010, 10), {}).ok());
  ASSERT_TRUE((*b)->Finish(context()).ok());
  ASSERT_TRUE((*a)->Finish(context()).ok());
  auto token = (*sink)->Prepare(1);
  ASSERT_TRUE(token.ok()) << token.error().ToString();
  EXPECT_EQ((*sink)->totals().rows, 3020);
  EXPECT_GT((*sink)->totals().bytes, 0);
  EXPECT_GE((*sink)->totals().files, 1);
  ExpectVisible({});
  auto committed = Commit(*token);
  ASSERT_TRUE(committed.ok()) << committed.error().ToString();
  EXPECT_EQ(committed->rows_added, 3020);
  EXPECT_EQ(committed->files_added, (*sink)->totals().files);
  ExpectVisible(Range(0, 3020));
}

TEST_P(BatchSinkContract, EpochsAppend) {
  for (uint64_t epoch = 1; epoch <= 4; ++epoch) {
    ExpectOk(RunEpoch(epoch, Range(static_cast<int64_t>(epoch - 1) * 7, 7), Options()));
  }
  ExpectVisible(Range(0, 28));
}

TEST_P(BatchSinkContract, AnEpochWithoutRows) {
  ExpectOk(RunEpoch(1, {}, Options()));
  ExpectVisible({});
  ExpectOk(RunEpoch(2, Range(0, 3), Options()));
  ExpectOk(RunEpoch(3, {}, Options()));
  ExpectVisible(Range(0, 3));
}

TEST_P(BatchSinkContract, NullsAndOddText) {
  const Rows rows = {{1, std::nullopt, 0}, {2, "", 1}, {3, "a/b=c %d ä 漢\n'\"", 0}};
  ExpectOk(RunEpoch(1, rows, Options()));
  ExpectVisible(rows);
}

TEST_P(BatchSinkContract, OverwriteReplacesEverything) {
  if (!GetParam().overwrites) GTEST_SKIP() << "not a mode of this sink";
  ExpectOk(RunEpoch(1, Range(0, 10), Options()));
  auto replaced = RunEpoch(2, Range(100, 3), Options(Overwrite()));
  ASSERT_TRUE(replaced.ok()) << replaced.error().ToString();
  EXPECT_EQ(replaced->rows_added, 3);
  EXPECT_EQ(replaced->rows_removed, 10);
  ExpectVisible(Range(100, 3));
  ExpectOk(RunEpoch(3, {}, Options(Overwrite())));
  ExpectVisible({});
}

TEST_P(BatchSinkContract, OverwriteWhereReplacesExactlyThoseRows) {
  if (!GetParam().overwrites_where) GTEST_SKIP() << "not a mode of this sink";
  ExpectOk(RunEpoch(1, Join(Range(0, 10), {{10, std::nullopt, 1}}), Options()));
  const Rows odd = {{101, "x", 1}, {103, "y", 1}};
  ExpectOk(RunEpoch(2, odd, Options(Overwrite("part = 1"))));
  ExpectVisible(Join({{0, "n0", 0}, {2, "n2", 0}, {4, "n4", 0}, {6, "n6", 0}, {8, "n8", 0}}, odd));
  // Rows for which it is NULL stay; so does the rest of a file that holds some of both.
  ExpectOk(RunEpoch(3, {{7, "a", 0}}, Options(Overwrite("name < 'n5' OR name = 'x'"))));
  ExpectVisible({{6, "n6", 0}, {8, "n8", 0}, {103, "y", 1}, {7, "a", 0}});
}

TEST_P(BatchSinkContract, UpsertKeepsTheGreatestOrder) {
  if (!GetParam().upserts) GTEST_SKIP() << "not a mode of this sink";
  // Within one epoch, whatever order they come in.
  ExpectOk(RunEpoch(1, {{1, "new", 1, 5}, {1, "old", 1, 4}, {2, "two", 0, 1}}, Options(Upsert())));
  ExpectVisible({{1, "new", 1}, {2, "two", 0}});
  // A later epoch replaces, also across partitions, and adds.
  auto result =
      RunEpoch(2, {{2, "2b", 1, 9}, {3, "three", 1, 9}, {2, "2a", 0, 8}}, Options(Upsert()));
  ASSERT_TRUE(result.ok()) << result.error().ToString();
  ExpectVisible({{1, "new", 1}, {2, "2b", 1}, {3, "three", 1}});
  // Many keys, over batches.
  Rows many;
  for (int64_t id = 0; id < 5000; ++id) many.push_back({id, "m", static_cast<int32_t>(id % 2), 20});
  ExpectOk(RunEpoch(3, many, Options(Upsert())));
  ExpectVisible(many);
}

TEST_P(BatchSinkContract, FlowsDoNotLoseEachOthersRows) {
  ExpectOk(RunEpoch(1, Range(0, 4), Options()));
  auto mine = Prepare(2, Range(10, 4), Options());
  auto other = Prepare(1, Range(20, 4), Options({}, "flow-2"));
  ASSERT_TRUE(mine.ok() && other.ok());
  ExpectOk(Commit(*other));
  ExpectOk(Commit(*mine));
  ExpectVisible(Join(Join(Range(0, 4), Range(10, 4)), Range(20, 4)));
}

TEST_P(BatchSinkContract, AnotherSchemaIsRefused) {
  ExpectOk(RunEpoch(1, Range(0, 4), Options()));
  SinkOptions options = Options();
  options.schema.fields[1].type = duckdb::LogicalType::DOUBLE;
  auto sink = harness().OpenSink(options);
  ASSERT_FALSE(sink.ok());
  EXPECT_EQ(sink.error().actor(), Actor::kUser) << sink.error().ToString();
  EXPECT_NE(sink.error().ToString().find("name"), std::string::npos) << sink.error().ToString();
  options = Options();
  options.schema.fields.push_back({"extra", duckdb::LogicalType::VARCHAR});
  EXPECT_FALSE(harness().OpenSink(options).ok());
  if (GetParam().adds_columns) {
    options.allow_new_columns = true;
    auto widened = harness().OpenSink(options);
    EXPECT_TRUE(widened.ok()) << widened.error().ToString();
  }
  ExpectVisible(Range(0, 4));
}

TEST_P(BatchSinkContract, VersionsAreImmutableAndAppendedSinceIsTheTail) {
  ExpectOk(RunEpoch(1, Range(0, 4), Options()));
  auto first = harness().Table();
  ASSERT_TRUE(first.ok()) << first.error().ToString();
  const int64_t version = (*first)->version();
  EXPECT_EQ((*first)->schema().Names(), TableSchema().Names());
  EXPECT_EQ((*first)->schema().Types(), TableSchema().Types());
  EXPECT_EQ((*first)->partition_columns(), GetParam().partition_columns);

  ExpectOk(RunEpoch(2, Range(4, 3), Options()));
  auto second = harness().Table();
  ASSERT_TRUE(second.ok());
  EXPECT_GT((*second)->version(), version);
  auto tail = (*second)->AppendedSince(version);
  ASSERT_TRUE(tail.ok() && tail->has_value());
  auto tail_rows = RowsOf(**tail);
  ASSERT_TRUE(tail_rows.ok()) << tail_rows.error().ToString();
  EXPECT_EQ(*tail_rows, Texts(Range(4, 3)));
  auto nothing = (*second)->AppendedSince((*second)->version());
  ASSERT_TRUE(nothing.ok() && nothing->has_value());
  EXPECT_TRUE((*nothing)->empty());

  if (GetParam().overwrites) {
    ExpectOk(RunEpoch(3, Range(50, 1), Options(Overwrite())));
    auto third = harness().Table();
    ASSERT_TRUE(third.ok());
    auto lost = (*third)->AppendedSince(version);
    ASSERT_TRUE(lost.ok()) << lost.error().ToString();
    EXPECT_FALSE(lost->has_value());
  }

  // Who still holds the first version reads its rows.
  auto files = (*first)->Files(nullptr);
  ASSERT_TRUE(files.ok());
  auto old_rows = RowsOf(*files);
  ASSERT_TRUE(old_rows.ok()) << old_rows.error().ToString();
  EXPECT_EQ(*old_rows, Texts(Range(0, 4)));
}

// Prepared means: kept, and committed once the token is brought again. Not prepared means: not
// there, and the epoch can be run again.
TEST_P(BatchSinkContract, ACrashAtAnyOperation) {
  CrashAtOperations({}, Range(4, 6), Range(0, 10));
}

TEST_P(BatchSinkContract, ACrashAtAnyOperationOfAnOverwrite) {
  if (!GetParam().overwrites) GTEST_SKIP() << "not a mode of this sink";
  CrashAtOperations(Overwrite(), Range(4, 6), Range(4, 6), 2);
}

TEST_P(BatchSinkContract, ACrashAtAnyOperationOfAnUpsert) {
  if (!GetParam().upserts) GTEST_SKIP() << "not a mode of this sink";
  CrashAtOperations(Upsert(), {{1, "new", 0, 9}, {2, "new", 0, 9}, {7, "new", 1, 9}},
                    {{0, "n0", 0}, {1, "new", 0}, {2, "new", 0}, {3, "n3", 1}, {7, "new", 1}}, 2);
}

TEST_P(BatchSinkContract, AFullDiskFailsTheEpochOnly) {
  ExpectOk(RunEpoch(1, Range(0, 4), Options()));
  const uint64_t capacity = SimOptions().capacity_bytes;
  auto free = env().FreeDiskBytes(kFolder);
  ASSERT_TRUE(free.ok());
  env().SetCapacity(capacity - *free + 2000);
  Rows rows;
  for (int64_t id = 100; id < 6000; ++id) rows.push_back({id, std::to_string(id * id * id), 0});
  auto full = RunEpoch(2, rows, Options());
  ASSERT_FALSE(full.ok());
  EXPECT_EQ(full.error().code(), ErrorCode::kNoSpace) << full.error().ToString();
  EXPECT_EQ(full.error().actor(), Actor::kOperator);
  env().SetCapacity(capacity);
  ExpectVisible(Range(0, 4));
  ExpectOk(RunEpoch(2, Range(4, 2), Options()));
  ExpectVisible(Range(0, 6));
  ExpectNothingStaged();
}

}  // namespace weir::columnar::testing
