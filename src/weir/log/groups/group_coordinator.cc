#include "weir/log/groups/group_coordinator.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "weir/log/groups/consumer_protocol.h"

namespace weir::log {

using kafka::KafkaError;

namespace {

constexpr int16_t kMemberEpochVersion = 9;    // of OffsetCommit, KIP-848
constexpr int16_t kGroupNotFoundVersion = 9;  // of OffsetCommit: older ones know no such error

std::string Lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

bool Wanted(const std::vector<std::string>& wanted, const std::string& is) {
  return wanted.empty() || std::any_of(wanted.begin(), wanted.end(), [&](const std::string& each) {
           return Lower(each) == Lower(is);
         });
}

}  // namespace

GroupCoordinator::GroupCoordinator(Env& env, MetricRegistry& metrics, EventLog& log, Timers& timers,
                                   const GroupOptions& options)
    : context_(env, log, timers, options),
      classic_(context_, metrics),
      consumer_(context_, metrics),
      expiry_(timers),
      groups_gauge_(metrics.GetGauge("weir_log_groups", "Groups that are known.")),
      members_gauge_(metrics.GetGauge("weir_log_group_members", "Members of all groups.")),
      offsets_gauge_(
          metrics.GetGauge("weir_log_group_offsets", "Partitions with a committed offset.")),
      pending_gauge_(metrics.GetGauge("weir_log_group_offsets_pending",
                                      "Offsets that wait for the end of a transaction.")),
      expired_offsets_(metrics.GetCounter("weir_log_group_offsets_expired_total",
                                          "Offsets of groups without members that were too old.")) {
  GroupContext::Scope scope(context_);
  Load();
  ExpireOffsets();
}

GroupCoordinator::~GroupCoordinator() = default;

void GroupCoordinator::Load() {
  const StateStore& rows = context_.log.state();
  loaded_end_ = context_.log.journal().end();
  rows.ForEach("g", [this](const std::string& key, const std::string& value) {
    if (key.starts_with(ClassicGroups::kRowPrefix)) {
      const std::string group_id = key.substr(2);
      if (!classic_.Load(group_id, value)) (void)consumer_.Load(group_id);
    } else {
      (void)offsets_.Apply({key, value});
    }
  });
  // Groups that only ever committed offsets have no row.
  offsets_.ForEachGroup([this](const std::string& group) {
    if (!IsKnown(group)) classic_.GetOrAdd(group);
  });
  ShowFigures();
}

void GroupCoordinator::ShowFigures() {
  groups_gauge_.Set(static_cast<double>(classic_.all().size() + consumer_.all().size()));
  members_gauge_.Set(static_cast<double>(classic_.members() + consumer_.members()));
  offsets_gauge_.Set(static_cast<double>(offsets_.committed()));
  pending_gauge_.Set(static_cast<double>(offsets_.pending()));
}

bool GroupCoordinator::IsKnown(const std::string& group_id) {
  return classic_.Find(group_id) != nullptr || consumer_.Find(group_id) != nullptr;
}

bool GroupCoordinator::IsEmpty(const std::string& group_id) {
  if (const ConsumerGroup* group = consumer_.Find(group_id)) return group->members().empty();
  const ClassicGroup* group = classic_.Find(group_id);
  return group == nullptr || group->state() == ClassicState::kEmpty;
}

void GroupCoordinator::Forget(const std::string& group_id) {
  classic_.Forget(group_id);
  consumer_.Forget(group_id);
}

// --- members ---

void GroupCoordinator::JoinGroup(const GroupCaller& caller, const JoinGroupRequest& request,
                                 std::function<void(JoinGroupResponse)> done) {
  GroupContext::Scope scope(context_);
  if (const ConsumerGroup* other = consumer_.Find(request.group_id)) {
    if (!other->members().empty() || !request.member_id.empty()) {
      JoinGroupResponse refused;
      refused.error = other->members().empty() ? KafkaError::kUnknownMemberId
                                               : KafkaError::kInconsistentGroupProtocol;
      refused.member_id = request.member_id;
      return context_.Answer(std::move(done), std::move(refused));
    }
    // Its row is there until the classic group's first one takes its place.
    const int64_t empty_since_ms = other->empty_since_ms;
    consumer_.Forget(request.group_id);
    ClassicGroup& group = classic_.GetOrAdd(request.group_id);
    group.empty_since_ms = empty_since_ms;
  }
  classic_.Join(caller, request, std::move(done));
  ShowFigures();
}

void GroupCoordinator::SyncGroup(const GroupCaller&, const SyncGroupRequest& request,
                                 std::function<void(SyncGroupResponse)> done) {
  GroupContext::Scope scope(context_);
  classic_.Sync(request, std::move(done));
}

void GroupCoordinator::Heartbeat(const GroupCaller&, const HeartbeatRequest& request,
                                 std::function<void(KafkaError)> done) {
  GroupContext::Scope scope(context_);
  context_.Answer(std::move(done), classic_.Heartbeat(request));
}

void GroupCoordinator::LeaveGroup(const GroupCaller&, const LeaveGroupRequest& request,
                                  std::function<void(LeaveGroupResponse)> done) {
  GroupContext::Scope scope(context_);
  if (ConsumerGroup* group = consumer_.Find(request.group_id)) {
    // Members leave such a group by a heartbeat; administrators remove instances so.
    LeaveGroupResponse response;
    for (const LeavingMember& leaving : request.members) {
      KafkaError error = KafkaError::kUnknownMemberId;
      group = consumer_.Find(request.group_id);
      if (group != nullptr && leaving.instance_id && leaving.member_id.empty()) {
        error = consumer_.RemoveInstance(*group, *leaving.instance_id);
      }
      response.members.push_back({leaving.member_id, leaving.instance_id, error});
    }
    context_.Answer(std::move(done), std::move(response));
  } else {
    context_.Answer(std::move(done), classic_.Leave(request));
  }
  ShowFigures();
}

void GroupCoordinator::ConsumerHeartbeat(const GroupCaller& caller,
                                         const ConsumerGroupHeartbeatRequest& request,
                                         std::function<void(ConsumerGroupHeartbeatResponse)> done) {
  GroupContext::Scope scope(context_);
  ConsumerGroupHeartbeatResponse refused;
  refused.error = consumer_.Check(caller, request, &refused.error_message);
  const ClassicGroup* other = classic_.Find(request.group_id);
  if (refused.error == KafkaError::kNone && other != nullptr &&
      (request.member_epoch != 0 || other->state() != ClassicState::kEmpty)) {
    refused.error = KafkaError::kGroupIdNotFound;
    refused.error_message = "Group " + request.group_id + " is not a consumer group.";
  }
  if (refused.error != KafkaError::kNone) {
    return context_.Answer(std::move(done), std::move(refused));
  }
  consumer_.Heartbeat(caller, request, std::move(done));
  if (other != nullptr && consumer_.Find(request.group_id) != nullptr) {
    classic_.Forget(request.group_id);
  }
  ShowFigures();
}

// --- offsets ---

const Topic* GroupCoordinator::FindTopic(const std::string& name, const TopicId& id,
                                         KafkaError* error) const {
  const Topics& topics = context_.log.topics();
  const Topic* topic = name.empty() ? topics.Find(id) : topics.Find(name);
  *error = topic != nullptr ? KafkaError::kNone
           : name.empty()   ? KafkaError::kUnknownTopicId
                            : KafkaError::kUnknownTopicOrPartition;
  return topic;
}

KafkaError GroupCoordinator::CheckCommit(const GroupCaller& caller,
                                         const OffsetCommitRequest& request, bool transactional) {
  if (ConsumerGroup* group = consumer_.Find(request.group_id)) {
    if (request.generation_or_epoch < 0 && group->members().empty()) return KafkaError::kNone;
    const KafkaError error =
        ConsumerGroups::CheckMember(*group, request.member_id, request.generation_or_epoch);
    if (error == KafkaError::kUnknownMemberId) return error;
    // Older versions have no field for a member's epoch.
    if (!transactional && caller.api_version < kMemberEpochVersion) {
      return KafkaError::kUnsupportedVersion;
    }
    return error == KafkaError::kStaleMemberEpoch && transactional ? KafkaError::kIllegalGeneration
                                                                   : error;
  }
  ClassicGroup* group = classic_.Find(request.group_id);
  if (group == nullptr) {
    if (request.generation_or_epoch < 0) {
      // A group that only commits offsets begins so.
      return classic_.all().size() < context_.options.groups_max
                 ? KafkaError::kNone
                 : KafkaError::kCoordinatorNotAvailable;
    }
    return !transactional && caller.api_version >= kGroupNotFoundVersion
               ? KafkaError::kGroupIdNotFound
               : KafkaError::kIllegalGeneration;
  }
  return classic_.CheckCommit(*group, request, transactional);
}

void GroupCoordinator::CommitOffsets(const GroupCaller& caller, const OffsetCommitRequest& request,
                                     std::function<void(OffsetCommitResponse)> done) {
  GroupContext::Scope scope(context_);
  Commit(caller, request, std::nullopt, std::move(done));
}

void GroupCoordinator::TxnCommitOffsets(const GroupCaller& caller,
                                        const TxnOffsetCommitRequest& request,
                                        std::function<void(OffsetCommitResponse)> done) {
  GroupContext::Scope scope(context_);
  Commit(caller, request.commit, request.producer_id, std::move(done));
}

void GroupCoordinator::Commit(const GroupCaller& caller, const OffsetCommitRequest& request,
                              std::optional<int64_t> producer_id,
                              std::function<void(OffsetCommitResponse)> done) {
  const KafkaError refused = CheckCommit(caller, request, producer_id.has_value());
  const int64_t now_ms = context_.NowMs();
  uint64_t count = offsets_.committed() + offsets_.pending();
  std::vector<StateChange> rows;
  OffsetCommitResponse response;
  for (const OffsetCommitTopic& topic : request.topics) {
    TopicErrors& errors = response.topics.emplace_back();
    errors.name = topic.name;
    errors.id = topic.id;
    KafkaError topic_error = KafkaError::kNone;
    const Topic* known = FindTopic(topic.name, topic.id, &topic_error);
    for (const OffsetCommitPartition& partition : topic.partitions) {
      KafkaError error = refused != KafkaError::kNone ? refused : topic_error;
      if (error != KafkaError::kNone) {
      } else if (partition.index < 0 ||
                 static_cast<size_t>(partition.index) >= known->partitions.size()) {
        error = KafkaError::kUnknownTopicOrPartition;
      } else if (partition.metadata &&
                 partition.metadata->size() >
                     static_cast<size_t>(context_.options.offset_metadata_max_bytes)) {
        error = KafkaError::kOffsetMetadataTooLarge;
      } else {
        const OffsetPlace place{known->id, partition.index};
        const bool more = producer_id || offsets_.Find(request.group_id, place) == nullptr;
        if (more && ++count > context_.options.offsets_max) {
          error = KafkaError::kInvalidCommitOffsetSize;
        } else {
          CommittedOffset value;
          value.offset = partition.offset;
          value.leader_epoch = partition.leader_epoch;
          value.metadata = partition.metadata.value_or("");
          value.commit_ms = now_ms;
          rows.push_back(producer_id ? offsets_.Stage(*producer_id, request.group_id, place, value)
                                     : offsets_.Put(request.group_id, place, value));
        }
      }
      errors.partitions.push_back({partition.index, error});
    }
  }
  if (rows.empty()) return context_.Answer(std::move(done), std::move(response));
  const auto written = Write(rows);
  if (!written.ok()) {
    for (TopicErrors& topic : response.topics) {
      for (PartitionError& partition : topic.partitions) {
        if (partition.error == KafkaError::kNone) {
          partition.error = KafkaError::kCoordinatorNotAvailable;
        }
      }
    }
    return context_.Answer(std::move(done), std::move(response));
  }
  if (!IsKnown(request.group_id)) classic_.GetOrAdd(request.group_id);
  ShowFigures();
  context_.WhenDurable(*written, [this, done = std::move(done), response = std::move(response)] {
    context_.Answer(done, response);
  });
}

Result<Position> GroupCoordinator::Write(const std::vector<StateChange>& rows) {
  auto written = context_.log.Commit({}, rows, nullptr);
  if (written.ok()) Apply(rows, *written);
  return written;
}

void GroupCoordinator::Apply(std::span<const StateChange> rows, Position end) {
  const Position durable = context_.log.journal().durable();
  while (!undurable_in_order_.empty() && undurable_in_order_.front().first <= durable) {
    const auto& [position, group] = undurable_in_order_.front();
    const auto found = undurable_.find(group);
    if (found != undurable_.end() && found->second <= durable) undurable_.erase(found);
    undurable_in_order_.pop_front();
  }
  for (const StateChange& row : rows) {
    std::string group;
    if (!offsets_.Apply(row, &group)) continue;
    if (std::exchange(undurable_[group], end) == end) continue;
    undurable_in_order_.emplace_back(end, std::move(group));
  }
  ShowFigures();
}

Position GroupCoordinator::OffsetsEnd(const std::string& group_id) const {
  const auto found = undurable_.find(group_id);
  return found != undurable_.end() ? found->second : loaded_end_;
}

KafkaError GroupCoordinator::CheckFetch(const OffsetFetchRequest& request) {
  ConsumerGroup* group = consumer_.Find(request.group_id);
  // Administrators, and clients of versions without these fields.
  if (group == nullptr || (!request.member_id && request.member_epoch < 0)) {
    return KafkaError::kNone;
  }
  return ConsumerGroups::CheckMember(*group, request.member_id.value_or(""), request.member_epoch);
}

FetchedOffset GroupCoordinator::ReadOffset(const OffsetFetchRequest& request,
                                           const OffsetPlace& place) const {
  FetchedOffset fetched;
  fetched.index = place.partition;
  if (request.require_stable && offsets_.IsPending(request.group_id, place)) {
    fetched.error = KafkaError::kUnstableOffsetCommit;
    return fetched;
  }
  if (const CommittedOffset* value = offsets_.Find(request.group_id, place)) {
    fetched.offset = value->offset;
    fetched.leader_epoch = value->leader_epoch;
    fetched.metadata = value->metadata;
  }
  return fetched;
}

void GroupCoordinator::FetchOffsets(const OffsetFetchRequest& request,
                                    std::function<void(OffsetFetchResponse)> done) {
  GroupContext::Scope scope(context_);
  OffsetFetchResponse response;
  response.group_id = request.group_id;
  response.error = CheckFetch(request);
  if (response.error != KafkaError::kNone) {
    return context_.Answer(std::move(done), std::move(response));
  }
  if (request.topics) {
    for (const OffsetFetchTopic& asked : *request.topics) {
      auto& topic = response.topics.emplace_back();
      topic.name = asked.name;
      topic.id = asked.id;
      KafkaError error = KafkaError::kNone;
      const Topic* known = FindTopic(asked.name, asked.id, &error);
      for (const int32_t index : asked.partitions) {
        if (known != nullptr) {
          topic.partitions.push_back(ReadOffset(request, {known->id, index}));
          continue;
        }
        FetchedOffset nothing;
        nothing.index = index;
        // A name that is not a topic's has no offsets; an id that is not is an error.
        if (error == KafkaError::kUnknownTopicId) nothing.error = error;
        topic.partitions.push_back(nothing);
      }
    }
  } else {
    offsets_.ForEach(request.group_id, [&](const OffsetPlace& place, const CommittedOffset&) {
      const Topic* known = context_.log.topics().Find(place.topic);
      if (known == nullptr) return;
      if (response.topics.empty() || response.topics.back().id != place.topic) {
        response.topics.push_back({known->name, known->id, {}});
      }
      response.topics.back().partitions.push_back(ReadOffset(request, place));
    });
  }
  // A commit that is not durable yet could be gone after a crash, and must not have been seen.
  // After a failed write it is not known before the next start.
  const Position end = OffsetsEnd(request.group_id);
  if (end > context_.log.journal().durable() && context_.log.journal().failure()) {
    response.error = KafkaError::kCoordinatorLoadInProgress;
    for (auto& topic : response.topics) {
      for (FetchedOffset& offset : topic.partitions) {
        const int32_t index = offset.index;
        offset = {};
        offset.index = index;
        offset.error = response.error;
      }
    }
    return context_.Answer(std::move(done), std::move(response));
  }
  context_.WhenDurable(end, [this, done = std::move(done), response = std::move(response)] {
    context_.Answer(done, response);
  });
}

void GroupCoordinator::DeleteOffsets(const OffsetDeleteRequest& request,
                                     std::function<void(OffsetDeleteResponse)> done) {
  GroupContext::Scope scope(context_);
  OffsetDeleteResponse response;
  ClassicGroup* group = classic_.Find(request.group_id);
  ConsumerGroup* consumer = consumer_.Find(request.group_id);
  if (!IsKnown(request.group_id)) {
    response.error = KafkaError::kGroupIdNotFound;
  } else if (group != nullptr && group->state() != ClassicState::kEmpty &&
             group->protocol_type != std::string(kConsumerProtocolType)) {
    // What such members are interested in is not known.
    response.error = KafkaError::kNonEmptyGroup;
  }
  if (response.error != KafkaError::kNone) {
    return context_.Answer(std::move(done), std::move(response));
  }
  const auto classic_topics =
      group != nullptr ? group->SubscribedTopics() : std::optional<std::set<std::string>>();
  const auto subscribed = [&](const std::string& topic) {
    if (consumer != nullptr) return consumer->IsSubscribedTo(topic);
    if (group->state() == ClassicState::kEmpty) return false;
    return !classic_topics || classic_topics->count(topic) != 0;
  };
  std::vector<StateChange> rows;
  for (const OffsetFetchTopic& asked : request.topics) {
    TopicErrors& topic = response.topics.emplace_back();
    topic.name = asked.name;
    topic.id = asked.id;
    KafkaError error = KafkaError::kNone;
    const Topic* known = FindTopic(asked.name, asked.id, &error);
    if (known != nullptr && subscribed(known->name)) error = KafkaError::kGroupSubscribedToTopic;
    for (const int32_t index : asked.partitions) {
      topic.partitions.push_back({index, error});
      if (error != KafkaError::kNone) continue;
      for (StateChange& row : offsets_.RemovePlace(request.group_id, {known->id, index})) {
        rows.push_back(std::move(row));
      }
    }
  }
  if (rows.empty()) return context_.Answer(std::move(done), std::move(response));
  const auto written = Write(rows);
  if (!written.ok()) {
    response.error = KafkaError::kCoordinatorNotAvailable;
    return context_.Answer(std::move(done), std::move(response));
  }
  context_.WhenDurable(*written, [this, done = std::move(done), response = std::move(response)] {
    context_.Answer(done, response);
  });
}

// --- administration ---

std::vector<DescribedGroup> GroupCoordinator::DescribeGroups(
    const std::vector<std::string>& group_ids) {
  std::vector<DescribedGroup> described;
  for (const std::string& group_id : group_ids) {
    DescribedGroup& one = described.emplace_back();
    one.group_id = group_id;
    ClassicGroup* group = classic_.Find(group_id);
    if (group == nullptr) {
      one.error = KafkaError::kGroupIdNotFound;
      one.error_message =
          "Group " + group_id +
          (consumer_.Find(group_id) != nullptr ? " is not a classic group." : " not found.");
      one.state = "Dead";
      continue;
    }
    one.state = ClassicStateName(group->state());
    one.protocol_type = group->protocol_type.value_or("");
    const bool stable = group->state() == ClassicState::kStable;
    if (stable) one.protocol_data = group->protocol_name.value_or("");
    for (const auto& [member_id, member] : group->members()) {
      one.members.push_back({member_id, member->instance_id, member->client_id, member->client_host,
                             stable ? member->MetadataOf(one.protocol_data) : "",
                             stable ? member->assignment : ""});
    }
  }
  return described;
}

std::vector<DescribedConsumerGroup> GroupCoordinator::DescribeConsumerGroups(
    const std::vector<std::string>& group_ids) {
  std::vector<DescribedConsumerGroup> described;
  for (const std::string& group_id : group_ids) {
    DescribedConsumerGroup& one = described.emplace_back();
    one.group_id = group_id;
    const ConsumerGroup* group = consumer_.Find(group_id);
    if (group == nullptr) {
      one.error = KafkaError::kGroupIdNotFound;
      one.error_message =
          "Group " + group_id +
          (classic_.Find(group_id) != nullptr ? " is not a consumer group." : " not found.");
      continue;
    }
    one.state = group->StateName();
    one.group_epoch = group->epoch;
    one.assignment_epoch = group->assignment_epoch;
    one.assignor = group->PreferredAssignor();
    for (const auto& [member_id, member] : group->members()) {
      DescribedConsumerGroup::Member& each = one.members.emplace_back();
      each.member_id = member_id;
      each.instance_id = member->instance_id;
      each.rack_id = member->rack_id;
      each.member_epoch = member->epoch;
      each.client_id = member->client_id;
      each.client_host = member->client_host;
      each.subscribed_topics = member->topics;
      if (!member->regex.empty()) each.subscribed_regex = member->regex;
      each.assignment = member->assigned;
      each.target_assignment = member->target;
    }
  }
  return described;
}

std::vector<ListedGroup> GroupCoordinator::ListGroups(const ListGroupsRequest& request) {
  std::vector<ListedGroup> listed;
  for (const auto& [group_id, group] : classic_.all()) {
    ListedGroup one{group_id, group->protocol_type.value_or(""), ClassicStateName(group->state()),
                    "classic"};
    if (Wanted(request.states, one.state) && Wanted(request.types, one.type)) {
      listed.push_back(std::move(one));
    }
  }
  for (const auto& [group_id, group] : consumer_.all()) {
    ListedGroup one{group_id, std::string(kConsumerProtocolType), group->StateName(), "consumer"};
    if (Wanted(request.states, one.state) && Wanted(request.types, one.type)) {
      listed.push_back(std::move(one));
    }
  }
  std::sort(listed.begin(), listed.end(),
            [](const ListedGroup& a, const ListedGroup& b) { return a.group_id < b.group_id; });
  return listed;
}

void GroupCoordinator::DeleteGroups(const std::vector<std::string>& group_ids,
                                    std::function<void(std::vector<DeletedGroup>)> done) {
  GroupContext::Scope scope(context_);
  std::vector<DeletedGroup> deleted;
  Position end = 0;
  for (const std::string& group_id : group_ids) {
    DeletedGroup& one = deleted.emplace_back();
    one.group_id = group_id;
    if (!IsKnown(group_id)) {
      one.error = KafkaError::kGroupIdNotFound;
      continue;
    }
    if (!IsEmpty(group_id)) {
      one.error = KafkaError::kNonEmptyGroup;
      continue;
    }
    std::vector<StateChange> rows = offsets_.RemoveGroup(group_id);
    AddGroupRow(group_id, &rows);
    if (!rows.empty()) {
      const auto written = Write(rows);
      if (!written.ok()) {
        one.error = KafkaError::kCoordinatorNotAvailable;
        continue;
      }
      end = std::max(end, *written);
    }
    Forget(group_id);
  }
  ShowFigures();
  context_.WhenDurable(end, [this, done = std::move(done), deleted = std::move(deleted)] {
    context_.Answer(done, deleted);
  });
}

// --- expiry ---

void GroupCoordinator::AddGroupRow(const std::string& group_id, std::vector<StateChange>* rows) {
  const std::string key = ClassicGroups::kRowPrefix + group_id;
  if (context_.log.state().Find(key) != nullptr) rows->push_back({key, std::nullopt});
}

void GroupCoordinator::ExpireOffsets() {
  const int64_t retention_ms = context_.options.offsets_retention_minutes * 60'000;
  const int64_t expired_ms = context_.NowMs() - retention_ms;
  std::vector<std::string> quiet;
  for (const auto& [group_id, group] : classic_.all()) {
    if (group->state() != ClassicState::kEmpty || !group->pending.empty()) continue;
    // Offsets of a group that had members are kept as long after the last one left.
    if (group->protocol_type && group->empty_since_ms > expired_ms) continue;
    quiet.push_back(group_id);
  }
  for (const auto& [group_id, group] : consumer_.all()) {
    if (group->members().empty() && group->empty_since_ms <= expired_ms) quiet.push_back(group_id);
  }
  for (const std::string& group_id : quiet) {
    if (!ExpireGroup(group_id, expired_ms)) break;
  }
  ShowFigures();
  expiry_.Set(context_.options.offsets_retention_check_interval_ms,
              context_.Scoped([this] { ExpireOffsets(); }));
}

bool GroupCoordinator::ExpireGroup(const std::string& group_id, int64_t expired_ms) {
  std::vector<StateChange> rows;
  uint64_t kept = 0;
  offsets_.ForEach(group_id, [&](const OffsetPlace& place, const CommittedOffset& value) {
    if (value.commit_ms > expired_ms || offsets_.IsPending(group_id, place)) {
      kept += 1;
    } else {
      rows.push_back(GroupOffsets::Remove(group_id, place));
    }
  });
  const uint64_t expired = rows.size();
  const ClassicGroup* classic = classic_.Find(group_id);
  const bool old = classic == nullptr || classic->empty_since_ms <= expired_ms || expired > 0;
  const bool gone = kept == 0 && old && !offsets_.HasPending(group_id);
  if (gone) AddGroupRow(group_id, &rows);
  if (!rows.empty() && !Write(rows).ok()) return false;
  if (gone) Forget(group_id);
  expired_offsets_.Add(expired);
  return true;
}

}  // namespace weir::log
