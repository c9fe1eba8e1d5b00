// ClassicGroups: the classic group protocol. Clients join; once all known members have joined (or
// their time is over) one of them, the leader, is given everybody's metadata and sends the
// assignments, which are written down before anybody gets one.
//
//   Empty -> PreparingRebalance -> CompletingRebalance -> Stable -> PreparingRebalance ...
//
// A generation, its members and assignments are durable before it is Stable; after a restart the
// group goes on in it and members notice nothing if they send a heartbeat within their session.
//
// Each callback is called once. Errors: as Kafka's broker, per call in the .cc.
// Thread rule: the log's thread.
// Sources: Kafka's protocol guide (JoinGroup, SyncGroup, Heartbeat, LeaveGroup); KIP-62 (rebalance
// timeout), KIP-134 (initial delay), KIP-345 (static members), KIP-394 (member id required),
// KIP-559 (protocol checks in SyncGroup), KIP-800 (reasons), KIP-814 (skip assignment).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "weir/base/metrics.h"
#include "weir/log/groups/classic_group.h"
#include "weir/log/groups/group_context.h"

namespace weir::log {

class ClassicGroups {
 public:
  static constexpr const char* kRowPrefix = "gg";  // shared with the other type of groups

  ClassicGroups(GroupContext& context, MetricRegistry& metrics);

  // Takes over a row at the start: sessions begin anew. False if it is not one of a classic group.
  bool Load(const std::string& group_id, std::string_view row);

  ClassicGroup* Find(const std::string& group_id);
  ClassicGroup& GetOrAdd(const std::string& group_id);
  // The caller has seen to the row.
  void Forget(const std::string& group_id);
  const std::unordered_map<std::string, std::unique_ptr<ClassicGroup>>& all() const {
    return groups_;
  }

  void Join(const GroupCaller& caller, const JoinGroupRequest& request, JoinGroupDone done);
  void Sync(const SyncGroupRequest& request, SyncGroupDone done);
  kafka::KafkaError Heartbeat(const HeartbeatRequest& request);
  LeaveGroupResponse Leave(const LeaveGroupRequest& request);

  // May this member commit offsets? `transactional`: a state is not asked for (KIP-447).
  kafka::KafkaError CheckCommit(ClassicGroup& group, const OffsetCommitRequest& request,
                                bool transactional);

  // Also those that were given an id and have not joined.
  uint64_t members() const { return members_ + pending_; }

 private:
  void JoinNew(ClassicGroup& group, const GroupCaller& caller, const JoinGroupRequest& request,
               JoinGroupDone done);
  void JoinKnown(ClassicGroup& group, const GroupCaller& caller, const JoinGroupRequest& request,
                 JoinGroupDone done);
  bool Accepts(ClassicGroup& group, const std::string& member_id) const;
  void AddPending(ClassicGroup& group, const std::string& member_id, int32_t session_timeout_ms);
  void AddMember(ClassicGroup& group, const GroupCaller& caller, const JoinGroupRequest& request,
                 const std::string& member_id, JoinGroupDone done);
  void UpdateMember(ClassicMember& member, const JoinGroupRequest& request, JoinGroupDone done);
  // A static instance that is known joins without its member id.
  void ReplaceStatic(ClassicGroup& group, const GroupCaller& caller,
                     const JoinGroupRequest& request, JoinGroupDone done);
  void RemoveMember(ClassicGroup& group, const std::string& member_id, kafka::KafkaError error);

  void RebalanceOrCompleteJoin(ClassicGroup& group);
  void PrepareRebalance(ClassicGroup& group);
  void InitialDelay(const std::string& group_id, int32_t delay_ms, int32_t remaining_ms);
  void CompleteJoinIfAll(ClassicGroup& group);
  void CompleteJoin(ClassicGroup& group);
  void ExpireSyncs(ClassicGroup& group);
  void Propagate(ClassicGroup& group, kafka::KafkaError error);
  void AssignmentWritten(const std::string& group_id, int32_t generation,
                         const std::unordered_map<std::string, std::string>& assignments);

  void ExtendSession(ClassicGroup& group, ClassicMember& member, int64_t ms);
  void SessionExpired(const std::string& group_id, const std::string& member_id);

  void AnswerJoin(ClassicMember& member, JoinGroupResponse response);
  JoinGroupResponse JoinedResponse(const ClassicGroup& group, const std::string& member_id) const;
  Result<Position> WriteRow(const ClassicGroup& group, const std::string& row);

  // A new member is dropped if it is not in a generation by then, and does not ask again.
  static constexpr int64_t kNewMemberJoinTimeoutMs = 5 * 60 * 1000;

  GroupContext& context_;
  uint64_t members_ = 0;
  uint64_t pending_ = 0;  // counted by its members: outlives the groups
  std::unordered_map<std::string, std::unique_ptr<ClassicGroup>> groups_;

  Counter& rebalances_;
  Counter& expired_;
};

}  // namespace weir::log
