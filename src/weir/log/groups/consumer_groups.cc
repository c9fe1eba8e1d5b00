#include "weir/log/groups/consumer_groups.h"

#include <algorithm>
#include <utility>

#include "weir/base/checksum.h"

namespace weir::log {

using kafka::KafkaError;

namespace {

constexpr int16_t kOwnMemberIdVersion = 1;

ConsumerGroupHeartbeatResponse Refused(KafkaError error, std::string message) {
  ConsumerGroupHeartbeatResponse response;
  response.error = error;
  response.error_message = std::move(message);
  return response;
}

bool IsSubset(const std::optional<PartitionSet>& owned, const PartitionSet& of) {
  if (!owned) return false;
  for (const auto& [topic, indexes] : *owned) {
    for (const int32_t index : indexes) {
      if (!Contains(of, topic, index)) return false;
    }
  }
  return true;
}

// A member that is ahead is not from here; one that is one step behind may have missed an answer.
bool IsFenced(const ConsumerMember& member, const ConsumerGroupHeartbeatRequest& request) {
  if (request.member_epoch == 0 || request.member_epoch == member.epoch) return false;
  if (request.member_epoch > member.epoch) return true;
  return request.member_epoch != member.previous_epoch || !IsSubset(request.owned, member.assigned);
}

}  // namespace

ConsumerGroups::ConsumerGroups(GroupContext& context, MetricRegistry& metrics)
    : context_(context),
      epochs_(metrics.GetCounter("weir_log_group_epochs_total",
                                 "Target assignments made for consumer groups.")),
      expired_(metrics.GetCounter("weir_log_group_consumers_fenced_total",
                                  "Members of consumer groups that were silent for too long, or "
                                  "did not give up partitions in time.")) {}

// --- rows ---

bool ConsumerGroups::Load(const std::string& group_id) {
  const StateStore& rows = context_.log.state();
  auto group = std::make_unique<ConsumerGroup>(context_.timers, group_id);
  const std::string* row = rows.Find(group->GroupKey());
  if (row == nullptr || !group->DecodeRow(*row)) return false;
  bool good = true;
  const std::string prefix = ConsumerGroup::MemberKeyPrefix(group_id);
  rows.ForEach(prefix, [&](const std::string& key, const std::string& value) {
    good = group->DecodeMember(key.substr(prefix.size()), value) && good;
  });
  if (!good) return false;
  ConsumerGroup& loaded = *group;
  groups_[group_id] = std::move(group);
  members_ += loaded.members().size();
  for (const auto& [member_id, member] : loaded.members()) {
    ExtendSession(loaded, *member);
    WatchRevocation(loaded, *member);
  }
  return true;
}

void ConsumerGroups::AddRow(std::vector<StateChange>* rows, const std::string& key,
                            std::string value) const {
  const std::string* is = context_.log.state().Find(key);
  if (is == nullptr || *is != value) rows->push_back({key, std::move(value)});
}

bool ConsumerGroups::Write(ConsumerGroup& group, std::vector<StateChange> rows,
                           const ConsumerMember* only) {
  AddRow(&rows, group.GroupKey(), group.EncodeRow());
  if (only != nullptr) {
    AddRow(&rows, group.MemberKey(only->id), ConsumerGroup::EncodeMember(*only));
  } else {
    for (const auto& [member_id, member] : group.members()) {
      AddRow(&rows, group.MemberKey(member_id), ConsumerGroup::EncodeMember(*member));
    }
  }
  if (rows.empty()) return true;
  const auto written = context_.log.Commit({}, rows, nullptr);
  if (written.ok()) {
    written_ = std::max(written_, *written);
    return true;
  }
  const std::string group_id = group.id();
  Forget(group_id);
  (void)Load(group_id);
  return false;
}

ConsumerGroup* ConsumerGroups::Find(const std::string& group_id) {
  const auto found = groups_.find(group_id);
  return found == groups_.end() ? nullptr : found->second.get();
}

void ConsumerGroups::Forget(const std::string& group_id) {
  const auto found = groups_.find(group_id);
  if (found == groups_.end()) return;
  members_ -= found->second->members().size();
  groups_.erase(found);
  looked_ms_.erase(group_id);
}

// --- heartbeat ---

KafkaError ConsumerGroups::Check(const GroupCaller& caller,
                                 const ConsumerGroupHeartbeatRequest& request,
                                 std::string* message) const {
  const GroupOptions& options = context_.options;
  const auto invalid = [&](const char* what) {
    *message = what;
    return KafkaError::kInvalidRequest;
  };
  const bool id_missing = request.member_id.empty();
  if (request.group_id.empty()) return invalid("GroupId can't be empty.");
  if (request.instance_id == "") return invalid("InstanceId can't be empty.");
  if (request.rack_id == "") return invalid("RackId can't be empty.");
  if (request.member_epoch < kLeaveForAWhileEpoch) return invalid("MemberEpoch is invalid.");
  if (id_missing && (request.member_epoch != 0 || caller.api_version >= kOwnMemberIdVersion)) {
    return invalid("MemberId can't be empty.");
  }
  if (request.member_epoch == kLeaveForAWhileEpoch && !request.instance_id) {
    return invalid("InstanceId can't be null.");
  }
  if (request.member_epoch == 0) {
    if (request.rebalance_timeout_ms == -1) {
      return invalid("RebalanceTimeoutMs must be provided in first request.");
    }
    if (!request.owned || !request.owned->empty()) {
      return invalid("TopicPartitions must be empty when (re-)joining.");
    }
    if (!request.subscribed_topics && !request.subscribed_regex) {
      return invalid(
          "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when "
          "(re-)joining.");
    }
  }
  uint64_t bytes = request.subscribed_regex.value_or("").size();
  for (const std::string& topic : request.subscribed_topics.value_or(std::vector<std::string>())) {
    bytes += topic.size();
  }
  if (bytes > options.member_bytes_max) return invalid("The subscription is too large.");
  if (request.server_assignor && !IsAssignor(*request.server_assignor)) {
    *message = "ServerAssignor " + *request.server_assignor +
               " is not supported. Supported assignors: uniform, range.";
    return KafkaError::kUnsupportedAssignor;
  }
  return KafkaError::kNone;
}

void ConsumerGroups::Heartbeat(const GroupCaller& caller,
                               const ConsumerGroupHeartbeatRequest& request,
                               ConsumerHeartbeatDone done) {
  const auto refuse = [&](KafkaError error, std::string message) {
    context_.Answer(std::move(done), Refused(error, std::move(message)));
  };
  ConsumerGroup* group = Find(request.group_id);
  if (request.member_epoch < 0) {
    if (group == nullptr) {
      return refuse(KafkaError::kGroupIdNotFound, "Group " + request.group_id + " not found.");
    }
    return Leave(*group, request, std::move(done));
  }
  std::shared_ptr<const TopicPattern> pattern;
  if (request.subscribed_regex && !request.subscribed_regex->empty()) {
    std::string wrong;
    pattern = TopicPattern::Make(*request.subscribed_regex, &wrong);
    if (!pattern) {
      return refuse(
          KafkaError::kInvalidRegularExpression,
          "SubscribedTopicRegex `" + *request.subscribed_regex + "` is not valid: " + wrong + ".");
    }
  }
  if (group == nullptr) {
    if (request.member_epoch != 0) {
      return refuse(KafkaError::kGroupIdNotFound, "Group " + request.group_id + " not found.");
    }
    if (groups_.size() >= context_.options.groups_max) {
      return refuse(KafkaError::kCoordinatorNotAvailable, "Too many groups.");
    }
    auto made = std::make_unique<ConsumerGroup>(context_.timers, request.group_id);
    made->empty_since_ms = context_.NowMs();
    group = (groups_[request.group_id] = std::move(made)).get();
  }
  const std::string member_id = request.member_id.empty() ? context_.NewUuid() : request.member_id;
  KafkaError error = KafkaError::kNone;
  std::string message;
  std::string replaced;
  bool is_new = false;
  ConsumerMember* member =
      FindOrAdd(*group, request, member_id, &error, &message, &replaced, &is_new);
  if (member == nullptr) return refuse(error, std::move(message));

  const PartitionSet assigned_before = member->assigned;
  std::vector<StateChange> rows;
  if (!replaced.empty()) rows.push_back({group->MemberKey(replaced), std::nullopt});
  bool new_epoch = group->ResolveExpressions();
  new_epoch = Update(*group, *member, caller, request, std::move(pattern)) || new_epoch;
  // Who brings an expression alone makes new targets necessary once it is resolved, not now.
  if (is_new && (!member->unresolved || group->epoch == 0)) new_epoch = true;
  if (!new_epoch && !member->unresolved && TimeToLook(group->id())) {
    new_epoch = Digest(InputOf(*group)) != group->topics_seen;
  }
  if (new_epoch) group->epoch += 1;
  const bool new_targets = group->epoch > group->assignment_epoch;
  if (new_targets) UpdateTargets(*group);
  if (member->unresolved) group->topics_seen = ConsumerGroup::kUnresolved;
  const ReconcileState state_before = member->state;
  const int32_t epoch_before = member->epoch;
  group->Reconcile(*member, request.owned);
  const bool stepped = member->state != state_before || member->epoch != epoch_before ||
                       member->assigned != assigned_before;
  if (!Write(*group, std::move(rows), new_targets ? nullptr : member)) {
    return refuse(KafkaError::kCoordinatorNotAvailable, "The log takes no more at the moment.");
  }
  ExtendSession(*group, *member);
  if (stepped) WatchRevocation(*group, *member);

  ConsumerGroupHeartbeatResponse response;
  response.member_id = member_id;
  response.member_epoch = member->epoch;
  response.heartbeat_interval_ms = context_.options.consumer_heartbeat_interval_ms;
  const bool full =
      request.member_epoch == 0 || (request.rebalance_timeout_ms != -1 && request.owned &&
                                    (request.subscribed_topics || request.subscribed_regex));
  if (full || member->assigned != assigned_before) response.assignment = member->assigned;
  context_.WhenDurable(written_, [this, done = std::move(done), response = std::move(response)] {
    context_.Answer(done, response);
  });
}

ConsumerMember* ConsumerGroups::FindOrAdd(ConsumerGroup& group,
                                          const ConsumerGroupHeartbeatRequest& request,
                                          const std::string& member_id, KafkaError* error,
                                          std::string* message, std::string* replaced,
                                          bool* is_new) {
  const auto refuse = [&](KafkaError refused, std::string why) -> ConsumerMember* {
    *error = refused;
    *message = std::move(why);
    return nullptr;
  };
  ConsumerMember* member = group.Find(member_id);
  ConsumerMember* holder = request.instance_id ? group.FindInstance(*request.instance_id) : nullptr;
  const bool joins = request.member_epoch == 0;
  if (!joins && request.instance_id) {
    if (holder == nullptr) {
      return refuse(KafkaError::kUnknownMemberId,
                    "Instance id " + *request.instance_id + " is unknown.");
    }
    if (holder != member) {
      return refuse(KafkaError::kFencedInstanceId, "Static member " + member_id +
                                                       " with instance id " + *request.instance_id +
                                                       " was fenced by member " + holder->id + ".");
    }
  }
  if (member == nullptr && holder != nullptr) {
    if (holder->epoch != kLeaveForAWhileEpoch) {
      return refuse(KafkaError::kUnreleasedInstanceId,
                    "Static member " + member_id + " with instance id " + *request.instance_id +
                        " cannot join the group because the instance id is owned by member " +
                        holder->id + ".");
    }
    *replaced = holder->id;
    return &group.Replace(holder->id, member_id);
  }
  if (member == nullptr) {
    if (!joins) {
      return refuse(KafkaError::kUnknownMemberId,
                    "Member " + member_id + " is not a member of group " + group.id() + ".");
    }
    if (group.members().size() >= static_cast<size_t>(context_.options.consumer_max_size)) {
      return refuse(KafkaError::kGroupMaxSizeReached,
                    "The consumer group has reached its maximum capacity of " +
                        std::to_string(context_.options.consumer_max_size) + " members.");
    }
    if (members_ >= context_.options.members_max) {
      return refuse(KafkaError::kGroupMaxSizeReached, "Too many members of all groups.");
    }
    *is_new = true;
    members_ += 1;
    ConsumerMember& added = group.Add(member_id);
    if (request.instance_id) group.SetInstance(added, *request.instance_id);
    return &added;
  }
  if (holder != nullptr && holder != member) {
    return refuse(KafkaError::kUnreleasedInstanceId, "Instance id " + *request.instance_id +
                                                         " is owned by member " + holder->id + ".");
  }
  if (member->epoch == kLeaveForAWhileEpoch && joins) {
    // Back under its own id.
    member->epoch = 0;
    member->previous_epoch = 0;
  }
  if (IsFenced(*member, request)) {
    return refuse(KafkaError::kFencedMemberEpoch,
                  std::string("The consumer group member has a ") +
                      (request.member_epoch > member->epoch ? "greater" : "smaller") +
                      " member epoch (" + std::to_string(request.member_epoch) +
                      ") than the one known by the group coordinator (" +
                      std::to_string(member->epoch) +
                      "). The member must abandon all its partitions and rejoin.");
  }
  return member;
}

bool ConsumerGroups::Update(const ConsumerGroup& group, ConsumerMember& member,
                            const GroupCaller& caller, const ConsumerGroupHeartbeatRequest& request,
                            std::shared_ptr<const TopicPattern> pattern) {
  bool changed = false;
  if (request.rack_id) member.rack_id = request.rack_id;
  if (request.rebalance_timeout_ms != -1)
    member.rebalance_timeout_ms = request.rebalance_timeout_ms;
  if (request.server_assignor && request.server_assignor != member.server_assignor) {
    member.server_assignor = request.server_assignor;
    changed = true;
  }
  if (request.subscribed_topics) {
    std::vector<std::string> topics = *request.subscribed_topics;
    std::sort(topics.begin(), topics.end());
    topics.erase(std::unique(topics.begin(), topics.end()), topics.end());
    changed = changed || topics != member.topics;
    member.topics = std::move(topics);
  }
  if (request.subscribed_regex && *request.subscribed_regex != member.regex) {
    member.pattern = group.FindResolved(*request.subscribed_regex);
    member.regex = *request.subscribed_regex;
    member.unresolved = member.pattern ? nullptr : std::move(pattern);
    changed = changed || !member.unresolved;
  }
  member.client_id = caller.client_id;
  member.client_host = caller.client_host;
  member.may_describe = caller.may_describe;
  return changed;
}

// --- leaving ---

void ConsumerGroups::Leave(ConsumerGroup& group, const ConsumerGroupHeartbeatRequest& request,
                           ConsumerHeartbeatDone done) {
  ConsumerMember* member = request.instance_id ? group.FindInstance(*request.instance_id)
                                               : group.Find(request.member_id);
  if (member == nullptr) {
    return context_.Answer(
        std::move(done),
        Refused(KafkaError::kUnknownMemberId,
                request.instance_id ? "Instance id " + *request.instance_id + " is unknown."
                                    : "Member " + request.member_id + " is not a member of group " +
                                          group.id() + "."));
  }
  if (member->id != request.member_id) {
    return context_.Answer(
        std::move(done),
        Refused(KafkaError::kFencedInstanceId, "Static member " + request.member_id +
                                                   " with instance id " + *request.instance_id +
                                                   " was fenced by member " + member->id + "."));
  }
  bool written = false;
  if (request.member_epoch == kLeaveForAWhileEpoch) {
    // It keeps its partitions for its next life, as long as its session.
    member->epoch = kLeaveForAWhileEpoch;
    member->rebalance.Cancel();
    group.DropRevoking(*member);
    written = Write(group, {}, member);
  } else {
    written = Fence(group, request.member_id);
  }
  if (!written) {
    return context_.Answer(std::move(done), Refused(KafkaError::kCoordinatorNotAvailable,
                                                    "The log takes no more at the moment."));
  }
  ConsumerGroupHeartbeatResponse response;
  response.member_id = request.member_id;
  response.member_epoch = request.member_epoch;
  context_.WhenDurable(written_, [this, done = std::move(done), response = std::move(response)] {
    context_.Answer(done, response);
  });
}

bool ConsumerGroups::Fence(ConsumerGroup& group, const std::string& member_id) {
  std::vector<StateChange> rows = {{group.MemberKey(member_id), std::nullopt}};
  group.Remove(member_id);
  members_ -= 1;
  group.epoch += 1;
  if (group.members().empty()) {
    group.empty_since_ms = context_.NowMs();
    group.assignment_epoch = group.epoch;
  }
  return Write(group, std::move(rows), nullptr);
}

KafkaError ConsumerGroups::RemoveInstance(ConsumerGroup& group, const std::string& instance_id) {
  const ConsumerMember* member = group.FindInstance(instance_id);
  if (member == nullptr) return KafkaError::kUnknownMemberId;
  return Fence(group, std::string(member->id)) ? KafkaError::kNone
                                               : KafkaError::kCoordinatorNotAvailable;
}

KafkaError ConsumerGroups::CheckMember(ConsumerGroup& group, const std::string& member_id,
                                       int32_t epoch) {
  const ConsumerMember* member = group.Find(member_id);
  if (member == nullptr) return KafkaError::kUnknownMemberId;
  return member->epoch == epoch ? KafkaError::kNone : KafkaError::kStaleMemberEpoch;
}

// --- targets ---

AssignmentInput ConsumerGroups::InputOf(const ConsumerGroup& group) const {
  const Topics& topics = context_.log.topics();
  AssignmentInput input;
  // Many members have the same expression.
  std::map<std::string, std::set<TopicId>> matches;
  for (const auto& [member_id, member] : group.members()) {
    AssignedMember& each = input.members[member_id];
    each.instance_id = member->instance_id;
    each.before = member->target;
    const auto add = [&](const Topic& topic) {
      each.topics.insert(topic.id);
      input.partitions[topic.id] = static_cast<int32_t>(topic.partitions.size());
    };
    for (const std::string& name : member->topics) {
      if (const Topic* topic = topics.Find(name)) add(*topic);
    }
    if (!member->pattern) continue;
    const auto [known, first] = matches.try_emplace(member->regex);
    if (first) {
      for (const auto& [name, topic] : topics.all()) {
        if (member->pattern->Matches(name)) known->second.insert(topic.id);
      }
    }
    for (const TopicId& id : known->second) {
      const Topic& topic = *topics.Find(id);
      // Who was not heard of since the start keeps what it had.
      const bool hidden =
          context_.options.hides_topics && (member->may_describe ? !member->may_describe(topic.name)
                                                                 : member->target.count(id) == 0);
      if (!hidden) add(topic);
    }
  }
  return input;
}

uint64_t ConsumerGroups::Digest(const AssignmentInput& input) {
  ByteWriter out;
  for (const auto& [topic, partitions] : input.partitions) {
    out.Raw({reinterpret_cast<const char*>(topic.bytes.data()), topic.bytes.size()});
    out.Varint(static_cast<uint32_t>(partitions));
  }
  return Xxh3(out.bytes());
}

bool ConsumerGroups::TimeToLook(const std::string& group_id) {
  const int64_t now_ms = context_.timers.NowUs() / 1000;
  const auto [looked, first] = looked_ms_.try_emplace(group_id, now_ms);
  if (!first && now_ms - looked->second < context_.options.consumer_metadata_refresh_ms) {
    return false;
  }
  looked->second = now_ms;
  return true;
}

void ConsumerGroups::UpdateTargets(ConsumerGroup& group) {
  const AssignmentInput input = InputOf(group);
  group.assignor = group.PreferredAssignor();
  std::map<std::string, PartitionSet> targets = AssignPartitions(group.assignor, input);
  for (const auto& [member_id, member] : group.members()) {
    member->target = std::move(targets[member_id]);
  }
  group.topics_seen = Digest(input);
  group.assignment_epoch = group.epoch;
  epochs_.Add();
}

// --- time-outs ---

void ConsumerGroups::ExtendSession(ConsumerGroup& group, ConsumerMember& member) {
  const int64_t ms = context_.options.consumer_session_timeout_ms;
  if (member.session.set()) return member.session.Extend(ms);
  member.session.Set(ms, context_.Scoped([this, group_id = group.id(), member_id = member.id] {
    ConsumerGroup* expired = Find(group_id);
    if (expired == nullptr || expired->Find(member_id) == nullptr) return;
    expired_.Add();
    (void)Fence(*expired, std::string(member_id));
  }));
}

void ConsumerGroups::WatchRevocation(ConsumerGroup& group, ConsumerMember& member) {
  if (member.state != ReconcileState::kUnrevoked || member.rebalance_timeout_ms < 0) {
    member.rebalance.Cancel();
    return;
  }
  member.rebalance.Set(
      member.rebalance_timeout_ms,
      context_.Scoped([this, group_id = group.id(), member_id = member.id, epoch = member.epoch] {
        ConsumerGroup* late = Find(group_id);
        const ConsumerMember* slow = late == nullptr ? nullptr : late->Find(member_id);
        if (slow == nullptr || slow->epoch != epoch) return;
        expired_.Add();
        (void)Fence(*late, std::string(member_id));
      }));
}

}  // namespace weir::log
