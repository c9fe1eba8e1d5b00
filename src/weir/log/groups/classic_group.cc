#include "weir/log/groups/classic_group.h"

#include <algorithm>

#include "weir/log/groups/consumer_protocol.h"

namespace weir::log {

using kafka::KafkaError;

namespace {

constexpr uint8_t kRowVersion = 1;

void WriteOptional(ByteWriter& out, const std::optional<std::string>& text) {
  out.U8(text ? 1 : 0);
  if (text) out.String(*text);
}

std::optional<std::string> ReadOptional(ByteReader& in) {
  if (in.U8() == 0) return std::nullopt;
  return std::string(in.String());
}

}  // namespace

const char* ClassicStateName(ClassicState state) {
  switch (state) {
    case ClassicState::kEmpty:
      return "Empty";
    case ClassicState::kPreparingRebalance:
      return "PreparingRebalance";
    case ClassicState::kCompletingRebalance:
      return "CompletingRebalance";
    case ClassicState::kStable:
      return "Stable";
  }
  return "";
}

const std::string& ClassicMember::MetadataOf(const std::string& protocol) const {
  static const std::string kNothing;
  for (const GroupProtocol& mine : protocols) {
    if (mine.name == protocol) return mine.metadata;
  }
  return kNothing;
}

std::string ClassicGroup::EncodeRow() const {
  ByteWriter out;
  out.U8('c');
  out.U8(kRowVersion);
  out.Signed(generation);
  WriteOptional(out, protocol_type);
  WriteOptional(out, protocol_name);
  out.String(leader);
  out.Signed(empty_since_ms);
  out.Varint(members_.size());
  for (const auto& [member_id, member] : members_) {
    out.String(member_id);
    WriteOptional(out, member->instance_id);
    out.String(member->client_id);
    out.String(member->client_host);
    out.Signed(member->rebalance_timeout_ms);
    out.Signed(member->session_timeout_ms);
    out.Varint(member->protocols.size());
    for (const GroupProtocol& protocol : member->protocols) {
      out.String(protocol.name);
      out.String(protocol.metadata);
    }
    out.String(member->assignment);
  }
  return out.Take();
}

bool ClassicGroup::DecodeRow(std::string_view row) {
  ByteReader in(row);
  if (in.U8() != 'c' || in.U8() != kRowVersion) return false;
  generation = static_cast<int32_t>(in.Signed());
  protocol_type = ReadOptional(in);
  protocol_name = ReadOptional(in);
  leader = in.String();
  empty_since_ms = in.Signed();
  for (uint64_t left = in.Count(8); left > 0 && in.ok(); --left) {
    auto member = std::make_unique<ClassicMember>(timers_);
    member->id = in.String();
    member->instance_id = ReadOptional(in);
    member->client_id = in.String();
    member->client_host = in.String();
    member->rebalance_timeout_ms = static_cast<int32_t>(in.Signed());
    member->session_timeout_ms = static_cast<int32_t>(in.Signed());
    for (uint64_t protocols = in.Count(2); protocols > 0 && in.ok(); --protocols) {
      GroupProtocol protocol;
      protocol.name = in.String();
      protocol.metadata = in.String();
      member->protocols.push_back(std::move(protocol));
    }
    member->assignment = in.String();
    if (member->instance_id) instances_[*member->instance_id] = member->id;
    const std::string member_id = member->id;
    members_[member_id] = std::move(member);
  }
  if (!in.ok() || !in.done()) return false;
  state_ = members_.empty() ? ClassicState::kEmpty : ClassicState::kStable;
  return true;
}

ClassicMember* ClassicGroup::Find(const std::string& member_id) {
  const auto found = members_.find(member_id);
  return found == members_.end() ? nullptr : found->second.get();
}

ClassicMember& ClassicGroup::Add(std::unique_ptr<ClassicMember> member) {
  if (member->instance_id) instances_[*member->instance_id] = member->id;
  if (leader.empty()) leader = member->id;
  pending.erase(member->id);
  ClassicMember& added = *member;
  members_[added.id] = std::move(member);
  return added;
}

void ClassicGroup::Remove(const std::string& member_id) {
  const auto found = members_.find(member_id);
  if (found != members_.end()) {
    if (found->second->instance_id) instances_.erase(*found->second->instance_id);
    members_.erase(found);
  }
  if (leader == member_id) leader = members_.empty() ? "" : members_.begin()->first;
  pending.erase(member_id);
  awaited_syncs.erase(member_id);
}

ClassicMember& ClassicGroup::Replace(const std::string& old_id, const std::string& new_id) {
  auto node = members_.extract(old_id);
  node.key() = new_id;
  ClassicMember& member = *node.mapped();
  member.id = new_id;
  member.session.Cancel();
  members_.insert(std::move(node));
  instances_[*member.instance_id] = new_id;
  if (leader == old_id) leader = new_id;
  awaited_syncs.erase(old_id);
  return member;
}

const std::string& ClassicGroup::MemberOfInstance(const std::string& instance_id) const {
  static const std::string kNobody;
  const auto found = instances_.find(instance_id);
  return found == instances_.end() ? kNobody : found->second;
}

size_t ClassicGroup::Joining() const {
  return static_cast<size_t>(std::count_if(members_.begin(), members_.end(), [](const auto& entry) {
    return entry.second->join != nullptr;
  }));
}

bool ClassicGroup::AllJoined() const { return pending.empty() && Joining() == members_.size(); }

int32_t ClassicGroup::RebalanceTimeoutMs() const {
  int32_t longest = 0;
  for (const auto& [member_id, member] : members_) {
    longest = std::max(longest, member->rebalance_timeout_ms);
  }
  return longest;
}

KafkaError ClassicGroup::CheckMember(const std::string& member_id,
                                     const std::optional<std::string>& instance_id) {
  if (instance_id) {
    const std::string& owner = MemberOfInstance(*instance_id);
    if (owner.empty()) return KafkaError::kUnknownMemberId;
    if (owner != member_id) return KafkaError::kFencedInstanceId;
  }
  return Find(member_id) == nullptr ? KafkaError::kUnknownMemberId : KafkaError::kNone;
}

bool ClassicGroup::Supports(const std::string& type,
                            const std::vector<GroupProtocol>& protocols) const {
  if (state_ == ClassicState::kEmpty) return !type.empty() && !protocols.empty();
  if (protocol_type != type) return false;
  return std::any_of(protocols.begin(), protocols.end(), [&](const GroupProtocol& protocol) {
    return std::all_of(members_.begin(), members_.end(), [&](const auto& entry) {
      return std::any_of(entry.second->protocols.begin(), entry.second->protocols.end(),
                         [&](const GroupProtocol& mine) { return mine.name == protocol.name; });
    });
  });
}

std::string ClassicGroup::SelectProtocol() const {
  std::map<std::string, size_t> supporters;
  for (const auto& [member_id, member] : members_) {
    std::set<std::string> names;
    for (const GroupProtocol& protocol : member->protocols) names.insert(protocol.name);
    for (const std::string& name : names) supporters[name] += 1;
  }
  std::map<std::string, size_t> votes;
  for (const auto& [member_id, member] : members_) {
    for (const GroupProtocol& protocol : member->protocols) {
      if (supporters[protocol.name] != members_.size()) continue;
      votes[protocol.name] += 1;
      break;
    }
  }
  std::string chosen;
  size_t most = 0;
  for (const auto& [name, count] : votes) {
    if (count > most) chosen = name;
    most = std::max(most, count);
  }
  return chosen;
}

bool ClassicGroup::ElectJoinedLeader() {
  const ClassicMember* now = Find(leader);
  if (now == nullptr) return false;
  if (now->join) return true;
  for (const auto& [member_id, member] : members_) {
    if (!member->join) continue;
    leader = member_id;
    return true;
  }
  return false;
}

std::optional<std::set<std::string>> ClassicGroup::SubscribedTopics() const {
  std::set<std::string> all;
  if (protocol_type != std::string(kConsumerProtocolType)) return std::nullopt;
  if (members_.empty()) return all;
  if (!protocol_name) return std::nullopt;
  for (const auto& [member_id, member] : members_) {
    const auto topics = log::SubscribedTopics(member->MetadataOf(*protocol_name));
    if (!topics) return std::nullopt;
    all.insert(topics->begin(), topics->end());
  }
  return all;
}

std::vector<JoinGroupResponse::Member> ClassicGroup::MembersForLeader() const {
  std::vector<JoinGroupResponse::Member> members;
  members.reserve(members_.size());
  for (const auto& [member_id, member] : members_) {
    members.push_back(
        {member_id, member->instance_id, member->MetadataOf(protocol_name.value_or(""))});
  }
  return members;
}

}  // namespace weir::log
