// The checker against histories made by hand: each invariant is broken once, and a history with
// everything that is allowed breaks none.
#include "weir/log/kafka/sim/testing/history_checker.h"

#include "gtest/gtest.h"

namespace weir::log::kafka::sim {
namespace {

class HistoryCheckerTest : public ::testing::Test {
 protected:
  // A record that is acknowledged at the partition's next offset, and there in the end.
  Value Kept(int partition, uint64_t transaction = 0, bool committed = true) {
    const Value value = h_.Send(partition, /*writer=*/1, transaction);
    FinalPartition& final = h_.final[partition];
    h_.Acked(value, final.end);
    final.all.emplace_back(final.end, value);
    if (committed) final.committed.emplace_back(final.end, value);
    final.end += 1;
    return value;
  }
  uint64_t Transaction(Fate fate, const std::string& name = "t") {
    const uint64_t id = h_.Begin(name, 7, 0);
    TransactionOp& transaction = h_.transactions.at(id);
    transaction.fate = fate;
    transaction.commit = fate != Fate::kNot;
    if (transaction.commit) transaction.end_sent = h_.Tick();
    return id;
  }
  PollOp& Poll(int partition, int64_t from, int64_t to,
               std::vector<std::pair<int64_t, Value>> records) {
    PollOp poll;
    poll.process = 1;
    poll.session = 1;
    poll.committed = true;
    poll.at = h_.Tick();
    poll.partition = partition;
    poll.from = from;
    poll.to = to;
    poll.records = std::move(records);
    h_.polls.push_back(std::move(poll));
    return h_.polls.back();
  }
  std::set<std::string> Kinds() {
    std::set<std::string> kinds;
    for (const Violation& violation : HistoryChecker(h_).Check()) kinds.insert(violation.kind);
    return kinds;
  }
  using Set = std::set<std::string>;

  History h_;
};

TEST_F(HistoryCheckerTest, WhatIsAllowed) {
  const Value first = Kept(0);
  const uint64_t committed = Transaction(Fate::kDone);
  const Value second = Kept(0, committed);
  const uint64_t aborted = Transaction(Fate::kNot);
  Kept(0, aborted, /*committed=*/false);
  const Value fourth = Kept(0);
  h_.Send(0, 1, 0);  // never answered, and not there
  Poll(0, 0, 2, {{0, first}, {1, second}});
  Poll(0, 2, 4, {{3, fourth}});
  EXPECT_EQ(Kinds(), Set());
}

TEST_F(HistoryCheckerTest, LostWrite) {
  const Value value = Kept(0);
  Kept(0);
  std::erase_if(h_.final[0].all, [&](const auto& at) { return at.second == value; });
  std::erase_if(h_.final[0].committed, [&](const auto& at) { return at.second == value; });
  EXPECT_EQ(Kinds(), Set({"lost-write"}));
}

TEST_F(HistoryCheckerTest, CommittedAndAbortedInTheEnd) {
  Kept(0, Transaction(Fate::kDone), /*committed=*/false);
  EXPECT_EQ(Kinds(), Set({"lost-write"}));
}

TEST_F(HistoryCheckerTest, Unseen) {
  Kept(0);
  h_.Acked(h_.Send(0, 1, 0), 1);
  EXPECT_EQ(Kinds(), Set({"unseen"}));
}

TEST_F(HistoryCheckerTest, WhatDamageHitIsExcused) {
  Kept(0);
  h_.Acked(h_.Send(0, 1, 0), 1);
  h_.damaged[0].insert(1);
  EXPECT_EQ(Kinds(), Set());
}

TEST_F(HistoryCheckerTest, Duplicate) {
  const Value value = Kept(0);
  h_.final[0].all.emplace_back(1, value);
  h_.final[0].committed.emplace_back(1, value);
  EXPECT_EQ(Kinds(), Set({"duplicate"}));
}

TEST_F(HistoryCheckerTest, InconsistentOffsets) {
  Kept(0);
  h_.Acked(h_.Send(0, 1, 0), 0);
  EXPECT_EQ(Kinds(), Set({"inconsistent-offsets"}));
}

TEST_F(HistoryCheckerTest, AbortedRead) {
  const Value value = Kept(0, Transaction(Fate::kNot), /*committed=*/false);
  Poll(0, 0, 1, {{0, value}});
  EXPECT_EQ(Kinds(), Set({"G1a"}));
}

TEST_F(HistoryCheckerTest, AbortedReadInTheEnd) {
  Kept(0, Transaction(Fate::kNot), /*committed=*/true);
  EXPECT_EQ(Kinds(), Set({"G1a"}));
}

TEST_F(HistoryCheckerTest, RefusedAndThere) {
  h_.Refused(Kept(0));
  EXPECT_EQ(Kinds(), Set({"G1a"}));
}

TEST_F(HistoryCheckerTest, ReadUncommittedMayReadWhatIsAborted) {
  const Value value = Kept(0, Transaction(Fate::kNot), /*committed=*/false);
  Poll(0, 0, 1, {{0, value}}).committed = false;
  EXPECT_EQ(Kinds(), Set());
}

TEST_F(HistoryCheckerTest, PhantomRead) {
  Kept(0);
  const Value value = h_.Send(0, 1, 0);
  Poll(0, 1, 2, {{1, value}}).committed = false;
  EXPECT_EQ(Kinds(), Set({"phantom-read"}));
}

TEST_F(HistoryCheckerTest, Garbage) {
  Kept(0);
  Poll(0, 0, 2, {{0, 1}, {1, 99}});
  EXPECT_EQ(Kinds(), Set({"garbage"}));
}

TEST_F(HistoryCheckerTest, PrecommittedRead) {
  const uint64_t id = Transaction(Fate::kDone);
  const Value value = Kept(0, id);
  Poll(0, 0, 1, {{0, value}});
  h_.transactions.at(id).end_sent = h_.Tick();
  EXPECT_EQ(Kinds(), Set({"precommitted-read"}));
}

TEST_F(HistoryCheckerTest, WhatTheProtocolCannotTellIsExcused) {
  const uint64_t id = Transaction(Fate::kNot);
  Kept(0, id, /*committed=*/true);
  h_.transactions.at(id).flawed = true;
  EXPECT_EQ(Kinds(), Set());
}

TEST_F(HistoryCheckerTest, PollSkips) {
  const Value first = Kept(0);
  Kept(0);
  const Value third = Kept(0);
  Poll(0, 0, 1, {{0, first}});
  Poll(0, 2, 3, {{2, third}});
  EXPECT_EQ(Kinds(), Set({"poll-skip"}));
}

TEST_F(HistoryCheckerTest, AnotherSessionMayJump) {
  Kept(0);
  Kept(0);
  Poll(0, 0, 1, {{0, 1}});
  Poll(0, 0, 1, {{0, 1}}).session = 2;
  EXPECT_EQ(Kinds(), Set());
}

TEST_F(HistoryCheckerTest, NonmonotonicPoll) {
  const Value value = Kept(0);
  Poll(0, 0, 1, {{0, value}});
  Poll(0, 0, 1, {{0, value}});
  EXPECT_EQ(Kinds(), Set({"nonmonotonic-poll"}));
}

TEST_F(HistoryCheckerTest, SkipsWithinAPoll) {
  const Value first = Kept(0);
  Kept(0);
  const Value third = Kept(0);
  Poll(0, 0, 3, {{0, first}, {2, third}});
  EXPECT_EQ(Kinds(), Set({"int-poll-skip"}));
}

TEST_F(HistoryCheckerTest, NonmonotonicWithinAPoll) {
  const Value first = Kept(0);
  const Value second = Kept(0);
  Poll(0, 0, 2, {{1, second}, {0, first}});
  EXPECT_EQ(Kinds(), Set({"int-nonmonotonic-poll"}));
}

TEST_F(HistoryCheckerTest, NonmonotonicSend) {
  const Value early = h_.Send(0, 1, 0);
  Kept(0);
  h_.final[0].all.emplace_back(1, early);
  h_.final[0].committed.emplace_back(1, early);
  h_.final[0].end = 2;
  EXPECT_EQ(Kinds(), Set({"nonmonotonic-send"}));
}

TEST_F(HistoryCheckerTest, NonmonotonicSendWithinATransaction) {
  const uint64_t id = Transaction(Fate::kDone);
  const Value early = h_.Send(0, 1, id);
  Kept(0, id);
  h_.final[0].all.emplace_back(1, early);
  h_.final[0].committed.emplace_back(1, early);
  h_.final[0].end = 2;
  EXPECT_EQ(Kinds(), Set({"int-nonmonotonic-send"}));
}

TEST_F(HistoryCheckerTest, TornTransaction) {
  const uint64_t id = Transaction(Fate::kUnknown);
  Kept(0, id);
  Kept(1, id, /*committed=*/false);
  EXPECT_EQ(Kinds(), Set({"torn-transaction"}));
}

TEST_F(HistoryCheckerTest, CircularInformationFlow) {
  const uint64_t a = Transaction(Fate::kDone, "a");
  const uint64_t b = Transaction(Fate::kDone, "b");
  const Value of_a = Kept(0, a);
  const Value of_b = Kept(1, b);
  Poll(0, 0, 1, {{0, of_a}}).transaction = b;
  PollOp& second = Poll(1, 0, 1, {{0, of_b}});
  second.transaction = a;
  second.session = 2;
  EXPECT_EQ(Kinds(), Set({"G1c"}));
}

TEST_F(HistoryCheckerTest, ZombieCommit) {
  const uint64_t id = Transaction(Fate::kDone);
  Kept(0, id);
  h_.incarnations.push_back({"t", 7, 1, h_.Tick(), 2});
  EXPECT_EQ(Kinds(), Set());
  h_.transactions.at(id).end_sent = h_.Tick();
  EXPECT_EQ(Kinds(), Set({"zombie-commit"}));
}

TEST_F(HistoryCheckerTest, SharedIdentity) {
  h_.incarnations.push_back({"t", 7, 1, h_.Tick(), 1});
  h_.incarnations.push_back({"t", 7, 1, h_.Tick(), 1});  // asked twice
  EXPECT_EQ(Kinds(), Set());
  h_.incarnations.push_back({"t", 7, 1, h_.Tick(), 2});
  EXPECT_EQ(Kinds(), Set({"shared-identity"}));
}

TEST_F(HistoryCheckerTest, Pipelines) {
  const Value origin = Kept(0);
  h_.pipelines["p"] = {{0}, true};
  EXPECT_EQ(Kinds(), Set({"unprocessed"}));
  h_.pipelines["p"].drained = false;
  EXPECT_EQ(Kinds(), Set());
  h_.pipelines["p"].drained = true;
  for (int i = 0; i < 2; ++i) {
    Write& made = h_.writes.at(Kept(1));
    made.origin = origin;
    made.pipeline = "p";
    EXPECT_EQ(Kinds(), i == 0 ? Set() : Set({"twice-processed"}));
  }
}

TEST_F(HistoryCheckerTest, PipelineOfWhatWasAborted) {
  const Value origin = Kept(0, Transaction(Fate::kNot), /*committed=*/false);
  Write& made = h_.writes.at(Kept(1));
  made.origin = origin;
  made.pipeline = "p";
  EXPECT_EQ(Kinds(), Set({"G1a"}));
}

TEST_F(HistoryCheckerTest, LostOffset) {
  h_.offsets.push_back({"g", 0, 5, 1, 2, false});
  h_.offsets.push_back({"g", 0, 4, 1, 3, true});  // asked before
  EXPECT_EQ(Kinds(), Set());
  h_.offsets.push_back({"g", 0, 4, 3, 4, true});
  EXPECT_EQ(Kinds(), Set({"lost-offset"}));
}

}  // namespace
}  // namespace weir::log::kafka::sim
