#include "weir/connect/kafka/staged_records.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "weir/base/sim_env.h"

namespace weir::connect {
namespace {

constexpr const char* kPath = "/staged/1.records";

class StagedRecords : public ::testing::Test {
 protected:
  StagedRecords() : env_(7) { EXPECT_TRUE(env_.CreateDirsSynced("/staged").ok()); }

  StagedRecord Random() {
    StagedRecord record;
    record.order_major = static_cast<int64_t>(env_.RandomU64() % 50) - 1;
    record.order_minor = static_cast<int64_t>(env_.RandomU64() % 3);
    const auto text = [&]() -> std::optional<std::string> {
      const uint64_t size = env_.RandomU64() % 200;
      if (size == 0) return std::nullopt;
      return std::string(size - 1, static_cast<char>(env_.RandomU64()));
    };
    record.key = text();
    record.value = text();
    if (env_.RandomU64() % 2 == 0) record.timestamp_ms = static_cast<int64_t>(env_.RandomU64());
    for (uint64_t n = env_.RandomU64() % 3; n > 0; --n) {
      record.headers.push_back({std::to_string(n), text()});
    }
    return record;
  }

  StagedTotals Write(const std::vector<std::vector<StagedRecord>>& runs) {
    auto file = StagedFile::Create(env_, kPath);
    EXPECT_TRUE(file.ok()) << file.error().ToString();
    StagedRun run;
    for (const auto& records : runs) {
      for (const StagedRecord& record : records) EXPECT_TRUE(run.Add(record).ok());
      EXPECT_TRUE((*file)->Append(run).ok());
      run.Clear();
    }
    auto totals = (*file)->Finish();
    EXPECT_TRUE(totals.ok()) << totals.error().ToString();
    return *totals;
  }

  Result<std::vector<StagedRecord>> Read(const std::optional<StagedTotals>& totals) {
    WEIR_ASSIGN_OR_RETURN(auto reader, StagedReader::Open(env_, kPath, totals));
    std::vector<StagedRecord> records;
    while (true) {
      StagedRecord record;
      WEIR_ASSIGN_OR_RETURN(const bool more, reader->Next(&record));
      if (!more) return records;
      records.push_back(std::move(record));
    }
  }

  SimEnv env_;
};

TEST_F(StagedRecords, ComeBackInTheirOrder) {
  for (int round = 0; round < 30; ++round) {
    std::vector<std::vector<StagedRecord>> runs(env_.RandomU64() % 6);
    std::vector<StagedRecord> all;
    for (auto& run : runs) {
      const uint64_t count = env_.RandomU64() % (round == 0 ? 3000 : 40);
      for (uint64_t i = 0; i < count; ++i) run.push_back(Random());
      all.insert(all.end(), run.begin(), run.end());
    }
    std::stable_sort(all.begin(), all.end(), [](const StagedRecord& a, const StagedRecord& b) {
      return std::pair(a.order_major, a.order_minor) < std::pair(b.order_major, b.order_minor);
    });
    const StagedTotals totals = Write(runs);
    EXPECT_EQ(totals.records, static_cast<int64_t>(all.size()));
    auto read = Read(totals);
    ASSERT_TRUE(read.ok()) << read.error().ToString();
    EXPECT_TRUE(*read == all);
    ASSERT_TRUE(env_.RemoveFile(kPath).ok());
  }
}

TEST_F(StagedRecords, SurviveAPowerCutOnceFinished) {
  const std::vector<StagedRecord> records = {Random(), Random()};
  const StagedTotals totals = Write({records});
  ASSERT_TRUE(env_.SyncDir("/staged").ok());
  env_.Crash();
  env_.Restart(SimEnv::CrashKind::kPowerLost);
  auto read = Read(totals);
  ASSERT_TRUE(read.ok()) << read.error().ToString();
  EXPECT_EQ(read->size(), 2u);
}

// Any flipped bit is found out, and never gives other records than were written.
TEST_F(StagedRecords, EveryFlippedBitIsFound) {
  std::vector<StagedRecord> records;
  for (int i = 0; i < 3; ++i) {
    records.push_back(Random());
    records.back().order_major = i;
  }
  const StagedTotals totals = Write({records, {}, {records[0]}});
  auto bytes = env_.ReadFile(kPath);
  ASSERT_TRUE(bytes.ok());
  for (size_t at = 0; at < bytes->size(); ++at) {
    std::string damaged = *bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << (at % 8)));
    ASSERT_TRUE(env_.WriteFileAtomic(kPath, damaged).ok());
    auto read = Read(std::nullopt);
    ASSERT_FALSE(read.ok()) << "byte " << at;
    EXPECT_EQ(read.error().code(), ErrorCode::kCorrupt) << read.error().ToString();
  }
  for (const size_t size : {size_t{0}, size_t{7}, size_t{20}, bytes->size() - 1}) {
    ASSERT_TRUE(env_.WriteFileAtomic(kPath, bytes->substr(0, size)).ok());
    EXPECT_FALSE(Read(std::nullopt).ok()) << size;
  }
  ASSERT_TRUE(env_.WriteFileAtomic(kPath, *bytes).ok());
  EXPECT_TRUE(Read(totals).ok());
  StagedTotals other = totals;
  other.records += 1;
  EXPECT_FALSE(Read(other).ok());
}

TEST_F(StagedRecords, ALargeRecordHasABlockOfItsOwn) {
  StagedRecord large;
  large.order_major = 2;
  large.value = std::string(1 << 20, 'x');
  StagedRecord small;
  small.order_major = 1;
  small.value = "y";
  const StagedTotals totals = Write({{large, small}});
  auto read = Read(totals);
  ASSERT_TRUE(read.ok()) << read.error().ToString();
  EXPECT_TRUE(*read == (std::vector<StagedRecord>{small, large}));
}

}  // namespace
}  // namespace weir::connect
