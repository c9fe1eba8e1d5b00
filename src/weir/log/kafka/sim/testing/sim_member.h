// SimMember: a consumer's place in a group: none (partitions are assigned by the program), a member
// of a classic group, or of one of KIP-848. It keeps the fetcher's partitions and positions as the
// group wants them, and commits them.
//
// Thread rule: one thread.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "weir/log/kafka/messages/consumer_group_heartbeat.h"
#include "weir/log/kafka/messages/heartbeat.h"
#include "weir/log/kafka/messages/join_group.h"
#include "weir/log/kafka/messages/offset_commit.h"
#include "weir/log/kafka/messages/offset_fetch.h"
#include "weir/log/kafka/messages/sync_group.h"
#include "weir/log/kafka/sim/testing/sim_fetcher.h"
#include "weir/log/kafka/sim/testing/sim_producer.h"

namespace weir::log::kafka::sim {

enum class Membership { kAssigned, kClassic, kConsumer };

class SimMember {
 public:
  SimMember(SimProcess& process, SimFetcher& fetcher, Membership membership, std::string group,
            const SimTopic& topic)
      : process_(process),
        fetcher_(fetcher),
        membership_(membership),
        group_(std::move(group)),
        topic_(topic) {}

  const std::string& group() const { return group_; }
  GroupIdentity identity() const {
    return {group_, member_id_, membership_ == Membership::kAssigned ? -1 : epoch_};
  }
  // Positions are those that are committed, once more.
  void Rewind() { fetch_ = true; }

  // What is due now. False: it can't read yet.
  Task<bool> Tick() {
    bool well = true;
    if (membership_ == Membership::kAssigned && !joined_) {
      std::set<int> all;
      for (int i = 0; i < topic_.partitions; ++i) all.insert(topic_.first + i);
      Own(all);
      joined_ = true;
    } else if (membership_ == Membership::kClassic) {
      well = co_await ClassicTick();
    } else if (membership_ == Membership::kConsumer) {
      well = co_await ConsumerTick();
    }
    if (!well || !joined_) co_return false;
    if (fetch_) well = co_await FetchOffsets();
    co_return well;
  }

  // The positions, for what they are now.
  Task<bool> Commit() {
    if (fetcher_.positions.empty()) co_return true;
    OffsetCommitRequest request;
    request.group_id = group_;
    const GroupIdentity who = identity();
    request.generation_id_or_member_epoch = who.generation;
    request.member_id = who.member_id;
    request.topics.emplace_back();
    request.topics[0].name = topic_.name;
    const std::map<int, int64_t> positions = fetcher_.positions;
    for (const auto& [partition, position] : positions) {
      request.topics[0].partitions.emplace_back();
      request.topics[0].partitions.back().partition_index = partition - topic_.first;
      request.topics[0].partitions.back().committed_offset = position;
    }
    const uint64_t asked = process_.history().Tick();
    const RequestNote note{0, group_};
    const Reply<OffsetCommitResponse> reply =
        co_await process_.Ask<OffsetCommitRequest, OffsetCommitResponse>(request, int16_t{9}, note);
    if (!reply.message) co_return false;
    for (const auto& partition : reply.message->topics.at(0).partitions) {
      const KafkaError error = static_cast<KafkaError>(partition.error_code);
      if (error == KafkaError::kNone) {
        const int which = topic_.first + partition.partition_index;
        Committed(which, positions.at(which), asked);
      } else if (error != KafkaError::kStaleMemberEpoch && !IsRetriable(error)) {
        process_.Tell("OffsetCommit: " + std::string(KafkaErrorName(error)));
        Lost(error);
        co_return false;
      }
    }
    co_return true;
  }
  // The history's word for an offset that was acknowledged.
  void Committed(int partition, int64_t offset, uint64_t asked) {
    process_.history().offsets.push_back(
        {group_, partition, offset, asked, process_.history().Tick(), false});
  }

 private:
  static constexpr int32_t kSessionMs = 10'000;
  static constexpr int32_t kRebalanceMs = 15'000;
  static constexpr int64_t kHeartbeatUs = 2'000'000;

  void Lost(KafkaError error) {
    joined_ = false;
    if (membership_ == Membership::kClassic && error == KafkaError::kUnknownMemberId) {
      member_id_.clear();
    }
    if (membership_ == Membership::kConsumer) epoch_ = 0;
    full_ = true;
    fetcher_.positions.clear();
    told_.clear();
    fetcher_.NewSession();
  }

  // These and no others.
  void Own(const std::set<int>& partitions) {
    told_ = partitions;
    bool changed = false;
    for (auto at = fetcher_.positions.begin(); at != fetcher_.positions.end();) {
      if (partitions.count(at->first) > 0) {
        ++at;
        continue;
      }
      at = fetcher_.positions.erase(at);
      changed = true;
    }
    for (const int partition : partitions) {
      if (fetcher_.positions.count(partition) == 0) fetch_ = true;
    }
    if (changed) fetcher_.NewSession();
  }

  Task<bool> FetchOffsets() {
    OffsetFetchRequest request;
    request.require_stable = true;
    OffsetFetchRequest::OffsetFetchRequestGroup& group = request.groups.emplace_back();
    group.group_id = group_;
    if (membership_ == Membership::kConsumer) {
      group.member_id = member_id_;
      group.member_epoch = epoch_;
    }
    group.topics->emplace_back();
    group.topics->back().name = topic_.name;
    const std::set<int> wanted = told_;
    for (const int partition : wanted) {
      group.topics->back().partition_indexes.push_back(partition - topic_.first);
    }
    const uint64_t asked = process_.history().Tick();
    const Reply<OffsetFetchResponse> reply =
        co_await process_.Ask<OffsetFetchRequest, OffsetFetchResponse>(request, int16_t{9});
    if (!reply.message) co_return false;
    const auto& answer = reply.message->groups.at(0);
    if (answer.error_code != 0) {
      const KafkaError error = static_cast<KafkaError>(answer.error_code);
      process_.Tell("OffsetFetch: " + std::string(KafkaErrorName(error)));
      if (!IsRetriable(error) && error != KafkaError::kStaleMemberEpoch) Lost(error);
      co_return false;
    }
    for (const auto& partition : answer.topics.at(0).partitions) {
      if (partition.error_code != 0) co_return false;  // offsets wait for a transaction
    }
    for (const auto& partition : answer.topics.at(0).partitions) {
      const int which = topic_.first + partition.partition_index;
      const int64_t offset = partition.committed_offset;
      process_.history().offsets.push_back(
          {group_, which, offset, asked, process_.history().Tick(), true});
      fetcher_.positions[which] = std::max<int64_t>(offset, 0);
    }
    fetcher_.NewSession();
    fetch_ = false;
    co_return true;
  }

  // --- classic: eager ---
  std::string Subscription() const {
    std::string metadata("\0\0\0\0\0\1", 6);
    metadata += '\0';
    metadata += static_cast<char>(topic_.name.size());
    return metadata + topic_.name + std::string("\xff\xff\xff\xff", 4);
  }

  Task<bool> ClassicTick() {
    if (joined_) {
      if (process_.loop().NowUs() < beats_us_) co_return true;
      beats_us_ = process_.loop().NowUs() + kHeartbeatUs;
      HeartbeatRequest request;
      request.group_id = group_;
      request.generation_id = epoch_;
      request.member_id = member_id_;
      const Reply<HeartbeatResponse> reply =
          co_await process_.Ask<HeartbeatRequest, HeartbeatResponse>(request, int16_t{4});
      if (!reply.message) co_return true;
      const KafkaError error = static_cast<KafkaError>(reply.message->error_code);
      if (error != KafkaError::kNone && !IsRetriable(error)) Lost(error);
      co_return joined_;
    }
    JoinGroupRequest join;
    join.group_id = group_;
    join.session_timeout_ms = kSessionMs;
    join.rebalance_timeout_ms = kRebalanceMs;
    join.member_id = member_id_;
    join.protocol_type = "consumer";
    join.protocols.emplace_back();
    join.protocols[0].name = "range";
    join.protocols[0].metadata = Subscription();
    const RequestNote none;
    const Reply<JoinGroupResponse> joined =
        co_await process_.Ask<JoinGroupRequest, JoinGroupResponse>(join, int16_t{9}, none,
                                                                   int64_t{20'000'000});
    if (!joined.message) co_return false;
    const KafkaError error = static_cast<KafkaError>(joined.message->error_code);
    if (error == KafkaError::kMemberIdRequired) member_id_ = joined.message->member_id;
    if (error == KafkaError::kUnknownMemberId) member_id_.clear();
    if (error != KafkaError::kNone) co_return false;
    member_id_ = joined.message->member_id;
    epoch_ = joined.message->generation_id;
    SyncGroupRequest sync;
    sync.group_id = group_;
    sync.generation_id = epoch_;
    sync.member_id = member_id_;
    sync.protocol_type = "consumer";
    sync.protocol_name = "range";
    const auto& members = joined.message->members;
    if (!joined.message->skip_assignment) {
      for (size_t i = 0; i < members.size(); ++i) {
        auto& each = sync.assignments.emplace_back();
        each.member_id = members[i].member_id;
        for (int32_t p = 0; p < topic_.partitions; ++p) {
          if (static_cast<size_t>(p) % members.size() == i) each.assignment += static_cast<char>(p);
        }
      }
    }
    const Reply<SyncGroupResponse> synced =
        co_await process_.Ask<SyncGroupRequest, SyncGroupResponse>(sync, int16_t{5}, none,
                                                                   int64_t{20'000'000});
    if (!synced.message || synced.message->error_code != 0) {
      if (synced.message) Lost(static_cast<KafkaError>(synced.message->error_code));
      co_return false;
    }
    std::set<int> partitions;
    for (const char p : synced.message->assignment) partitions.insert(topic_.first + p);
    joined_ = true;
    beats_us_ = process_.loop().NowUs() + kHeartbeatUs;
    fetcher_.positions.clear();
    fetcher_.NewSession();
    Own(partitions);
    process_.Tell("generation " + std::to_string(epoch_) + " of " + group_ + ", " +
                  std::to_string(partitions.size()) + " partitions");
    co_return true;
  }

  // --- KIP-848 ---
  Task<bool> ConsumerTick() {
    if (joined_ && !said_ && process_.loop().NowUs() < beats_us_) co_return true;
    beats_us_ = process_.loop().NowUs() + kHeartbeatUs;
    if (member_id_.empty()) {
      member_id_ = process_.name() + "-" + std::to_string(process_.loop().Below(1'000'000'000));
    }
    ConsumerGroupHeartbeatRequest request;
    request.group_id = group_;
    request.member_id = member_id_;
    request.member_epoch = epoch_;
    request.topic_partitions.emplace();
    if (!fetcher_.positions.empty() || !told_.empty()) {
      auto& owned = request.topic_partitions->emplace_back();
      owned.topic_id = topic_.id;
      for (const int partition : told_) owned.partitions.push_back(partition - topic_.first);
    }
    if (!joined_ || full_) {
      if (!joined_) request.topic_partitions->clear();
      request.rebalance_timeout_ms = kRebalanceMs;
      request.subscribed_topic_names.emplace();
      request.subscribed_topic_names->push_back(topic_.name);
    }
    const Reply<ConsumerGroupHeartbeatResponse> reply =
        co_await process_.Ask<ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse>(
            request, int16_t{1});
    said_ = false;
    if (!reply.message) {
      full_ = true;
      co_return joined_;
    }
    const KafkaError error = static_cast<KafkaError>(reply.message->error_code);
    if (IsRetriable(error)) co_return joined_;
    if (error != KafkaError::kNone) {
      process_.Tell("ConsumerGroupHeartbeat: " + std::string(KafkaErrorName(error)));
      Lost(error);
      co_return false;
    }
    full_ = false;
    joined_ = true;
    epoch_ = reply.message->member_epoch;
    if (reply.message->assignment) {
      std::set<int> partitions;
      for (const auto& topic : reply.message->assignment->topic_partitions) {
        for (const int32_t index : topic.partitions) partitions.insert(topic_.first + index);
      }
      process_.Tell("epoch " + std::to_string(epoch_) + " of " + group_ + ", " +
                    std::to_string(partitions.size()) + " partitions");
      said_ = partitions != told_;  // what it gave up, or took, is to be said soon
      Own(partitions);
    }
    co_return true;
  }

  SimProcess& process_;
  SimFetcher& fetcher_;
  const Membership membership_;
  const std::string group_;
  const SimTopic topic_;

  bool joined_ = false;
  bool full_ = true;   // KIP-848: the next heartbeat says everything
  bool said_ = false;  // KIP-848: the next heartbeat is due now
  bool fetch_ = false;
  std::string member_id_;
  int32_t epoch_ = 0;  // or generation
  int64_t beats_us_ = 0;
  std::set<int> told_;
};

}  // namespace weir::log::kafka::sim
