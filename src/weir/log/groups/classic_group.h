// ClassicGroup: who is in a group of the classic protocol, which generation it is in, and how far a
// rebalance has come. What happens when is decided in classic_groups.h; here is what is true.
//
// Invariants: a static instance belongs to one member; every member has the group's protocol type;
// the leader is a member.
//
// Thread rule: the log's thread.
// Sources: Kafka's classic group protocol, KIP-345 (static members), KIP-394 (pending members).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "weir/log/groups/alarm.h"
#include "weir/log/groups/group_messages.h"

namespace weir::log {

enum class ClassicState { kEmpty, kPreparingRebalance, kCompletingRebalance, kStable };

const char* ClassicStateName(ClassicState state);  // "PreparingRebalance"

using JoinGroupDone = std::function<void(JoinGroupResponse)>;
using SyncGroupDone = std::function<void(SyncGroupResponse)>;

struct ClassicMember {
  explicit ClassicMember(Timers& timers) : session(timers) {}

  std::string id;
  std::optional<std::string> instance_id;
  std::string client_id;
  std::string client_host;
  int32_t rebalance_timeout_ms = 0;
  int32_t session_timeout_ms = 0;
  std::vector<GroupProtocol> protocols;
  std::string assignment;

  JoinGroupDone join;   // set: awaits the end of the join phase
  SyncGroupDone sync;   // set: awaits the leader's assignment
  bool is_new = false;  // has not yet had an answer to a join
  Alarm session;

  const std::string& MetadataOf(const std::string& protocol) const;
};

// A member that was given an id, until it joins with it or its time is over.
struct PendingMember {
  PendingMember(Timers& timers, uint64_t* count) : alarm(timers), count_(count) { *count_ += 1; }
  ~PendingMember() { *count_ -= 1; }
  Alarm alarm;

 private:
  uint64_t* const count_;
};

class ClassicGroup {
 public:
  ClassicGroup(Timers& timers, std::string id)
      : id_(std::move(id)), timers_(timers), join(timers) {}

  const std::string& id() const { return id_; }

  // --- as in its row ---
  int32_t generation = 0;
  std::optional<std::string> protocol_type;  // none: only offsets were ever committed
  std::optional<std::string> protocol_name;
  std::string leader;  // a member id; "" for none
  int64_t empty_since_ms = 0;

  std::string EncodeRow() const;
  // False for anything that EncodeRow did not write. Members are there as they were when stable.
  bool DecodeRow(std::string_view row);

  // --- members ---
  ClassicMember* Find(const std::string& member_id);
  ClassicMember& Add(std::unique_ptr<ClassicMember> member);
  // Also a pending one. The callbacks must have been answered.
  void Remove(const std::string& member_id);
  // A static instance comes back under a new id and takes the old one's place and assignment.
  ClassicMember& Replace(const std::string& old_id, const std::string& new_id);
  // "" if no member has it.
  const std::string& MemberOfInstance(const std::string& instance_id) const;
  const std::map<std::string, std::unique_ptr<ClassicMember>>& members() const { return members_; }

  std::map<std::string, std::unique_ptr<PendingMember>> pending;
  // Members that were told the generation and have not asked for their assignment.
  std::set<std::string> awaited_syncs;

  // --- questions ---
  bool AllJoined() const;
  size_t Joining() const;
  int32_t RebalanceTimeoutMs() const;  // the longest of its members
  // The error a request of this member gets whatever it asks; kNone if it is one.
  kafka::KafkaError CheckMember(const std::string& member_id,
                                const std::optional<std::string>& instance_id);
  bool Supports(const std::string& type, const std::vector<GroupProtocol>& protocols) const;
  // The protocol most members want of those that all support.
  std::string SelectProtocol() const;
  // Chooses a leader that has joined, if there is one.
  bool ElectJoinedLeader();
  // Of all members; nothing if that is not known.
  std::optional<std::set<std::string>> SubscribedTopics() const;
  std::vector<JoinGroupResponse::Member> MembersForLeader() const;

  ClassicState state() const { return state_; }
  ClassicState previous_state() const { return previous_state_; }
  void TransitionTo(ClassicState state) {
    previous_state_ = state_;
    state_ = state;
  }

  bool member_added = false;  // during the initial delay

 private:
  const std::string id_;
  Timers& timers_;
  ClassicState state_ = ClassicState::kEmpty;
  ClassicState previous_state_ = ClassicState::kEmpty;
  std::map<std::string, std::unique_ptr<ClassicMember>> members_;
  std::map<std::string, std::string> instances_;  // instance id -> member id

 public:
  Alarm join;  // the end of the join phase, or of waiting for syncs
};

}  // namespace weir::log
