#include "weir/log/groups/classic_groups.h"

#include <algorithm>
#include <utility>

namespace weir::log {

using kafka::KafkaError;

namespace {

constexpr int16_t kMemberIdRequiredVersion = 4;  // KIP-394
constexpr int16_t kSkipAssignmentVersion = 9;    // KIP-814

JoinGroupResponse JoinError(KafkaError error, const std::string& member_id) {
  JoinGroupResponse response;
  response.error = error;
  response.member_id = member_id;
  return response;
}

SyncGroupResponse SyncError(KafkaError error) {
  SyncGroupResponse response;
  response.error = error;
  return response;
}

bool Inconsistent(const std::optional<std::string>& asked, const std::optional<std::string>& is) {
  return asked && is && *asked != *is;
}

}  // namespace

ClassicGroups::ClassicGroups(GroupContext& context, MetricRegistry& metrics)
    : context_(context),
      rebalances_(metrics.GetCounter("weir_log_group_rebalances_total",
                                     "Generations of classic groups that became stable.")),
      expired_(metrics.GetCounter("weir_log_group_members_expired_total",
                                  "Members of classic groups whose session ended in silence.")) {}

bool ClassicGroups::Load(const std::string& group_id, std::string_view row) {
  auto group = std::make_unique<ClassicGroup>(context_.timers, group_id);
  if (!group->DecodeRow(row)) return false;
  ClassicGroup& loaded = *group;
  groups_[group_id] = std::move(group);
  members_ += loaded.members().size();
  for (const auto& [member_id, member] : loaded.members()) {
    ExtendSession(loaded, *member, member->session_timeout_ms);
  }
  if (loaded.members().size() > static_cast<size_t>(context_.options.max_size)) {
    PrepareRebalance(loaded);
  }
  return true;
}

ClassicGroup* ClassicGroups::Find(const std::string& group_id) {
  const auto found = groups_.find(group_id);
  return found == groups_.end() ? nullptr : found->second.get();
}

ClassicGroup& ClassicGroups::GetOrAdd(const std::string& group_id) {
  std::unique_ptr<ClassicGroup>& group = groups_[group_id];
  if (!group) {
    group = std::make_unique<ClassicGroup>(context_.timers, group_id);
    group->empty_since_ms = context_.NowMs();
  }
  return *group;
}

void ClassicGroups::Forget(const std::string& group_id) {
  const auto found = groups_.find(group_id);
  if (found == groups_.end()) return;
  members_ -= found->second->members().size();
  groups_.erase(found);
}

// --- join ---

void ClassicGroups::Join(const GroupCaller& caller, const JoinGroupRequest& request,
                         JoinGroupDone done) {
  const std::string& member_id = request.member_id;
  if (request.group_id.empty()) {
    return context_.Answer(std::move(done), JoinError(KafkaError::kInvalidGroupId, member_id));
  }
  if (request.session_timeout_ms < context_.options.min_session_timeout_ms ||
      request.session_timeout_ms > context_.options.max_session_timeout_ms) {
    return context_.Answer(std::move(done),
                           JoinError(KafkaError::kInvalidSessionTimeout, member_id));
  }
  uint64_t bytes = 0;
  for (const GroupProtocol& protocol : request.protocols) {
    bytes += protocol.name.size() + protocol.metadata.size();
  }
  if (bytes > context_.options.member_bytes_max) {
    return context_.Answer(std::move(done), JoinError(KafkaError::kInvalidRequest, member_id));
  }
  ClassicGroup* group = Find(request.group_id);
  if (group == nullptr) {
    KafkaError error = KafkaError::kNone;
    if (!member_id.empty()) {
      error = KafkaError::kUnknownMemberId;
    } else if (request.protocol_type.empty() || request.protocols.empty()) {
      error = KafkaError::kInconsistentGroupProtocol;
    } else if (groups_.size() >= context_.options.groups_max) {
      error = KafkaError::kCoordinatorNotAvailable;
    }
    if (error != KafkaError::kNone) {
      return context_.Answer(std::move(done), JoinError(error, member_id));
    }
    group = &GetOrAdd(request.group_id);
  }
  if (!Accepts(*group, member_id)) {
    if (group->Find(member_id) != nullptr) {
      RemoveMember(*group, member_id, KafkaError::kGroupMaxSizeReached);
    } else {
      group->Remove(member_id);
    }
    return context_.Answer(std::move(done), JoinError(KafkaError::kGroupMaxSizeReached, ""));
  }
  if (!group->Supports(request.protocol_type, request.protocols)) {
    return context_.Answer(std::move(done),
                           JoinError(KafkaError::kInconsistentGroupProtocol, member_id));
  }
  if (member_id.empty()) {
    JoinNew(*group, caller, request, std::move(done));
  } else {
    JoinKnown(*group, caller, request, std::move(done));
  }
}

bool ClassicGroups::Accepts(ClassicGroup& group, const std::string& member_id) const {
  const size_t most = static_cast<size_t>(context_.options.max_size);
  const ClassicMember* member = group.Find(member_id);
  if (member == nullptr && group.pending.count(member_id) == 0 &&
      members() >= context_.options.members_max) {
    return false;
  }
  switch (group.state()) {
    case ClassicState::kEmpty:
      return group.pending.size() < most || group.pending.count(member_id) != 0;
    case ClassicState::kPreparingRebalance:
      // Those who have joined already count, so that the last ones to come are refused when the
      // limit became smaller.
      return (member != nullptr && member->join) || group.Joining() < most;
    case ClassicState::kCompletingRebalance:
    case ClassicState::kStable:
      return member != nullptr || group.members().size() < most;
  }
  return false;
}

void ClassicGroups::JoinNew(ClassicGroup& group, const GroupCaller& caller,
                            const JoinGroupRequest& request, JoinGroupDone done) {
  if (request.instance_id) {
    if (!group.MemberOfInstance(*request.instance_id).empty()) {
      return ReplaceStatic(group, caller, request, std::move(done));
    }
    return AddMember(group, caller, request, context_.NewMemberId(*request.instance_id),
                     std::move(done));
  }
  const std::string member_id = context_.NewMemberId(caller.client_id);
  if (caller.api_version < kMemberIdRequiredVersion) {
    return AddMember(group, caller, request, member_id, std::move(done));
  }
  if (group.pending.size() >= static_cast<size_t>(context_.options.max_size)) {
    return context_.Answer(std::move(done), JoinError(KafkaError::kGroupMaxSizeReached, ""));
  }
  AddPending(group, member_id, request.session_timeout_ms);
  context_.Answer(std::move(done), JoinError(KafkaError::kMemberIdRequired, member_id));
}

void ClassicGroups::AddPending(ClassicGroup& group, const std::string& member_id,
                               int32_t session_timeout_ms) {
  auto pending = std::make_unique<PendingMember>(context_.timers, &pending_);
  pending->alarm.Set(session_timeout_ms, context_.Scoped([this, group_id = group.id(), member_id] {
    ClassicGroup* expired = Find(group_id);
    if (expired == nullptr) return;
    expired->Remove(member_id);
    if (expired->state() == ClassicState::kPreparingRebalance && expired->AllJoined()) {
      CompleteJoin(*expired);
    }
  }));
  group.pending[member_id] = std::move(pending);
}

void ClassicGroups::JoinKnown(ClassicGroup& group, const GroupCaller& caller,
                              const JoinGroupRequest& request, JoinGroupDone done) {
  const std::string& member_id = request.member_id;
  if (group.pending.count(member_id) != 0) {
    // A member id that was given out beforehand is not a static member's.
    if (request.instance_id) {
      return context_.Answer(std::move(done), JoinError(KafkaError::kUnknownMemberId, member_id));
    }
    return AddMember(group, caller, request, member_id, std::move(done));
  }
  const KafkaError error = group.CheckMember(member_id, request.instance_id);
  if (error != KafkaError::kNone) {
    return context_.Answer(std::move(done), JoinError(error, member_id));
  }
  ClassicMember& member = *group.Find(member_id);
  const bool same = member.protocols == request.protocols;
  // Nothing new from a member that may have missed its answer: it is told again. A leader that
  // joins a stable group wants a rebalance, as its topics may have changed.
  const bool told_again =
      (group.state() == ClassicState::kCompletingRebalance && same) ||
      (group.state() == ClassicState::kStable && same && group.leader != member_id);
  if (told_again) {
    return context_.Answer(std::move(done), JoinedResponse(group, member_id));
  }
  if (group.state() == ClassicState::kEmpty) {
    return context_.Answer(std::move(done), JoinError(KafkaError::kUnknownMemberId, member_id));
  }
  UpdateMember(member, request, std::move(done));
  RebalanceOrCompleteJoin(group);
}

void ClassicGroups::AddMember(ClassicGroup& group, const GroupCaller& caller,
                              const JoinGroupRequest& request, const std::string& member_id,
                              JoinGroupDone done) {
  auto member = std::make_unique<ClassicMember>(context_.timers);
  member->id = member_id;
  member->instance_id = request.instance_id;
  member->client_id = caller.client_id;
  member->client_host = caller.client_host;
  member->is_new = true;
  if (group.members().empty()) group.protocol_type = request.protocol_type;
  if (group.state() == ClassicState::kPreparingRebalance &&
      group.previous_state() == ClassicState::kEmpty) {
    group.member_added = true;
  }
  UpdateMember(*member, request, std::move(done));
  ClassicMember& added = group.Add(std::move(member));
  members_ += 1;
  // It does not know its id and sends no heartbeats while it waits.
  ExtendSession(group, added, kNewMemberJoinTimeoutMs);
  RebalanceOrCompleteJoin(group);
}

void ClassicGroups::UpdateMember(ClassicMember& member, const JoinGroupRequest& request,
                                 JoinGroupDone done) {
  // The same member asks twice: the request it gave up is answered so that its place in the
  // connection's order is free.
  if (member.join) AnswerJoin(member, JoinError(KafkaError::kRebalanceInProgress, member.id));
  member.protocols = request.protocols;
  member.rebalance_timeout_ms = request.rebalance_timeout_ms;
  member.session_timeout_ms = request.session_timeout_ms;
  member.join = std::move(done);
}

void ClassicGroups::ReplaceStatic(ClassicGroup& group, const GroupCaller& caller,
                                  const JoinGroupRequest& request, JoinGroupDone done) {
  const std::string old_id = group.MemberOfInstance(*request.instance_id);
  const std::string new_id = context_.NewMemberId(*request.instance_id);
  const std::string leader_before = group.leader;
  ClassicMember& old = *group.Find(old_id);
  if (old.join) AnswerJoin(old, JoinError(KafkaError::kFencedInstanceId, old_id));
  if (old.sync) {
    context_.Answer(std::exchange(old.sync, nullptr), SyncError(KafkaError::kFencedInstanceId));
  }
  ClassicMember& member = group.Replace(old_id, new_id);
  ExtendSession(group, member, request.session_timeout_ms);
  UpdateMember(member, request, std::move(done));
  if (group.state() == ClassicState::kCompletingRebalance) {
    // The leader may have been told the old id: an assignment for it would reach nobody.
    return PrepareRebalance(group);
  }
  if (group.state() != ClassicState::kStable) return CompleteJoinIfAll(group);
  if (group.SelectProtocol() != group.protocol_name) return RebalanceOrCompleteJoin(group);

  // Nobody else notices.
  auto written = WriteRow(group, group.EncodeRow());
  if (!written.ok()) {
    AnswerJoin(member, JoinError(KafkaError::kCoordinatorNotAvailable, ""));
    return;
  }
  const bool skips = caller.api_version >= kSkipAssignmentVersion;
  context_.WhenDurable(*written, [this, group_id = group.id(), new_id, leader_before, skips] {
    ClassicGroup* now = Find(group_id);
    ClassicMember* joined = now == nullptr ? nullptr : now->Find(new_id);
    // A rebalance that began meanwhile answers.
    if (joined == nullptr || !joined->join || now->state() != ClassicState::kStable) return;
    JoinGroupResponse response = JoinedResponse(*now, new_id);
    if (!skips) {
      // It would compute an assignment if it were told that it leads.
      response.leader = leader_before;
      response.members.clear();
    } else {
      response.skip_assignment = now->leader == new_id;
    }
    AnswerJoin(*joined, std::move(response));
  });
}

void ClassicGroups::RemoveMember(ClassicGroup& group, const std::string& member_id,
                                 KafkaError error) {
  ClassicMember& member = *group.Find(member_id);
  if (member.join) AnswerJoin(member, JoinError(error, ""));
  if (member.sync) context_.Answer(std::exchange(member.sync, nullptr), SyncError(error));
  group.Remove(member_id);
  members_ -= 1;
}

// --- rebalance ---

void ClassicGroups::RebalanceOrCompleteJoin(ClassicGroup& group) {
  if (group.state() == ClassicState::kPreparingRebalance) {
    CompleteJoinIfAll(group);
  } else {
    PrepareRebalance(group);
  }
}

void ClassicGroups::CompleteJoinIfAll(ClassicGroup& group) {
  // The first rebalance of a group ends with its delay.
  if (group.state() != ClassicState::kPreparingRebalance ||
      group.previous_state() == ClassicState::kEmpty || !group.AllJoined()) {
    return;
  }
  CompleteJoin(group);
}

void ClassicGroups::PrepareRebalance(ClassicGroup& group) {
  if (group.state() == ClassicState::kCompletingRebalance) {
    for (const auto& [member_id, member] : group.members()) member->assignment.clear();
    Propagate(group, KafkaError::kRebalanceInProgress);
  }
  group.awaited_syncs.clear();
  group.join.Cancel();
  const bool initial = group.state() == ClassicState::kEmpty;
  group.TransitionTo(ClassicState::kPreparingRebalance);
  if (initial) {
    const int32_t delay_ms = context_.options.initial_rebalance_delay_ms;
    group.member_added = false;
    if (delay_ms <= 0) return CompleteJoin(group);
    const int32_t remaining_ms = std::max(group.RebalanceTimeoutMs() - delay_ms, 0);
    group.join.Set(delay_ms, context_.Scoped([this, id = group.id(), delay_ms, remaining_ms] {
      InitialDelay(id, delay_ms, remaining_ms);
    }));
    return;
  }
  if (group.AllJoined()) return CompleteJoin(group);
  group.join.Set(group.RebalanceTimeoutMs(), context_.Scoped([this, id = group.id()] {
    if (ClassicGroup* late = Find(id)) CompleteJoin(*late);
  }));
}

void ClassicGroups::InitialDelay(const std::string& group_id, int32_t delay_ms,
                                 int32_t remaining_ms) {
  ClassicGroup* group = Find(group_id);
  if (group == nullptr) return;
  if (!group->member_added || remaining_ms == 0) return CompleteJoin(*group);
  group->member_added = false;
  const int32_t next_ms = std::min(context_.options.initial_rebalance_delay_ms, remaining_ms);
  const int32_t left_ms = std::max(remaining_ms - delay_ms, 0);
  group->join.Set(next_ms, context_.Scoped([this, group_id, next_ms, left_ms] {
    InitialDelay(group_id, next_ms, left_ms);
  }));
}

void ClassicGroups::CompleteJoin(ClassicGroup& group) {
  if (group.state() != ClassicState::kPreparingRebalance) return;
  group.join.Cancel();
  std::vector<std::string> late;  // static ones may come back until their session ends
  for (const auto& [member_id, member] : group.members()) {
    if (!member->join && !member->instance_id) late.push_back(member_id);
  }
  for (const std::string& member_id : late) {
    RemoveMember(group, member_id, KafkaError::kUnknownMemberId);
  }
  if (!group.ElectJoinedLeader() && !group.members().empty()) {
    // Static members only, none of which is back: until their sessions end.
    group.join.Set(group.RebalanceTimeoutMs(), context_.Scoped([this, id = group.id()] {
      if (ClassicGroup* again = Find(id)) CompleteJoin(*again);
    }));
    return;
  }
  group.generation = group.generation == INT32_MAX ? 1 : group.generation + 1;
  group.awaited_syncs.clear();
  if (group.members().empty()) {
    group.protocol_name.reset();
    group.TransitionTo(ClassicState::kEmpty);
    group.empty_since_ms = context_.NowMs();
    // If this can't be written, the generation before it comes back after a restart; its members
    // are gone and their sessions will end.
    (void)WriteRow(group, group.EncodeRow());
    return;
  }
  group.protocol_name = group.SelectProtocol();
  group.TransitionTo(ClassicState::kCompletingRebalance);
  for (const auto& [member_id, member] : group.members()) {
    if (member->join) AnswerJoin(*member, JoinedResponse(group, member_id));
    ExtendSession(group, *member, member->session_timeout_ms);
    member->is_new = false;
    group.awaited_syncs.insert(member_id);
  }
  group.join.Set(group.RebalanceTimeoutMs(), context_.Scoped([this, id = group.id()] {
    if (ClassicGroup* waiting = Find(id)) ExpireSyncs(*waiting);
  }));
}

void ClassicGroups::ExpireSyncs(ClassicGroup& group) {
  if (group.awaited_syncs.empty()) return;
  const std::set<std::string> silent = group.awaited_syncs;
  for (const std::string& member_id : silent) {
    if (group.Find(member_id) != nullptr) {
      RemoveMember(group, member_id, KafkaError::kUnknownMemberId);
    }
  }
  PrepareRebalance(group);
}

// --- sync ---

void ClassicGroups::Sync(const SyncGroupRequest& request, SyncGroupDone done) {
  ClassicGroup* group = Find(request.group_id);
  KafkaError error = KafkaError::kNone;
  if (request.group_id.empty()) {
    error = KafkaError::kInvalidGroupId;
  } else if (group == nullptr) {
    error = KafkaError::kUnknownMemberId;
  } else {
    error = group->CheckMember(request.member_id, request.instance_id);
  }
  if (error == KafkaError::kNone) {
    if (request.generation_id != group->generation) {
      error = KafkaError::kIllegalGeneration;
    } else if (Inconsistent(request.protocol_type, group->protocol_type) ||
               Inconsistent(request.protocol_name, group->protocol_name)) {
      error = KafkaError::kInconsistentGroupProtocol;
    } else if (group->state() == ClassicState::kPreparingRebalance) {
      error = KafkaError::kRebalanceInProgress;
    }
  }
  if (error != KafkaError::kNone) return context_.Answer(std::move(done), SyncError(error));

  ClassicMember& member = *group->Find(request.member_id);
  group->awaited_syncs.erase(request.member_id);
  if (group->awaited_syncs.empty()) group->join.Cancel();
  if (group->state() == ClassicState::kStable) {
    SyncGroupResponse response;
    response.protocol_type = group->protocol_type;
    response.protocol_name = group->protocol_name;
    response.assignment = member.assignment;
    return context_.Answer(std::move(done), std::move(response));
  }
  if (member.sync) {
    context_.Answer(std::exchange(member.sync, nullptr),
                    SyncError(KafkaError::kRebalanceInProgress));
  }
  member.sync = std::move(done);
  if (group->leader != request.member_id) return;

  std::unordered_map<std::string, std::string> assignments;
  for (const SyncGroupRequest::Assignment& assignment : request.assignments) {
    assignments[assignment.member_id] = assignment.assignment;
  }
  // The row says what is true once it is durable.
  std::unordered_map<std::string, std::string> before;
  for (const auto& [member_id, each] : group->members()) {
    before[member_id] = std::exchange(each->assignment, assignments[member_id]);
  }
  const std::string row = group->EncodeRow();
  for (const auto& [member_id, each] : group->members()) each->assignment = before[member_id];
  const auto fail = [&](KafkaError failure) {
    for (const auto& [member_id, each] : group->members()) each->assignment.clear();
    Propagate(*group, failure);
    PrepareRebalance(*group);
  };
  if (row.size() > context_.options.generation_bytes_max) {
    return fail(KafkaError::kUnknownServerError);
  }
  auto written = WriteRow(*group, row);
  if (!written.ok()) return fail(KafkaError::kCoordinatorNotAvailable);
  context_.WhenDurable(*written, [this, group_id = group->id(), generation = group->generation,
                                  assignments = std::move(assignments)] {
    AssignmentWritten(group_id, generation, assignments);
  });
}

void ClassicGroups::AssignmentWritten(
    const std::string& group_id, int32_t generation,
    const std::unordered_map<std::string, std::string>& assignments) {
  ClassicGroup* group = Find(group_id);
  // Somebody joined or left meanwhile: the next generation is on its way.
  if (group == nullptr || group->state() != ClassicState::kCompletingRebalance ||
      group->generation != generation) {
    return;
  }
  for (const auto& [member_id, member] : group->members()) {
    const auto found = assignments.find(member_id);
    member->assignment = found == assignments.end() ? "" : found->second;
  }
  Propagate(*group, KafkaError::kNone);
  group->TransitionTo(ClassicState::kStable);
  rebalances_.Add();
}

void ClassicGroups::Propagate(ClassicGroup& group, KafkaError error) {
  for (const auto& [member_id, member] : group.members()) {
    if (!member->sync) continue;
    SyncGroupResponse response = SyncError(error);
    if (error == KafkaError::kNone) {
      response.protocol_type = group.protocol_type;
      response.protocol_name = group.protocol_name;
      response.assignment = member->assignment;
    }
    context_.Answer(std::exchange(member->sync, nullptr), std::move(response));
    // While it waited its session could not end.
    ExtendSession(group, *member, member->session_timeout_ms);
  }
}

// --- heartbeat, leave, commit ---

KafkaError ClassicGroups::Heartbeat(const HeartbeatRequest& request) {
  if (request.group_id.empty()) return KafkaError::kInvalidGroupId;
  ClassicGroup* group = Find(request.group_id);
  if (group == nullptr) return KafkaError::kUnknownMemberId;
  const KafkaError error = group->CheckMember(request.member_id, request.instance_id);
  if (error != KafkaError::kNone) return error;
  if (request.generation_id != group->generation) return KafkaError::kIllegalGeneration;
  ClassicMember& member = *group->Find(request.member_id);
  ExtendSession(*group, member, member.session_timeout_ms);
  return group->state() == ClassicState::kPreparingRebalance ? KafkaError::kRebalanceInProgress
                                                             : KafkaError::kNone;
}

LeaveGroupResponse ClassicGroups::Leave(const LeaveGroupRequest& request) {
  LeaveGroupResponse response;
  ClassicGroup* group = Find(request.group_id);
  if (request.group_id.empty()) {
    response.error = KafkaError::kInvalidGroupId;
    return response;
  }
  bool any_left = false;
  for (const LeavingMember& leaving : request.members) {
    KafkaError error = KafkaError::kUnknownMemberId;
    if (group == nullptr) {
      // Nobody is a member of it.
    } else if (leaving.member_id.empty()) {
      // An administrator removes whoever has the instance id now.
      const std::string member_id =
          leaving.instance_id ? group->MemberOfInstance(*leaving.instance_id) : "";
      if (!member_id.empty()) {
        RemoveMember(*group, member_id, KafkaError::kUnknownMemberId);
        error = KafkaError::kNone;
      }
    } else if (group->pending.count(leaving.member_id) != 0) {
      group->Remove(leaving.member_id);
      error = KafkaError::kNone;
    } else {
      error = group->CheckMember(leaving.member_id, leaving.instance_id);
      if (error == KafkaError::kNone) {
        RemoveMember(*group, leaving.member_id, KafkaError::kUnknownMemberId);
      }
    }
    any_left = any_left || error == KafkaError::kNone;
    response.members.push_back({leaving.member_id, leaving.instance_id, error});
  }
  if (any_left && group->state() != ClassicState::kEmpty) RebalanceOrCompleteJoin(*group);
  return response;
}

KafkaError ClassicGroups::CheckCommit(ClassicGroup& group, const OffsetCommitRequest& request,
                                      bool transactional) {
  const bool empty = group.state() == ClassicState::kEmpty;
  // From outside the group: administrators, and consumers that assign themselves.
  if (request.generation_or_epoch < 0 && empty) return KafkaError::kNone;
  if (request.generation_or_epoch >= 0 || !request.member_id.empty() || request.instance_id) {
    const KafkaError error = group.CheckMember(request.member_id, request.instance_id);
    if (error != KafkaError::kNone) return error;
    if (request.generation_or_epoch != group.generation) return KafkaError::kIllegalGeneration;
  } else if (!transactional && !empty) {
    return KafkaError::kUnknownMemberId;
  }
  if (!transactional && group.state() == ClassicState::kCompletingRebalance) {
    return KafkaError::kRebalanceInProgress;
  }
  // A commit is a sign of life.
  ClassicMember* member = group.Find(request.member_id);
  if (member != nullptr && !transactional) {
    ExtendSession(group, *member, member->session_timeout_ms);
  }
  return KafkaError::kNone;
}

// --- sessions ---

void ClassicGroups::ExtendSession(ClassicGroup& group, ClassicMember& member, int64_t ms) {
  if (member.session.set()) return member.session.Extend(ms);
  member.session.Set(ms, context_.Scoped([this, group_id = group.id(), member_id = member.id] {
    SessionExpired(group_id, member_id);
  }));
}

void ClassicGroups::SessionExpired(const std::string& group_id, const std::string& member_id) {
  ClassicGroup* group = Find(group_id);
  ClassicMember* member = group == nullptr ? nullptr : group->Find(member_id);
  if (member == nullptr) return;
  // Who waits for an answer can't send heartbeats. Its session begins anew with the answer.
  if (!member->is_new && (member->join || member->sync)) return;
  expired_.Add();
  RemoveMember(*group, member_id, KafkaError::kUnknownMemberId);
  if (group->state() == ClassicState::kPreparingRebalance) {
    if (group->AllJoined()) CompleteJoin(*group);
  } else if (group->state() != ClassicState::kEmpty) {
    PrepareRebalance(*group);
  }
}

// --- answers and rows ---

void ClassicGroups::AnswerJoin(ClassicMember& member, JoinGroupResponse response) {
  context_.Answer(std::exchange(member.join, nullptr), std::move(response));
}

JoinGroupResponse ClassicGroups::JoinedResponse(const ClassicGroup& group,
                                                const std::string& member_id) const {
  JoinGroupResponse response;
  response.generation_id = group.generation;
  response.protocol_type = group.protocol_type;
  response.protocol_name = group.protocol_name;
  response.leader = group.leader;
  response.member_id = member_id;
  if (group.leader == member_id) response.members = group.MembersForLeader();
  return response;
}

Result<Position> ClassicGroups::WriteRow(const ClassicGroup& group, const std::string& row) {
  return context_.log.Commit({}, {{kRowPrefix + group.id(), row}}, nullptr);
}

}  // namespace weir::log
