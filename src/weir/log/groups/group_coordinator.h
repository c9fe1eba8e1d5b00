// GroupCoordinator: consumer groups and their committed offsets, as a state machine without
// sockets. Requests are structs, answers come through callbacks.
//
//   GroupCoordinator groups(env, metrics, *log, timers, GroupOptions());
//   groups.JoinGroup({.api_version = 9, .client_id = "app"}, request,
//                    [](JoinGroupResponse response) { write it to the connection });
//   groups.CommitOffsets(caller, commit, [](OffsetCommitResponse response) { ... });
//
// What was answered survives a crash: offsets, generations and assignments are rows of the log's
// state store, and an answer that tells of them is given when they are durable. Offsets that are
// read are durable ones. Sessions, and a rebalance that was under way, begin anew after a restart.
//
// Every callback is called exactly once, from within a call, a timer or EventLog::Advance, but
// never before the coordinator's own work is done: it may call the coordinator. When the
// coordinator goes, callbacks that wait are dropped. If the journal fails for good they wait; who
// asks from then on for offsets of a group whose last ones were not made durable before is answered
// COORDINATOR_LOAD_IN_PROGRESS, of others as ever.
//
// A group is of one type: classic, or consumer (KIP-848). An empty one becomes of the other type
// when somebody joins it so; its offsets stay.
//
// Errors: the protocol's, in the answers. When the log takes no more (its buffer is full, or it
// failed) commits and assignments are answered COORDINATOR_NOT_AVAILABLE, which clients try again.
// More groups than groups_max: the same. More offsets than offsets_max:
// INVALID_COMMIT_OFFSET_SIZE. More members than max_size or members_max: GROUP_MAX_SIZE_REACHED. A
// member that says more about itself than member_bytes_max: INVALID_REQUEST.
// Authorization is the caller's business.
//
// Thread rule: the log's thread. Outlived by env, metrics, log and timers.
// Sources: as in classic_groups.h; KIP-98, KIP-447 (transactional commits), KIP-211 (expiry),
// KIP-496 (OffsetDelete), KIP-229 (DeleteGroups), KIP-518 and KIP-848 (ListGroups filters, consumer
// groups).
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "weir/base/metrics.h"
#include "weir/log/groups/classic_groups.h"
#include "weir/log/groups/consumer_groups.h"
#include "weir/log/groups/group_context.h"
#include "weir/log/groups/group_messages.h"
#include "weir/log/groups/group_offsets.h"

namespace weir::log {

class GroupCoordinator {
 public:
  // Takes over what the log's state store has.
  GroupCoordinator(Env& env, MetricRegistry& metrics, EventLog& log, Timers& timers,
                   const GroupOptions& options);
  ~GroupCoordinator();

  // --- members of classic groups ---
  void JoinGroup(const GroupCaller& caller, const JoinGroupRequest& request,
                 std::function<void(JoinGroupResponse)> done);
  void SyncGroup(const GroupCaller& caller, const SyncGroupRequest& request,
                 std::function<void(SyncGroupResponse)> done);
  void Heartbeat(const GroupCaller& caller, const HeartbeatRequest& request,
                 std::function<void(kafka::KafkaError)> done);
  void LeaveGroup(const GroupCaller& caller, const LeaveGroupRequest& request,
                  std::function<void(LeaveGroupResponse)> done);

  // --- members of consumer groups (KIP-848) ---
  void ConsumerHeartbeat(const GroupCaller& caller, const ConsumerGroupHeartbeatRequest& request,
                         std::function<void(ConsumerGroupHeartbeatResponse)> done);
  std::vector<DescribedConsumerGroup> DescribeConsumerGroups(
      const std::vector<std::string>& group_ids);

  // --- offsets ---
  void CommitOffsets(const GroupCaller& caller, const OffsetCommitRequest& request,
                     std::function<void(OffsetCommitResponse)> done);
  void FetchOffsets(const OffsetFetchRequest& request,
                    std::function<void(OffsetFetchResponse)> done);
  void DeleteOffsets(const OffsetDeleteRequest& request,
                     std::function<void(OffsetDeleteResponse)> done);

  // --- transactions ---
  // Stages offsets under the producer's id; they count when EndTransaction's rows do.
  void TxnCommitOffsets(const GroupCaller& caller, const TxnOffsetCommitRequest& request,
                        std::function<void(OffsetCommitResponse)> done);
  // The rows that make what was staged visible, or drop it. They go into the journal in one group
  // with the markers; once committed, they are handed to Apply. Nothing else ends a transaction.
  std::vector<StateChange> EndTransaction(int64_t producer_id, bool committed) const {
    return offsets_.EndTransaction(producer_id, committed);
  }
  // Groups that wait for the producer.
  std::vector<std::string> StagedGroups(int64_t producer_id) const {
    return offsets_.StagedGroups(producer_id);
  }

  // --- topics ---
  // The rows that forget a topic's offsets: for the same commit as its removal.
  std::vector<StateChange> RemoveTopic(const TopicId& topic) const {
    return offsets_.RemoveTopic(topic);
  }

  // Topics were made, removed or got partitions. Without it groups notice within
  // consumer_metadata_refresh_ms and a heartbeat.
  void TopicsChanged() { consumer_.TopicsChanged(); }

  // Takes over rows of EndTransaction or RemoveTopic, committed up to `end`.
  void Apply(std::span<const StateChange> rows, Position end);

  // --- administration ---
  std::vector<DescribedGroup> DescribeGroups(const std::vector<std::string>& group_ids);
  std::vector<ListedGroup> ListGroups(const ListGroupsRequest& request);
  void DeleteGroups(const std::vector<std::string>& group_ids,
                    std::function<void(std::vector<DeletedGroup>)> done);

  const GroupOffsets& offsets() const { return offsets_; }

 private:
  void Load();
  // The topic that a request means, by name or else by id.
  const Topic* FindTopic(const std::string& name, const TopicId& id,
                         kafka::KafkaError* error) const;
  kafka::KafkaError CheckCommit(const GroupCaller& caller, const OffsetCommitRequest& request,
                                bool transactional);
  void Commit(const GroupCaller& caller, const OffsetCommitRequest& request,
              std::optional<int64_t> producer_id, std::function<void(OffsetCommitResponse)> done);
  kafka::KafkaError CheckFetch(const OffsetFetchRequest& request);
  // When what a group's offsets are now is durable.
  Position OffsetsEnd(const std::string& group_id) const;
  FetchedOffset ReadOffset(const OffsetFetchRequest& request, const OffsetPlace& place) const;
  // Commits rows and takes them over.
  Result<Position> Write(const std::vector<StateChange>& rows);
  void ExpireOffsets();
  // False if the log takes no more.
  bool ExpireGroup(const std::string& group_id, int64_t expired_ms);
  // The removal of the group's row, if it has one.
  void AddGroupRow(const std::string& group_id, std::vector<StateChange>* rows);
  // Nobody is in it, and nobody is on the way.
  bool IsEmpty(const std::string& group_id);
  bool IsKnown(const std::string& group_id);
  void Forget(const std::string& group_id);
  void ShowFigures();

  GroupContext context_;
  // A group id is known to one of the two.
  ClassicGroups classic_;
  ConsumerGroups consumer_;
  GroupOffsets offsets_;
  // Up to where rows of a group's offsets were written, as long as they may not be durable.
  std::unordered_map<std::string, Position> undurable_;
  std::deque<std::pair<Position, std::string>> undurable_in_order_;
  Position loaded_end_ = 0;  // what was there at the start
  Alarm expiry_;

  Gauge& groups_gauge_;
  Gauge& members_gauge_;
  Gauge& offsets_gauge_;
  Gauge& pending_gauge_;
  Counter& expired_offsets_;
};

}  // namespace weir::log
