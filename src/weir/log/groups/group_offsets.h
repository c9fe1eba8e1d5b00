// GroupOffsets: what groups committed, and what transactions staged for them: a view of the rows
// "go" (committed) and "gp" (pending) of the state store. Nothing changes but by a row.
//
//   const auto rows = offsets.EndTransaction(producer_id, /*committed=*/true);
//   log.Commit(markers, rows, nullptr);  // one group with the markers
//   for (const StateChange& row : rows) offsets.Apply(row);
//
// An offset belongs to the topic's id: a topic of the same name made later begins without any.
// Of a staged offset and a plain commit for the same partition the one that came later counts, also
// after a restart: each carries the number of its commit.
//
// Thread rule: the log's thread.
// Sources: KIP-98 and KIP-447 (pending offsets), KIP-211 (expiry).
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "weir/log/state_store.h"
#include "weir/log/topics.h"

namespace weir::log {

struct CommittedOffset {
  int64_t offset = -1;
  int32_t leader_epoch = -1;
  std::string metadata;
  int64_t commit_ms = 0;
  uint64_t number = 0;  // later commits have greater ones
};

struct OffsetPlace {
  TopicId topic{};
  int32_t partition = 0;
  auto operator<=>(const OffsetPlace&) const = default;
};

class GroupOffsets {
 public:
  static constexpr const char* kCommittedPrefix = "go";
  static constexpr const char* kPendingPrefix = "gp";

  // --- rows ---
  // The number of `value` is set here.
  StateChange Put(const std::string& group, const OffsetPlace& place, CommittedOffset value);
  StateChange Stage(int64_t producer_id, const std::string& group, const OffsetPlace& place,
                    CommittedOffset value);
  static StateChange Remove(const std::string& group, const OffsetPlace& place);
  // What is there, and what is pending.
  std::vector<StateChange> RemovePlace(const std::string& group, const OffsetPlace& place) const;
  // Makes what the producer staged visible, or drops it.
  std::vector<StateChange> EndTransaction(int64_t producer_id, bool committed) const;
  // Committed and pending.
  std::vector<StateChange> RemoveGroup(const std::string& group) const;
  std::vector<StateChange> RemoveTopic(const TopicId& topic) const;

  // Takes over a row. False if it is none of these two tables, or can't be understood. `of`: whose
  // row it is, if asked for.
  bool Apply(const StateChange& change, std::string* of = nullptr);

  // --- what there is ---
  const CommittedOffset* Find(const std::string& group, const OffsetPlace& place) const;
  bool IsPending(const std::string& group, const OffsetPlace& place) const;
  bool HasPending(const std::string& group) const;
  void ForEach(const std::string& group,
               const std::function<void(const OffsetPlace&, const CommittedOffset&)>& f) const;
  void ForEachGroup(const std::function<void(const std::string& group)>& f) const;
  // Groups for which the producer staged something.
  std::vector<std::string> StagedGroups(int64_t producer_id) const;
  uint64_t committed() const { return committed_; }
  uint64_t pending() const { return pending_; }

 private:
  using Place = std::pair<std::string, OffsetPlace>;
  struct OfGroup {
    std::map<OffsetPlace, CommittedOffset> committed;
    std::map<OffsetPlace, uint32_t> pending;  // how many producers staged one
    bool empty() const { return committed.empty() && pending.empty(); }
  };

  void ApplyCommitted(const std::string& group, const OffsetPlace& place,
                      const CommittedOffset* value);
  void ApplyPending(int64_t producer_id, const std::string& group, const OffsetPlace& place,
                    const CommittedOffset* value);

  std::unordered_map<std::string, OfGroup> groups_;
  std::map<int64_t, std::map<Place, CommittedOffset>> staged_;
  uint64_t committed_ = 0;
  uint64_t pending_ = 0;
  uint64_t next_number_ = 1;
};

}  // namespace weir::log
