// Checks a History against what a queue promises: the invariants of Jepsen's checker for Kafka
// (lost-write, unseen, duplicate, inconsistent-offsets, G1a, precommitted-read, G1c, poll-skip,
// nonmonotonic-poll, nonmonotonic-send and their int-forms) and those that follow from KIP-98
// (torn-transaction, shared-identity, zombie-commit, twice-processed, unprocessed, lost-offset).
// Allowed by design, so not looked for: write cycles (G0) and a transaction's sends with others'
// between them (int-send-skip).
//
//   for (const Violation& violation : HistoryChecker(history).Check()) ...
//
// Thread rule: one thread.
#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "weir/log/kafka/sim/testing/history.h"

namespace weir::log::kafka::sim {

struct Violation {
  std::string kind;
  std::string what;
};

class HistoryChecker {
 public:
  explicit HistoryChecker(const History& history) : history_(history) {}

  std::vector<Violation> Check() {
    for (const auto& [kind, what] : history_.found) Add(kind, what);
    Index();
    CheckOffsets();
    CheckWrites();
    CheckReads();
    CheckPolls();
    CheckOrderOfSends();
    CheckTransactions();
    CheckCycles();
    CheckIdentities();
    CheckZombies();
    CheckPipelines();
    CheckGroupOffsets();
    return std::move(violations_);
  }

 private:
  using Place = std::pair<int, int64_t>;  // partition, offset

  static constexpr int kViolationsMax = 5;  // of a kind

  void Add(const std::string& kind, const std::string& what) {
    if (++counts_[kind] <= kViolationsMax) violations_.push_back({kind, what});
  }
  static std::string At(int partition, int64_t offset) {
    return "partition " + std::to_string(partition) + " offset " + std::to_string(offset);
  }
  static std::string Name(Value value) { return "value " + std::to_string(value); }

  bool Damaged(int partition, int64_t offset) const {
    const auto found = history_.damaged.find(partition);
    return found != history_.damaged.end() && found->second.count(offset) > 0;
  }
  const Write* FindWrite(Value value) const {
    const auto found = history_.writes.find(value);
    return found == history_.writes.end() ? nullptr : &found->second;
  }
  const TransactionOp* TransactionOf(const Write& write) const {
    const auto found = history_.transactions.find(write.transaction);
    return found == history_.transactions.end() ? nullptr : &found->second;
  }

  void Index() {
    for (const auto& [partition, final] : history_.final) {
      for (const auto& [offset, value] : final.all) {
        at_[{partition, offset}] = value;
        places_[value].push_back({partition, offset});
      }
      for (const auto& [offset, value] : final.committed) {
        committed_.insert({partition, offset});
        visible_.insert(value);
      }
    }
  }

  // One value at an offset, whoever says so.
  void CheckOffsets() {
    std::map<Place, Value> known = at_;
    const auto see = [&](int partition, int64_t offset, Value value, const char* who) {
      if (Damaged(partition, offset)) return;
      const auto [seen, first] = known.try_emplace({partition, offset}, value);
      if (!first && seen->second != value) {
        Add("inconsistent-offsets", At(partition, offset) + " is " + Name(seen->second) + " and, " +
                                        who + ", " + Name(value));
      }
    };
    for (const auto& [value, write] : history_.writes) {
      if (write.fate == Fate::kDone) see(write.partition, write.offset, value, "acknowledged");
    }
    for (const PollOp& poll : history_.polls) {
      for (const auto& [offset, value] : poll.records) see(poll.partition, offset, value, "read");
    }
    for (const auto& [partition, final] : history_.final) {
      for (const auto& [offset, value] : final.committed) {
        see(partition, offset, value, "read with read_committed");
      }
    }
  }

  void CheckWrites() {
    for (const auto& [value, write] : history_.writes) {
      const auto places = places_.find(value);
      const bool there = places != places_.end();
      if (there && places->second.size() > 1) {
        Add("duplicate", Name(value) + " is at " +
                             At(places->second[0].first, places->second[0].second) + " and at " +
                             At(places->second[1].first, places->second[1].second));
      }
      if (there && write.fate == Fate::kNot) {
        Add("G1a", Name(value) + " was refused and is at " +
                       At(places->second[0].first, places->second[0].second));
      }
      if (there && places->second[0].first != write.partition) {
        Add("garbage", Name(value) + " is in another partition");
      }
      if (write.fate != Fate::kDone || Damaged(write.partition, write.offset)) continue;
      const TransactionOp* transaction = TransactionOf(write);
      const bool to_be_seen =
          transaction == nullptr || (transaction->fate == Fate::kDone && !transaction->flawed);
      const Place place{write.partition, write.offset};
      const bool kept = at_.count(place) > 0;
      if (kept && (!to_be_seen || committed_.count(place) > 0)) continue;
      const auto final = history_.final.find(write.partition);
      const bool behind = final == history_.final.end() || write.offset >= final->second.end;
      Add(behind ? "unseen" : "lost-write",
          Name(value) + " was acknowledged at " + At(write.partition, write.offset) +
              (kept ? " and committed, and is aborted" : " and is not there"));
    }
  }

  // Nothing is read that was not sent, that does not stay, or that does not count.
  void CheckRead(const PollOp& poll, int64_t offset, Value value) {
    const std::string who = "process " + std::to_string(poll.process);
    const Write* write = FindWrite(value);
    if (write == nullptr) {
      return Add("garbage", who + " read what nobody sent at " + At(poll.partition, offset));
    }
    if (at_.count({poll.partition, offset}) == 0 && !Damaged(poll.partition, offset)) {
      Add("phantom-read", who + " read " + Name(value) + " at " + At(poll.partition, offset) +
                              ", and it did not stay");
    }
    const TransactionOp* transaction = TransactionOf(*write);
    if (!poll.committed || transaction == nullptr || transaction->flawed) return;
    if (transaction->fate == Fate::kNot) {
      Add("G1a", who + " read " + Name(value) + " at " + At(poll.partition, offset) +
                     " of transaction " + std::to_string(transaction->id) + ", which was aborted");
    } else if (transaction->end_sent == 0 || transaction->end_sent > poll.at) {
      Add("precommitted-read", who + " read " + Name(value) + " at " + At(poll.partition, offset) +
                                   " of transaction " + std::to_string(transaction->id) +
                                   " before it was committed");
    }
  }

  void CheckReads() {
    for (const PollOp& poll : history_.polls) {
      for (const auto& [offset, value] : poll.records) CheckRead(poll, offset, value);
    }
    PollOp last;
    last.committed = true;
    last.at = UINT64_MAX;
    for (const auto& [partition, final] : history_.final) {
      last.partition = partition;
      for (const auto& [offset, value] : final.committed) CheckRead(last, offset, value);
    }
  }

  void CheckPolls() {
    std::map<std::pair<uint64_t, int>, int64_t> positions;  // of session, partition
    for (const PollOp& poll : history_.polls) {
      const std::string where =
          "process " + std::to_string(poll.process) + " in " + At(poll.partition, poll.from);
      const auto [position, first] =
          positions.try_emplace({poll.session, poll.partition}, poll.from);
      if (!first && poll.from > position->second) {
        Add("poll-skip", where + ": it was at " + std::to_string(position->second));
      }
      if (!first && poll.from < position->second) {
        Add("nonmonotonic-poll", where + ": it was at " + std::to_string(position->second));
      }
      position->second = poll.to;
      CheckOnePoll(poll, where);
    }
  }

  void CheckOnePoll(const PollOp& poll, const std::string& where) {
    int64_t last = poll.from - 1;
    std::set<int64_t> read;
    for (const auto& [offset, value] : poll.records) {
      if (offset <= last) {
        Add("int-nonmonotonic-poll",
            where + ": " + std::to_string(offset) + " after " + std::to_string(last));
      }
      last = offset;
      read.insert(offset);
    }
    const auto final = history_.final.find(poll.partition);
    if (final == history_.final.end()) return;
    const auto& there = poll.committed ? final->second.committed : final->second.all;
    auto record = std::lower_bound(there.begin(), there.end(), std::pair(poll.from, Value{0}));
    for (; record != there.end() && record->first < poll.to; ++record) {
      const Write* write = FindWrite(record->second);
      const TransactionOp* transaction = write == nullptr ? nullptr : TransactionOf(*write);
      if (transaction != nullptr && transaction->flawed) continue;
      if (read.count(record->first) > 0 || Damaged(poll.partition, record->first)) continue;
      Add("int-poll-skip", where + ": passed over offset " + std::to_string(record->first) +
                               " on the way to " + std::to_string(poll.to));
    }
  }

  // What a producer sends to a partition stays in its order. Values rise with time.
  void CheckOrderOfSends() {
    for (const auto& [partition, final] : history_.final) {
      std::map<uint64_t, Value> newest;  // of writers
      for (const auto& [offset, value] : final.all) {
        const Write* write = FindWrite(value);
        if (write == nullptr) continue;
        const auto [before, first] = newest.try_emplace(write->writer, value);
        if (!first && before->second > value) {
          const Write* other = FindWrite(before->second);
          const bool same = write->transaction != 0 && write->transaction == other->transaction;
          Add(same ? "int-nonmonotonic-send" : "nonmonotonic-send",
              Name(value) + " at " + At(partition, offset) + " is behind " + Name(before->second) +
                  ", which was sent after it");
        }
        before->second = std::max(before->second, value);
      }
    }
  }

  void CheckTransactions() {
    std::map<uint64_t, std::vector<const Write*>> writes;
    for (const auto& [value, write] : history_.writes) {
      if (write.transaction != 0) writes[write.transaction].push_back(&write);
    }
    for (const auto& [id, transaction] : history_.transactions) {
      if (transaction.flawed || transaction.fate == Fate::kNot) continue;
      const Write* seen = nullptr;
      const Write* unseen = nullptr;
      for (const Write* write : writes[id]) {
        if (write->fate == Fate::kDone && Damaged(write->partition, write->offset)) continue;
        (visible_.count(write->value) > 0 ? seen : unseen) = write;
      }
      if (seen == nullptr || unseen == nullptr) continue;
      Add("torn-transaction", "of transaction " + std::to_string(id) + " " + Name(seen->value) +
                                  " is there and " + Name(unseen->value) + " is not");
    }
  }

  // T2 read what T1 wrote, T3 what T2 wrote, T1 what T3 wrote: all committed.
  void CheckCycles() {
    std::map<uint64_t, std::set<uint64_t>> readers;
    const auto counts = [&](uint64_t id) {
      const auto found = history_.transactions.find(id);
      return found != history_.transactions.end() && found->second.fate == Fate::kDone &&
             !found->second.flawed;
    };
    for (const PollOp& poll : history_.polls) {
      if (!counts(poll.transaction)) continue;
      for (const auto& [offset, value] : poll.records) {
        const Write* write = FindWrite(value);
        if (write != nullptr && counts(write->transaction)) {
          readers[write->transaction].insert(poll.transaction);
        }
      }
    }
    std::map<uint64_t, int> state;  // 1: on the path, 2: done
    for (const auto& [id, unused] : readers) Walk(id, readers, &state);
  }
  void Walk(uint64_t from, const std::map<uint64_t, std::set<uint64_t>>& readers,
            std::map<uint64_t, int>* state) {
    // Without recursion: chains are as long as a history.
    struct Step {
      uint64_t id;
      std::vector<uint64_t> left;
    };
    const auto next_of = [&](uint64_t id) {
      const auto found = readers.find(id);
      return found == readers.end()
                 ? std::vector<uint64_t>()
                 : std::vector<uint64_t>(found->second.begin(), found->second.end());
    };
    if ((*state)[from] != 0) return;
    std::vector<Step> path;
    path.push_back({from, next_of(from)});
    (*state)[from] = 1;
    while (!path.empty()) {
      if (path.back().left.empty()) {
        (*state)[path.back().id] = 2;
        path.pop_back();
        continue;
      }
      const uint64_t next = path.back().left.back();
      path.back().left.pop_back();
      if ((*state)[next] == 1) {
        Add("G1c", "transaction " + std::to_string(next) + " read what came of itself, over " +
                       std::to_string(path.back().id));
      } else if ((*state)[next] == 0) {
        (*state)[next] = 1;
        path.push_back({next, next_of(next)});
      }
    }
  }

  // Nobody else has the identity that a process was given.
  void CheckIdentities() {
    std::map<std::pair<int64_t, int16_t>, int> owners;
    for (const Incarnation& given : history_.incarnations) {
      const auto [owner, first] =
          owners.try_emplace({given.producer_id, given.epoch}, given.process);
      if (!first && owner->second != given.process) {
        Add("shared-identity", "processes " + std::to_string(owner->second) + " and " +
                                   std::to_string(given.process) + " are both producer " +
                                   std::to_string(given.producer_id) + " of epoch " +
                                   std::to_string(given.epoch));
      }
    }
  }

  // Once an identity was handed out, older ones commit nothing that they begin to commit then.
  void CheckZombies() {
    for (const auto& [id, transaction] : history_.transactions) {
      if (transaction.fate != Fate::kDone) continue;
      for (const Incarnation& newer : history_.incarnations) {
        if (newer.name != transaction.name || newer.at >= transaction.end_sent) continue;
        const std::pair theirs(newer.producer_id, newer.epoch);
        if (theirs <= std::pair(transaction.producer_id, transaction.epoch)) continue;
        Add("zombie-commit", "transaction " + std::to_string(id) + " of epoch " +
                                 std::to_string(transaction.epoch) + " was committed when epoch " +
                                 std::to_string(newer.epoch) + " was there");
        break;
      }
    }
  }

  void CheckPipelines() {
    std::map<std::pair<std::string, Value>, Value> made;  // of an origin
    for (const auto& [value, write] : history_.writes) {
      if (write.origin == 0) continue;
      const bool damaged = write.fate == Fate::kDone && Damaged(write.partition, write.offset);
      if (damaged) made.try_emplace({write.pipeline, write.origin}, value);
      if (damaged || visible_.count(value) == 0) continue;
      if (history_.flawed_groups.count(write.pipeline) > 0) continue;
      const auto [before, first] = made.try_emplace({write.pipeline, write.origin}, value);
      if (!first && visible_.count(before->second) > 0) {
        Add("twice-processed", write.pipeline + " made " + Name(before->second) + " and " +
                                   Name(value) + " of " + Name(write.origin));
      }
      const Write* origin = FindWrite(write.origin);
      const bool excused = origin == nullptr || (origin->fate == Fate::kDone &&
                                                 Damaged(origin->partition, origin->offset));
      if (visible_.count(write.origin) == 0 && !excused && !IsFlawed(*origin)) {
        Add("G1a", write.pipeline + " made " + Name(value) + " of " + Name(write.origin) +
                       ", which was aborted");
      }
    }
    for (const auto& [name, pipeline] : history_.pipelines) {
      if (!pipeline.drained || history_.flawed_groups.count(name) > 0) continue;
      for (const int partition : pipeline.sources) {
        const auto final = history_.final.find(partition);
        if (final == history_.final.end()) continue;
        for (const auto& [offset, value] : final->second.committed) {
          if (history_.ends.count(value) > 0 || made.count({name, value}) > 0) continue;
          if (Damaged(partition, offset)) continue;
          const Write* write = FindWrite(value);
          if (write != nullptr && IsFlawed(*write)) continue;
          Add("unprocessed",
              name + " made nothing of " + Name(value) + " at " + At(partition, offset));
        }
      }
    }
  }
  bool IsFlawed(const Write& write) const {
    const TransactionOp* transaction = TransactionOf(write);
    return transaction != nullptr && transaction->flawed;
  }

  // A group's offset that was acknowledged is what is fetched from then on, or a later one.
  void CheckGroupOffsets() {
    // Who is beyond what damage left goes back.
    if (!history_.damaged.empty()) return;
    std::map<std::pair<std::string, int>, std::map<uint64_t, int64_t>> acked;  // by time: greatest
    std::vector<const OffsetOp*> commits;
    for (const OffsetOp& op : history_.offsets) {
      if (!op.fetched) commits.push_back(&op);
    }
    std::sort(commits.begin(), commits.end(),
              [](const OffsetOp* a, const OffsetOp* b) { return a->answered < b->answered; });
    for (const OffsetOp* op : commits) {
      auto& of_partition = acked[{op->group, op->partition}];
      const int64_t before = of_partition.empty() ? -1 : of_partition.rbegin()->second;
      of_partition[op->answered] = std::max(before, op->offset);
    }
    for (const OffsetOp& op : history_.offsets) {
      if (!op.fetched || history_.flawed_groups.count(op.group) > 0) continue;
      const auto& of_partition = acked[{op.group, op.partition}];
      auto before = of_partition.lower_bound(op.asked);
      if (before == of_partition.begin()) continue;
      const int64_t least = std::prev(before)->second;
      if (op.offset < least) {
        Add("lost-offset", "group " + op.group + " of partition " + std::to_string(op.partition) +
                               " is at " + std::to_string(op.offset) + ", acknowledged was " +
                               std::to_string(least));
      }
    }
  }

  const History& history_;
  std::map<Place, Value> at_;
  std::map<Value, std::vector<Place>> places_;
  std::set<Place> committed_;
  std::set<Value> visible_;
  std::vector<Violation> violations_;
  std::map<std::string, int> counts_;
};

}  // namespace weir::log::kafka::sim
