// ConsumerGroups: the protocol in which the broker assigns. Members send heartbeats with what they
// subscribe to and what they own; the answers say what to own now. A change of members,
// subscriptions or topics makes a new group epoch with a target for everybody, towards which each
// member goes by itself: first it gives up what is no longer its own, then it gets what others gave
// up. Nobody stops who keeps what it has.
//
// Every step is durable before its answer. A step that can't be written did not happen: the group
// is what its rows say.
//
// Errors, as Kafka's broker: INVALID_REQUEST, GROUP_ID_NOT_FOUND, UNKNOWN_MEMBER_ID,
// FENCED_MEMBER_EPOCH, UNRELEASED_INSTANCE_ID, FENCED_INSTANCE_ID, UNSUPPORTED_ASSIGNOR,
// GROUP_MAX_SIZE_REACHED, INVALID_REGULAR_EXPRESSION.
// Thread rule: the log's thread.
// Source: KIP-848.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "weir/base/metrics.h"
#include "weir/log/groups/assignors.h"
#include "weir/log/groups/consumer_group.h"
#include "weir/log/groups/group_context.h"

namespace weir::log {

using ConsumerHeartbeatDone = std::function<void(ConsumerGroupHeartbeatResponse)>;

class ConsumerGroups {
 public:
  ConsumerGroups(GroupContext& context, MetricRegistry& metrics);

  // Makes the group what its rows say. False if they are not a consumer group's.
  bool Load(const std::string& group_id);

  ConsumerGroup* Find(const std::string& group_id);
  // The caller has seen to the rows.
  void Forget(const std::string& group_id);
  const std::unordered_map<std::string, std::unique_ptr<ConsumerGroup>>& all() const {
    return groups_;
  }

  // For requests in which Check finds nothing wrong.
  void Heartbeat(const GroupCaller& caller, const ConsumerGroupHeartbeatRequest& request,
                 ConsumerHeartbeatDone done);
  kafka::KafkaError Check(const GroupCaller& caller, const ConsumerGroupHeartbeatRequest& request,
                          std::string* message) const;
  // An administrator removes an instance.
  kafka::KafkaError RemoveInstance(ConsumerGroup& group, const std::string& instance_id);

  // May this member commit, or read, offsets?
  static kafka::KafkaError CheckMember(ConsumerGroup& group, const std::string& member_id,
                                       int32_t epoch);

  // Topics were made, removed or got partitions: groups look at their next heartbeat.
  void TopicsChanged() { looked_ms_.clear(); }

  uint64_t members() const { return members_; }

 private:
  ConsumerMember* FindOrAdd(ConsumerGroup& group, const ConsumerGroupHeartbeatRequest& request,
                            const std::string& member_id, kafka::KafkaError* error,
                            std::string* message, std::string* replaced, bool* is_new);
  // True if what it subscribes to is another thing now. An expression that is new to the group is
  // not yet, as in Kafka: the group's next heartbeat resolves it.
  static bool Update(const ConsumerGroup& group, ConsumerMember& member, const GroupCaller& caller,
                     const ConsumerGroupHeartbeatRequest& request,
                     std::shared_ptr<const TopicPattern> pattern);
  void Leave(ConsumerGroup& group, const ConsumerGroupHeartbeatRequest& request,
             ConsumerHeartbeatDone done);
  // The member is out; its partitions are free.
  bool Fence(ConsumerGroup& group, const std::string& member_id);
  void UpdateTargets(ConsumerGroup& group);
  AssignmentInput InputOf(const ConsumerGroup& group) const;
  static uint64_t Digest(const AssignmentInput& input);
  bool TimeToLook(const std::string& group_id);

  // Writes the rows that are not what they were, of one member or (null) of all. False if they
  // can't be: the group is as before, and what points into it points nowhere.
  bool Write(ConsumerGroup& group, std::vector<StateChange> rows, const ConsumerMember* only);
  void AddRow(std::vector<StateChange>* rows, const std::string& key, std::string value) const;
  void ExtendSession(ConsumerGroup& group, ConsumerMember& member);
  void WatchRevocation(ConsumerGroup& group, ConsumerMember& member);

  GroupContext& context_;
  std::unordered_map<std::string, std::unique_ptr<ConsumerGroup>> groups_;
  uint64_t members_ = 0;
  // When a group last looked for changes of topics.
  std::unordered_map<std::string, int64_t> looked_ms_;
  // Rows of these groups were written up to here.
  Position written_ = 0;

  Counter& epochs_;
  Counter& expired_;
};

}  // namespace weir::log
