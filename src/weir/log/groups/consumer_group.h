// ConsumerGroup: a group of the KIP-848 protocol: its members, what each of them may read now
// (assigned), has to give up first (revoking), and is to read in the end (target). What happens
// when is decided in consumer_groups.h.
//
// Invariant: no partition is assigned to, or being revoked from, two members.
//
// Thread rule: the log's thread.
// Source: KIP-848, Group and Member States, Rebalance Process.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weir/log/groups/alarm.h"
#include "weir/log/groups/group_messages.h"
#include "weir/log/groups/topic_pattern.h"
#include "weir/log/state_store.h"

namespace weir::log {

constexpr int32_t kLeaveEpoch = -1;
constexpr int32_t kLeaveForAWhileEpoch = -2;

enum class ReconcileState : uint8_t {
  kStable = 1,
  kUnrevoked = 2,   // has to give up `revoking` first
  kUnreleased = 3,  // waits for what others have not given up yet
};

struct ConsumerMember {
  explicit ConsumerMember(Timers& timers) : session(timers), rebalance(timers) {}

  std::string id;
  std::optional<std::string> instance_id;
  std::optional<std::string> rack_id;
  std::string client_id;
  std::string client_host;
  int32_t rebalance_timeout_ms = -1;
  std::optional<std::string> server_assignor;
  std::vector<std::string> topics;  // ascending
  std::string regex;                // "": none

  int32_t epoch = 0;
  int32_t previous_epoch = 0;
  ReconcileState state = ReconcileState::kStable;
  PartitionSet assigned;
  PartitionSet revoking;
  PartitionSet target;

  std::shared_ptr<const TopicPattern> pattern;     // of regex, once resolved
  std::shared_ptr<const TopicPattern> unresolved;  // of regex, before that: it matches nothing yet
  // As of its last heartbeat; null if there was none since the start.
  std::function<bool(const std::string& topic)> may_describe;
  Alarm session;
  Alarm rebalance;  // to have given up what it has to

  bool ReconciledTo(int32_t target_epoch) const {
    return state == ReconcileState::kStable && epoch == target_epoch;
  }
};

class ConsumerGroup {
 public:
  // One row of the group under kRowPrefix, shared with classic groups; one of each member.
  static constexpr const char* kRowPrefix = "gg";
  static constexpr const char* kMemberPrefix = "gm";
  static constexpr uint64_t kUnresolved = 0;

  ConsumerGroup(Timers& timers, std::string id) : id_(std::move(id)), timers_(timers) {}

  const std::string& id() const { return id_; }

  // --- rows ---
  int32_t epoch = 0;
  int32_t assignment_epoch = 0;  // the targets are those of this epoch
  // A digest of the topics the targets were made for; kUnresolved if an expression waits to be
  // resolved: they are to be made again then.
  uint64_t topics_seen = kUnresolved;
  std::string assignor;  // that made them
  int64_t empty_since_ms = 0;

  std::string GroupKey() const { return kRowPrefix + id_; }
  std::string MemberKey(const std::string& member_id) const;
  static std::string MemberKeyPrefix(const std::string& group_id);
  std::string EncodeRow() const;
  static std::string EncodeMember(const ConsumerMember& member);
  // False for anything these did not write.
  bool DecodeRow(std::string_view row);
  bool DecodeMember(const std::string& member_id, std::string_view row);

  // --- members ---
  const std::map<std::string, std::unique_ptr<ConsumerMember>>& members() const { return members_; }
  ConsumerMember* Find(const std::string& member_id);
  ConsumerMember* FindInstance(const std::string& instance_id);
  ConsumerMember& Add(const std::string& member_id);
  void SetInstance(ConsumerMember& member, const std::string& instance_id);
  // Expressions that wait match from now on. False if there are none.
  bool ResolveExpressions();
  // Of an expression that a member has already; null if there is none, or it is not resolved.
  std::shared_ptr<const TopicPattern> FindResolved(const std::string& regex) const;
  // What it had is free.
  void Remove(const std::string& member_id);
  // A static instance comes back under another id: it has what the old one had, at epoch 0.
  ConsumerMember& Replace(const std::string& old_id, const std::string& new_id);

  // --- partitions ---
  // Steps towards the member's target as far as what it reports to own, and what others still have,
  // allow. `owned` as in the request.
  void Reconcile(ConsumerMember& member, const std::optional<PartitionSet>& owned);
  // "" if nobody.
  const std::string& OwnerOf(const TopicId& topic, int32_t partition) const;
  // Revocation that is not awaited any more.
  void DropRevoking(ConsumerMember& member);

  // --- questions ---
  const char* StateName() const;  // "Reconciling"
  bool IsSubscribedTo(const std::string& topic) const;
  // What most members want; "uniform" if they do not say.
  std::string PreferredAssignor() const;

 private:
  void Step(ConsumerMember& member, int32_t member_epoch, const std::optional<PartitionSet>& owned);
  void SetPartitions(ConsumerMember& member, PartitionSet assigned, PartitionSet revoking);
  static bool OwnsAny(const std::optional<PartitionSet>& owned, const PartitionSet& of);

  const std::string id_;
  Timers& timers_;
  std::map<std::string, std::unique_ptr<ConsumerMember>> members_;
  std::map<std::string, std::string> instances_;              // -> member id
  std::map<TopicId, std::map<int32_t, std::string>> owners_;  // -> member id
};

}  // namespace weir::log
