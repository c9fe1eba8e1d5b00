// Two writers of one table on simulated files: the second commits in the very moment in which the
// first puts its log entry, machines crash at any operation, and the table holds exactly what the
// epochs say, each once.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "weir/base/sim_env.h"
#include "weir/lake/test_tables.h"

namespace weir::lake {
namespace {

using columnar::SinkOptions;
using columnar::WriteMode;

constexpr const char* kTable = "/w/t";

// Runs something else right before a log entry is put: the race for a version is lost.
class RacingEnv : public SimEnv {
 public:
  using SimEnv::SimEnv;
  std::function<void()> before_put;

  Status LinkNoReplace(const std::string& from, const std::string& to) override {
    if (before_put && to.find("_delta_log/") != std::string::npos) {
      const auto race = std::move(before_put);
      before_put = nullptr;
      race();
    }
    return SimEnv::LinkNoReplace(from, to);
  }
};

struct Epoch {
  std::string flow;
  uint64_t number = 0;
  WriteMode::Kind kind = WriteMode::Kind::kAppend;
  std::vector<std::pair<int64_t, int64_t>> rows;  // key, value
  int64_t from_key = -1;                          // overwrite: keys from here; -1: all
};

using Model = std::multiset<std::pair<int64_t, int64_t>>;

void Apply(const Epoch& epoch, Model& model) {
  if (epoch.kind == WriteMode::Kind::kOverwrite) {
    std::erase_if(model, [&](const auto& row) { return row.first >= epoch.from_key; });
  }
  std::map<int64_t, int64_t> last;
  for (const auto& [key, value] : epoch.rows) last[key] = value;
  if (epoch.kind == WriteMode::Kind::kUpsert) {
    std::erase_if(model, [&](const auto& row) { return last.contains(row.first); });
    model.insert(last.begin(), last.end());
  } else {
    model.insert(epoch.rows.begin(), epoch.rows.end());
  }
}

class World {
 public:
  explicit World(uint64_t seed)
      : env_(seed), draw_(seed * 6364136223846793005ULL + 1), partitioned_(seed % 2 == 1) {
    EXPECT_TRUE(env_.CreateDirsSynced("/w").ok());
    tables_ = std::make_unique<TestTables>(env_);
  }

  uint64_t Below(uint64_t bound) {
    draw_ = draw_ * 6364136223846793005ULL + 1442695040888963407ULL;
    return (draw_ >> 33) % bound;
  }

  Epoch DrawEpoch(const std::string& flow, uint64_t number) {
    Epoch epoch;
    epoch.flow = flow;
    epoch.number = number;
    constexpr WriteMode::Kind kKinds[] = {WriteMode::Kind::kAppend, WriteMode::Kind::kOverwrite,
                                          WriteMode::Kind::kUpsert, WriteMode::Kind::kUpsert};
    epoch.kind = kKinds[Below(4)];
    if (epoch.kind == WriteMode::Kind::kOverwrite && Below(2) == 0) {
      epoch.from_key = static_cast<int64_t>(Below(20));
    }
    const uint64_t rows = Below(8);
    for (uint64_t i = 0; i < rows; ++i) {
      int64_t key = static_cast<int64_t>(Below(20));
      if (epoch.kind == WriteMode::Kind::kOverwrite) key = std::max(key, epoch.from_key);
      epoch.rows.emplace_back(key, static_cast<int64_t>(Below(1000)));
    }
    return epoch;
  }

  Result<std::string> Prepare(const Epoch& epoch) {
    SinkOptions options;
    options.flow_id = epoch.flow;
    options.mode.kind = epoch.kind;
    if (epoch.from_key >= 0) {
      options.mode.overwrite_where = "k >= " + std::to_string(epoch.from_key);
    }
    if (partitioned_) options.partition_columns = {"p"};
    std::string rows;
    for (size_t i = 0; i < epoch.rows.size(); ++i) {
      const auto& [key, value] = epoch.rows[i];
      rows += (i == 0 ? "(" : ", (") + std::to_string(key) + ", " + std::to_string(value) + ", " +
              std::to_string(key % 3) + ", " + std::to_string(i) + ")";
    }
    const bool none = rows.empty();
    std::string sql = "SELECT k::BIGINT AS k, v::BIGINT AS v, p::INTEGER AS p";
    if (epoch.kind == WriteMode::Kind::kUpsert) {
      options.mode.keys = {"k"};
      sql += ", 0::BIGINT AS __weir_order_major, o::BIGINT AS __weir_order_minor";
    }
    sql += " FROM (VALUES " + (none ? std::string("(0, 0, 0, 0)") : rows) + ") x(k, v, p, o)";
    if (none) sql += " WHERE false";
    return tables_->Prepare(kTable, options, epoch.number, sql);
  }

  Status Commit(const std::string& token) { return tables_->Commit(kTable, token).status(); }

  void Restart(SimEnv::CrashKind kind) {
    tables_.reset();
    if (!env_.crashed()) env_.Crash();
    env_.before_put = nullptr;
    env_.Restart(kind);
    tables_ = std::make_unique<TestTables>(env_);
  }

  void Expect(const Model& model, const std::string& when) {
    std::string expected;
    for (const auto& [key, value] : model) {
      expected += (expected.empty() ? "" : "\n") + std::to_string(key) + "|" +
                  std::to_string(value) + "|" + std::to_string(key % 3);
    }
    EXPECT_EQ(tables_->Ask(kTable, "SELECT k, v, p FROM {t} ORDER BY k, v"), expected) << when;
  }

  RacingEnv& env() { return env_; }
  TestTables& tables() { return *tables_; }

 private:
  RacingEnv env_;
  uint64_t draw_;
  const bool partitioned_;
  std::unique_ptr<TestTables> tables_;
};

TEST(CommitSimTest, AWriterInBetweenLosesNothing) {
  const SimSeeds seeds(5);
  for (uint64_t seed = seeds.first; seed < seeds.end; ++seed) {
    SCOPED_TRACE("WEIR_SIM_SEED=" + std::to_string(seed));
    World world(seed);
    Model model;
    for (uint64_t round = 1; round <= 4; ++round) {
      const Epoch a = world.DrawEpoch("a", round);
      const Epoch b = world.DrawEpoch("b", round);
      auto token_a = world.Prepare(a);
      auto token_b = world.Prepare(b);
      ASSERT_TRUE(token_a.ok()) << token_a.error().ToString();
      ASSERT_TRUE(token_b.ok()) << token_b.error().ToString();
      bool raced = false;
      world.env().before_put = [&] {
        raced = true;
        const Status status = world.Commit(*token_b);
        EXPECT_TRUE(status.ok()) << status.error().ToString();
      };
      const Status status = world.Commit(*token_a);
      ASSERT_TRUE(status.ok()) << status.error().ToString();
      EXPECT_TRUE(raced);
      // A blind append does not make an overwrite plan again: it counts as later. The first
      // commit of a table is no race for rows; whoever comes second is planned again.
      const bool b_counts_later =
          round > 1 && a.kind == WriteMode::Kind::kOverwrite && b.kind == WriteMode::Kind::kAppend;
      if (b_counts_later) {
        Apply(a, model);
        Apply(b, model);
      } else {
        Apply(b, model);
        Apply(a, model);
      }
      world.Expect(model, "round " + std::to_string(round));
      if (::testing::Test::HasFailure()) return;
    }
    // Nothing but what the log names is left behind.
    auto snapshot = world.tables().tables().LoadSnapshot(kTable);
    ASSERT_TRUE(snapshot.ok());
    EXPECT_EQ(world.tables().DataFilesOnDisk(kTable).size(),
              (*snapshot)->files().size() + (*snapshot)->tombstones().size());
  }
}

TEST(CommitSimTest, CrashesAnywhereLeaveEachEpochOnce) {
  const SimSeeds seeds(5);
  int crashes = 0;
  for (uint64_t seed = seeds.first; seed < seeds.end; ++seed) {
    SCOPED_TRACE("WEIR_SIM_SEED=" + std::to_string(seed));
    World world(seed);
    Model model;
    for (uint64_t round = 1; round <= 12; ++round) {
      const Epoch epoch = world.DrawEpoch("a", round);
      const auto kind =
          world.Below(2) == 0 ? SimEnv::CrashKind::kPowerLost : SimEnv::CrashKind::kProcessKilled;
      world.env().CrashAtOperation(1 + world.Below(60));
      std::string token;
      for (;;) {  // an epoch without a token never happened: it is prepared again
        auto prepared = world.Prepare(epoch);
        if (prepared.ok()) {
          token = *prepared;
          break;
        }
        ASSERT_TRUE(world.env().crashed()) << prepared.error().ToString();
        crashes += 1;
        world.Restart(kind);
      }
      for (;;) {  // one with a token is committed until that is known
        const Status committed = world.Commit(token);
        if (committed.ok()) break;
        ASSERT_TRUE(world.env().crashed()) << committed.error().ToString();
        crashes += 1;
        world.Restart(kind);
      }
      if (world.env().crashed()) world.Restart(kind);  // in the checkpoint or the cleaning up
      world.env().CrashAtOperation(0);
      Apply(epoch, model);
      world.Expect(model, "round " + std::to_string(round));
      if (::testing::Test::HasFailure()) return;
    }
    world.Restart(SimEnv::CrashKind::kPowerLost);
    world.Expect(model, "after the power was lost");
  }
  if (seeds.end - seeds.first >= 5) {
    EXPECT_GT(crashes, 10) << "the crashes must hit something";
  }
}

}  // namespace
}  // namespace weir::lake
