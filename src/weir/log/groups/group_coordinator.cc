#include "weir/log/groups/group_coordinator.h"

#include <algorithm>
#include <cctype>

#include "weir/log/groups/consumer_protocol.h"

namespace weir::log {

using kafka::KafkaError;

namespace {

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
  offsets_end_ = context_.log.journal().end();
  rows.ForEach("g", [this](const std::string& key, const std::string& value) {
    if (key.starts_with(ClassicGroups::kRowPrefix)) {
      (void)classic_.Load(key.substr(2), value);
    } else {
      (void)offsets_.Apply({key, value});
    }
  });
  // Groups that only ever committed offsets have no row.
  offsets_.ForEachGroup([this](const std::string& group) { classic_.GetOrAdd(group); });
  ShowFigures();
}

void GroupCoordinator::ShowFigures() {
  groups_gauge_.Set(static_cast<double>(classic_.all().size()));
  members_gauge_.Set(static_cast<double>(classic_.members()));
  offsets_gauge_.Set(static_cast<double>(offsets_.committed()));
  pending_gauge_.Set(static_cast<double>(offsets_.pending()));
}

// --- members ---

void GroupCoordinator::JoinGroup(const GroupCaller& caller, const JoinGroupRequest& request,
                                 std::function<void(JoinGroupResponse)> done) {
  GroupContext::Scope scope(context_);
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
  context_.Answer(std::move(done), classic_.Leave(request));
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
  classic_.GetOrAdd(request.group_id);
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
  for (const StateChange& row : rows) (void)offsets_.Apply(row);
  offsets_end_ = std::max(offsets_end_, end);
  ShowFigures();
}

KafkaError GroupCoordinator::CheckFetch(const OffsetFetchRequest&) { return KafkaError::kNone; }

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
  context_.WhenDurable(offsets_end_,
                       [this, done = std::move(done), response = std::move(response)] {
                         context_.Answer(done, response);
                       });
}

void GroupCoordinator::DeleteOffsets(const OffsetDeleteRequest& request,
                                     std::function<void(OffsetDeleteResponse)> done) {
  GroupContext::Scope scope(context_);
  OffsetDeleteResponse response;
  ClassicGroup* group = classic_.Find(request.group_id);
  if (group == nullptr) {
    response.error = KafkaError::kGroupIdNotFound;
  } else if (group->state() != ClassicState::kEmpty &&
             group->protocol_type != std::string(kConsumerProtocolType)) {
    // What such members are interested in is not known.
    response.error = KafkaError::kNonEmptyGroup;
  }
  if (response.error != KafkaError::kNone) {
    return context_.Answer(std::move(done), std::move(response));
  }
  const auto subscribed = group->SubscribedTopics();
  std::vector<StateChange> rows;
  for (const OffsetFetchTopic& asked : request.topics) {
    TopicErrors& topic = response.topics.emplace_back();
    topic.name = asked.name;
    topic.id = asked.id;
    KafkaError error = KafkaError::kNone;
    const Topic* known = FindTopic(asked.name, asked.id, &error);
    if (known != nullptr && group->state() != ClassicState::kEmpty &&
        (!subscribed || subscribed->count(known->name) != 0)) {
      error = KafkaError::kGroupSubscribedToTopic;
    }
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
      one.error_message = "Group " + group_id + " not found.";
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

std::vector<ListedGroup> GroupCoordinator::ListGroups(const ListGroupsRequest& request) {
  std::vector<ListedGroup> listed;
  for (const auto& [group_id, group] : classic_.all()) {
    ListedGroup one{group_id, group->protocol_type.value_or(""), ClassicStateName(group->state()),
                    "classic"};
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
    ClassicGroup* group = classic_.Find(group_id);
    if (group == nullptr) {
      one.error = KafkaError::kGroupIdNotFound;
      continue;
    }
    if (group->state() != ClassicState::kEmpty) {
      one.error = KafkaError::kNonEmptyGroup;
      continue;
    }
    std::vector<StateChange> rows = offsets_.RemoveGroup(group_id);
    if (group->has_row) rows.push_back({ClassicGroups::kRowPrefix + group_id, std::nullopt});
    if (!rows.empty()) {
      const auto written = Write(rows);
      if (!written.ok()) {
        one.error = KafkaError::kCoordinatorNotAvailable;
        continue;
      }
      end = std::max(end, *written);
    }
    classic_.Forget(group_id);
  }
  ShowFigures();
  context_.WhenDurable(end, [this, done = std::move(done), deleted = std::move(deleted)] {
    context_.Answer(done, deleted);
  });
}

// --- expiry ---

void GroupCoordinator::ExpireOffsets() {
  const int64_t retention_ms = context_.options.offsets_retention_minutes * 60'000;
  const int64_t expired_ms = context_.NowMs() - retention_ms;
  std::vector<std::string> gone;
  for (const auto& [group_id, group] : classic_.all()) {
    if (group->state() != ClassicState::kEmpty || !group->pending.empty()) continue;
    // Offsets of a group that had members are kept as long after the last one left.
    const bool simple = !group->protocol_type;
    if (!simple && group->empty_since_ms > expired_ms) continue;
    std::vector<StateChange> rows;
    uint64_t expired = 0;
    uint64_t kept = 0;
    offsets_.ForEach(group_id, [&](const OffsetPlace& place, const CommittedOffset& value) {
      if (value.commit_ms > expired_ms || offsets_.IsPending(group_id, place)) {
        kept += 1;
        return;
      }
      rows.push_back(GroupOffsets::Remove(group_id, place));
      expired += 1;
    });
    if (!rows.empty() && !Write(rows).ok()) break;
    expired_offsets_.Add(expired);
    if (kept == 0 && !offsets_.HasAny(group_id) &&
        (expired > 0 || group->empty_since_ms <= expired_ms)) {
      gone.push_back(group_id);
    }
  }
  for (const std::string& group_id : gone) {
    ClassicGroup* group = classic_.Find(group_id);
    if (group->has_row && !Write({{ClassicGroups::kRowPrefix + group_id, std::nullopt}}).ok()) {
      break;
    }
    classic_.Forget(group_id);
  }
  ShowFigures();
  expiry_.Set(context_.options.offsets_retention_check_interval_ms,
              context_.Scoped([this] { ExpireOffsets(); }));
}

}  // namespace weir::log
