// History: what clients did and were told, in the order in which it happened, and what is in the
// log in the end. A value is a record: each is sent once by its program, whatever its client sends
// again.
//
// Thread rule: one thread.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace weir::log::kafka::sim {

using Value = uint64_t;  // 0: none

enum class Fate {
  kUnknown,  // no answer, or none that says
  kDone,     // acknowledged; of a transaction: committed
  kNot,      // certainly not; of a transaction: aborted
};

struct Write {
  Value value = 0;
  int partition = 0;
  uint64_t writer = 0;  // one session of a producer: what it sends to a partition has an order
  uint64_t transaction = 0;
  Fate fate = Fate::kUnknown;
  int64_t offset = -1;  // as acknowledged
  // Of a record that was made of another one by a pipeline.
  Value origin = 0;
  std::string pipeline;
};

struct TransactionOp {
  uint64_t id = 0;
  std::string name;  // the transactional id
  int64_t producer_id = -1;
  int16_t epoch = -1;
  bool commit = false;    // its program decided so
  uint64_t end_sent = 0;  // when it was first said to be committed; 0: never
  uint64_t end_last = 0;  // when it was last said
  uint64_t ended = 0;     // when that was acknowledged
  Fate fate = Fate::kUnknown;
  std::string group;  // whose offsets it commits
  // A request of an earlier one reached it late: without an epoch each (protocol 1), the broker
  // can't tell, and promises nothing.
  bool flawed = false;
};

// A transactional id was given an identity.
struct Incarnation {
  std::string name;
  int64_t producer_id = -1;
  int16_t epoch = -1;
  uint64_t at = 0;
  int process = 0;
};

// What one fetch brought of one partition.
struct PollOp {
  int process = 0;
  uint64_t session = 0;  // another with each assignment and each jump: positions go on within it
  uint64_t transaction = 0;
  bool committed = false;  // read_committed
  uint64_t at = 0;
  int partition = 0;
  int64_t from = 0;  // position before
  int64_t to = 0;    // and after
  std::vector<std::pair<int64_t, Value>> records;
};

// Group offsets, as acknowledged and as fetched.
struct OffsetOp {
  std::string group;
  int partition = 0;
  int64_t offset = 0;
  uint64_t asked = 0;
  uint64_t answered = 0;
  bool fetched = false;
};

// A partition, read from its beginning when all is over.
struct FinalPartition {
  std::vector<std::pair<int64_t, Value>> all;
  std::vector<std::pair<int64_t, Value>> committed;
  int64_t end = 0;
};

struct History {
  uint64_t clock = 0;  // of events
  std::map<Value, Write> writes;
  std::map<uint64_t, TransactionOp> transactions;
  std::vector<Incarnation> incarnations;
  std::vector<PollOp> polls;
  std::vector<OffsetOp> offsets;
  std::map<int, FinalPartition> final;

  // Each committed value of these partitions is to be processed once by the pipeline.
  struct Pipeline {
    std::set<int> sources;
    bool drained = false;  // it was given the time
  };
  std::map<std::string, Pipeline> pipelines;
  std::set<Value> ends;  // pipelines make nothing of these
  // Groups to which a late request came through that the protocol can't tell from a new one.
  std::set<std::string> flawed_groups;
  // What a flipped bit hit: nothing is promised there but that it is said.
  std::map<int, std::set<int64_t>> damaged;
  // What clients found wrong on the spot: kind, what.
  std::vector<std::pair<std::string, std::string>> found;

  uint64_t Tick() { return ++clock; }
  Value Send(int partition, uint64_t writer, uint64_t transaction, Value origin = 0,
             const std::string& pipeline = "") {
    const Value value = writes.size() + 1;
    writes[value] = {value, partition, writer, transaction, Fate::kUnknown, -1, origin, pipeline};
    return value;
  }
  void Acked(Value value, int64_t offset) {
    writes.at(value).fate = Fate::kDone;
    writes.at(value).offset = offset;
  }
  void Refused(Value value) { writes.at(value).fate = Fate::kNot; }
  uint64_t Begin(const std::string& name, int64_t producer_id, int16_t epoch) {
    const uint64_t id = transactions.size() + 1;
    TransactionOp& transaction = transactions[id];
    transaction.id = id;
    transaction.name = name;
    transaction.producer_id = producer_id;
    transaction.epoch = epoch;
    return id;
  }
  void Wrong(const std::string& kind, const std::string& what) { found.emplace_back(kind, what); }
};

}  // namespace weir::log::kafka::sim
