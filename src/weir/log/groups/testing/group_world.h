// GroupWorld: a group coordinator on a simulated disk and a clock turned by hand, for tests.
//
// Thread rule: one thread.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "weir/base/sim_env.h"
#include "weir/log/groups/group_coordinator.h"
#include "weir/log/testing/manual_timers.h"

namespace weir::log::testing {

// What a callback was called with.
template <typename Response>
class Reply {
 public:
  std::function<void(Response)> done() {
    return [got = got_](Response response) { got->push_back(std::move(response)); };
  }
  bool ready() const { return got_->size() == 1; }
  size_t calls() const { return got_->size(); }
  const Response& operator*() const {
    EXPECT_EQ(got_->size(), 1u);
    static const Response kNone{};
    return got_->empty() ? kNone : got_->front();
  }
  const Response* operator->() const { return &**this; }

 private:
  std::shared_ptr<std::vector<Response>> got_ = std::make_shared<std::vector<Response>>();
};

inline std::string Subscription(const std::vector<std::string>& topics) {
  std::string bytes("\0\1\0\0\0", 5);
  bytes += static_cast<char>(topics.size());
  for (const std::string& topic : topics) {
    bytes += '\0';
    bytes += static_cast<char>(topic.size());
    bytes += topic;
  }
  return bytes + std::string(4, '\xff');
}

class GroupWorld {
 public:
  explicit GroupWorld(uint64_t seed = 1) : env_(seed) { options_.initial_rebalance_delay_ms = 0; }

  // The coordinator first, as a server would; then the log, from what is on disk.
  void Open() {
    groups_.reset();
    log_.reset();
    EventLogOptions log_options;
    log_options.journal.folder = "/log";
    EventLogRecovery recovery;
    auto opened = EventLog::Open(env_, metrics_, log_options, &recovery);
    ASSERT_TRUE(opened.ok()) << opened.error().ToString();
    log_ = std::move(opened).value();
    groups_ = std::make_unique<GroupCoordinator>(env_, metrics_, *log_, timers_, options_);
  }
  // Without flushing what was not made durable.
  void Crash() {
    env_.Crash();
    groups_.reset();
    log_.reset();
    env_.Restart(SimEnv::CrashKind::kPowerLost);
    Open();
  }
  void Flush() {
    ASSERT_TRUE(log_->journal().Flush().ok());
    log_->Advance(log_->journal().durable());
  }
  void Pass(int64_t ms) {
    env_.SleepMicros(ms * 1000);
    timers_.Pass(ms * 1000);
  }

  const Topic& CreateTopic(const std::string& name, size_t partitions) {
    Topic topic;
    topic.name = name;
    topic.id.bytes[0] = ++topics_;
    std::vector<StateChange> changes;
    topic.partitions = log_->NewPartitionNumbers(partitions, &changes);
    changes.push_back(Topics::Put(topic));
    EXPECT_TRUE(log_->Commit({}, changes, nullptr).ok());
    Flush();
    return *log_->topics().Find(name);
  }

  GroupCoordinator& groups() { return *groups_; }
  EventLog& log() { return *log_; }
  SimEnv& env() { return env_; }
  GroupOptions& options() { return options_; }
  MetricRegistry& metrics() { return metrics_; }
  ManualTimers& timers() { return timers_; }

  // --- classic members ---
  GroupCaller caller{9, "app", "/127.0.0.1"};

  static JoinGroupRequest JoinOf(const std::string& member_id,
                                 const std::vector<GroupProtocol>& protocols = {
                                     {"range", Subscription({"t"})}}) {
    JoinGroupRequest request;
    request.group_id = "g";
    request.session_timeout_ms = 10'000;
    request.rebalance_timeout_ms = 30'000;
    request.member_id = member_id;
    request.protocol_type = "consumer";
    request.protocols = protocols;
    return request;
  }
  Reply<JoinGroupResponse> Join(const JoinGroupRequest& request) {
    Reply<JoinGroupResponse> reply;
    groups_->JoinGroup(caller, request, reply.done());
    return reply;
  }
  // An id for a dynamic member, which it must join with.
  std::string NewMemberId(JoinGroupRequest request = JoinOf("")) {
    request.member_id.clear();
    const auto reply = Join(request);
    EXPECT_EQ(reply->error, kafka::KafkaError::kMemberIdRequired);
    return reply->member_id;
  }
  Reply<SyncGroupResponse> Sync(const std::string& member_id, int32_t generation,
                                const std::vector<SyncGroupRequest::Assignment>& assignments = {}) {
    SyncGroupRequest request;
    request.group_id = "g";
    request.generation_id = generation;
    request.member_id = member_id;
    request.protocol_type = "consumer";
    request.assignments = assignments;
    return Sync(request);
  }
  Reply<SyncGroupResponse> Sync(const SyncGroupRequest& request) {
    Reply<SyncGroupResponse> reply;
    groups_->SyncGroup(caller, request, reply.done());
    return reply;
  }
  kafka::KafkaError Heartbeat(const std::string& member_id, int32_t generation,
                              std::optional<std::string> instance_id = std::nullopt) {
    Reply<kafka::KafkaError> reply;
    groups_->Heartbeat(caller, {"g", generation, member_id, std::move(instance_id)}, reply.done());
    return *reply;
  }
  LeaveGroupResponse Leave(const std::vector<LeavingMember>& members) {
    Reply<LeaveGroupResponse> reply;
    groups_->LeaveGroup(caller, {"g", members}, reply.done());
    return *reply;
  }
  // A group of one member, stable. Returns its id.
  std::string StableMember() {
    const std::string member_id = NewMemberId();
    const auto joined = Join(JoinOf(member_id));
    EXPECT_EQ(joined->error, kafka::KafkaError::kNone);
    const auto synced = Sync(member_id, joined->generation_id, {{member_id, "mine"}});
    Flush();
    EXPECT_EQ(synced->error, kafka::KafkaError::kNone);
    return member_id;
  }
  std::string State(const std::string& group_id = "g") {
    return groups_->DescribeGroups({group_id})[0].state;
  }

  // --- members of consumer groups ---
  static ConsumerGroupHeartbeatRequest JoinAs(const std::string& member_id,
                                              const std::vector<std::string>& topics = {"t"}) {
    ConsumerGroupHeartbeatRequest request;
    request.group_id = "g";
    request.member_id = member_id;
    request.rebalance_timeout_ms = 30'000;
    request.subscribed_topics = topics;
    request.owned.emplace();
    return request;
  }
  static ConsumerGroupHeartbeatRequest BeatAs(const std::string& member_id, int32_t epoch,
                                              std::optional<PartitionSet> owned = std::nullopt) {
    ConsumerGroupHeartbeatRequest request;
    request.group_id = "g";
    request.member_id = member_id;
    request.member_epoch = epoch;
    request.owned = std::move(owned);
    return request;
  }
  // Once durable.
  ConsumerGroupHeartbeatResponse Beat(const ConsumerGroupHeartbeatRequest& request) {
    Reply<ConsumerGroupHeartbeatResponse> reply;
    GroupCaller consumer = caller;
    consumer.api_version = 1;
    groups_->ConsumerHeartbeat(consumer, request, reply.done());
    Flush();
    return *reply;
  }
  DescribedConsumerGroup DescribeConsumers() { return groups_->DescribeConsumerGroups({"g"})[0]; }
  PartitionSet Partitions(const std::string& topic, const std::set<int32_t>& indexes) {
    return {{log_->topics().Find(topic)->id, indexes}};
  }

  // --- offsets ---
  static OffsetCommitRequest CommitOf(const std::string& topic, int32_t partition, int64_t offset,
                                      const std::string& member_id = "", int32_t generation = -1) {
    OffsetCommitRequest request;
    request.group_id = "g";
    request.member_id = member_id;
    request.generation_or_epoch = generation;
    request.topics = {{topic, {}, {{partition, offset, 3, "note"}}}};
    return request;
  }
  Reply<OffsetCommitResponse> Commit(const OffsetCommitRequest& request) {
    Reply<OffsetCommitResponse> reply;
    groups_->CommitOffsets(caller, request, reply.done());
    return reply;
  }
  // The error of its only partition, once durable.
  kafka::KafkaError Committed(const OffsetCommitRequest& request) {
    const auto reply = Commit(request);
    Flush();
    return reply->topics.at(0).partitions.at(0).error;
  }
  kafka::KafkaError TxnCommitted(int64_t producer_id, const OffsetCommitRequest& request) {
    Reply<OffsetCommitResponse> reply;
    groups_->TxnCommitOffsets(caller, {request, producer_id, 0}, reply.done());
    Flush();
    return reply->topics.at(0).partitions.at(0).error;
  }
  void EndTransaction(int64_t producer_id, bool committed) {
    const auto rows = groups_->EndTransaction(producer_id, committed);
    const auto end = log_->Commit({}, rows, nullptr);
    ASSERT_TRUE(end.ok());
    groups_->Apply(rows, *end);
    Flush();
  }
  FetchedOffset Fetch(const std::string& topic, int32_t partition, bool require_stable = false) {
    OffsetFetchRequest request;
    request.group_id = "g";
    request.topics = {{topic, {}, {partition}}};
    request.require_stable = require_stable;
    Reply<OffsetFetchResponse> reply;
    groups_->FetchOffsets(request, reply.done());
    Flush();
    return reply->topics.at(0).partitions.at(0);
  }
  int64_t Offset(const std::string& topic, int32_t partition) {
    return Fetch(topic, partition).offset;
  }

 private:
  SimEnv env_;
  MetricRegistry metrics_;
  ManualTimers timers_;
  GroupOptions options_;
  uint8_t topics_ = 0;
  std::unique_ptr<EventLog> log_;
  std::unique_ptr<GroupCoordinator> groups_;
};

}  // namespace weir::log::testing
