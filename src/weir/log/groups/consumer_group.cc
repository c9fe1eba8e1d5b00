#include "weir/log/groups/consumer_group.h"

#include <algorithm>
#include <utility>

#include "weir/log/groups/assignors.h"

namespace weir::log {
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

void WritePartitions(ByteWriter& out, const PartitionSet& partitions) {
  out.Varint(partitions.size());
  for (const auto& [topic, indexes] : partitions) {
    out.Raw({reinterpret_cast<const char*>(topic.bytes.data()), topic.bytes.size()});
    out.Varint(indexes.size());
    for (const int32_t index : indexes) out.Varint(static_cast<uint32_t>(index));
  }
}

PartitionSet ReadPartitions(ByteReader& in) {
  PartitionSet partitions;
  for (uint64_t topics = in.Count(17); topics > 0 && in.ok(); --topics) {
    TopicId topic{};
    const std::string_view id = in.Raw(topic.bytes.size());
    std::copy(id.begin(), id.end(), topic.bytes.begin());
    for (uint64_t left = in.Count(); left > 0 && in.ok(); --left) {
      Insert(&partitions, topic, static_cast<int32_t>(in.Varint()));
    }
  }
  return partitions;
}

}  // namespace

// --- rows ---

std::string ConsumerGroup::MemberKeyPrefix(const std::string& group_id) {
  ByteWriter out;
  out.Raw(kMemberPrefix);
  out.String(group_id);
  return out.Take();
}

std::string ConsumerGroup::MemberKey(const std::string& member_id) const {
  return MemberKeyPrefix(id_) + member_id;
}

std::string ConsumerGroup::EncodeRow() const {
  ByteWriter out;
  out.U8('k');
  out.U8(kRowVersion);
  out.Signed(epoch);
  out.Signed(assignment_epoch);
  out.U64(topics_seen);
  out.String(assignor);
  out.Signed(empty_since_ms);
  return out.Take();
}

bool ConsumerGroup::DecodeRow(std::string_view row) {
  ByteReader in(row);
  if (in.U8() != 'k' || in.U8() != kRowVersion) return false;
  epoch = static_cast<int32_t>(in.Signed());
  assignment_epoch = static_cast<int32_t>(in.Signed());
  topics_seen = in.U64();
  assignor = in.String();
  empty_since_ms = in.Signed();
  return in.ok() && in.done();
}

std::string ConsumerGroup::EncodeMember(const ConsumerMember& member) {
  ByteWriter out;
  out.U8(kRowVersion);
  WriteOptional(out, member.instance_id);
  WriteOptional(out, member.rack_id);
  out.String(member.client_id);
  out.String(member.client_host);
  out.Signed(member.rebalance_timeout_ms);
  WriteOptional(out, member.server_assignor);
  out.Varint(member.topics.size());
  for (const std::string& topic : member.topics) out.String(topic);
  out.String(member.regex);
  out.Signed(member.epoch);
  out.Signed(member.previous_epoch);
  out.U8(static_cast<uint8_t>(member.state));
  WritePartitions(out, member.assigned);
  WritePartitions(out, member.revoking);
  WritePartitions(out, member.target);
  return out.Take();
}

bool ConsumerGroup::DecodeMember(const std::string& member_id, std::string_view row) {
  ByteReader in(row);
  if (in.U8() != kRowVersion) return false;
  auto member = std::make_unique<ConsumerMember>(timers_);
  member->id = member_id;
  member->instance_id = ReadOptional(in);
  member->rack_id = ReadOptional(in);
  member->client_id = in.String();
  member->client_host = in.String();
  member->rebalance_timeout_ms = static_cast<int32_t>(in.Signed());
  member->server_assignor = ReadOptional(in);
  for (uint64_t left = in.Count(); left > 0 && in.ok(); --left) {
    member->topics.emplace_back(in.String());
  }
  member->regex = in.String();
  member->epoch = static_cast<int32_t>(in.Signed());
  member->previous_epoch = static_cast<int32_t>(in.Signed());
  const uint8_t state = in.U8();
  if (state < 1 || state > 3) return false;
  member->state = static_cast<ReconcileState>(state);
  PartitionSet assigned = ReadPartitions(in);
  PartitionSet revoking = ReadPartitions(in);
  member->target = ReadPartitions(in);
  if (!in.ok() || !in.done()) return false;
  if (!member->regex.empty()) {
    std::string wrong;
    member->pattern = TopicPattern::Make(member->regex, &wrong);
  }
  if (member->instance_id) instances_[*member->instance_id] = member_id;
  ConsumerMember& loaded = *member;
  members_[member_id] = std::move(member);
  SetPartitions(loaded, std::move(assigned), std::move(revoking));
  return true;
}

// --- members ---

ConsumerMember* ConsumerGroup::Find(const std::string& member_id) {
  const auto found = members_.find(member_id);
  return found == members_.end() ? nullptr : found->second.get();
}

ConsumerMember* ConsumerGroup::FindInstance(const std::string& instance_id) {
  const auto found = instances_.find(instance_id);
  return found == instances_.end() ? nullptr : Find(found->second);
}

ConsumerMember& ConsumerGroup::Add(const std::string& member_id) {
  auto member = std::make_unique<ConsumerMember>(timers_);
  member->id = member_id;
  ConsumerMember& added = *member;
  members_[member_id] = std::move(member);
  return added;
}

void ConsumerGroup::SetInstance(ConsumerMember& member, const std::string& instance_id) {
  member.instance_id = instance_id;
  instances_[instance_id] = member.id;
}

bool ConsumerGroup::ResolveExpressions() {
  if (topics_seen != kUnresolved) return false;
  for (const auto& [id, member] : members_) {
    if (member->unresolved) member->pattern = std::move(member->unresolved);
  }
  return true;
}

std::shared_ptr<const TopicPattern> ConsumerGroup::FindResolved(const std::string& regex) const {
  for (const auto& [id, member] : members_) {
    if (member->pattern && member->regex == regex) return member->pattern;
  }
  return nullptr;
}

void ConsumerGroup::Remove(const std::string& member_id) {
  ConsumerMember* member = Find(member_id);
  if (member == nullptr) return;
  SetPartitions(*member, {}, {});
  if (member->instance_id) instances_.erase(*member->instance_id);
  members_.erase(member_id);
}

ConsumerMember& ConsumerGroup::Replace(const std::string& old_id, const std::string& new_id) {
  ConsumerMember& old = *Find(old_id);
  ConsumerMember& member = Add(new_id);
  member.instance_id = old.instance_id;
  member.rack_id = old.rack_id;
  member.rebalance_timeout_ms = old.rebalance_timeout_ms;
  member.server_assignor = old.server_assignor;
  member.topics = old.topics;
  member.regex = old.regex;
  member.pattern = old.pattern;
  member.unresolved = old.unresolved;
  member.state = old.state;
  member.target = old.target;
  PartitionSet assigned = old.assigned;
  Remove(old_id);
  instances_[*member.instance_id] = new_id;
  SetPartitions(member, std::move(assigned), {});
  return member;
}

// --- partitions ---

const std::string& ConsumerGroup::OwnerOf(const TopicId& topic, int32_t partition) const {
  static const std::string kNobody;
  const auto of_topic = owners_.find(topic);
  if (of_topic == owners_.end()) return kNobody;
  const auto owner = of_topic->second.find(partition);
  return owner == of_topic->second.end() ? kNobody : owner->second;
}

void ConsumerGroup::SetPartitions(ConsumerMember& member, PartitionSet assigned,
                                  PartitionSet revoking) {
  for (const PartitionSet* had : {&member.assigned, &member.revoking}) {
    for (const auto& [topic, indexes] : *had) {
      auto& owners = owners_[topic];
      for (const int32_t index : indexes) owners.erase(index);
      if (owners.empty()) owners_.erase(topic);
    }
  }
  member.assigned = std::move(assigned);
  member.revoking = std::move(revoking);
  for (const PartitionSet* has : {&member.assigned, &member.revoking}) {
    for (const auto& [topic, indexes] : *has) {
      for (const int32_t index : indexes) owners_[topic][index] = member.id;
    }
  }
}

void ConsumerGroup::DropRevoking(ConsumerMember& member) {
  SetPartitions(member, member.assigned, {});
}

bool ConsumerGroup::OwnsAny(const std::optional<PartitionSet>& owned, const PartitionSet& of) {
  if (!owned) return true;  // as before
  for (const auto& [topic, indexes] : of) {
    for (const int32_t index : indexes) {
      if (Contains(*owned, topic, index)) return true;
    }
  }
  return false;
}

void ConsumerGroup::Reconcile(ConsumerMember& member, const std::optional<PartitionSet>& owned) {
  if (member.ReconciledTo(assignment_epoch)) return;
  switch (member.state) {
    case ReconcileState::kStable:
    case ReconcileState::kUnreleased:
      return Step(member, member.epoch, owned);
    case ReconcileState::kUnrevoked:
      if (OwnsAny(owned, member.revoking)) return;
      return Step(member, member.epoch + 1, owned);
  }
}

void ConsumerGroup::Step(ConsumerMember& member, int32_t member_epoch,
                         const std::optional<PartitionSet>& owned) {
  PartitionSet kept;
  PartitionSet revoking;
  for (const auto& [topic, indexes] : member.assigned) {
    for (const int32_t index : indexes) {
      Insert(Contains(member.target, topic, index) ? &kept : &revoking, topic, index);
    }
  }
  const auto advance = [&](int32_t epoch) {
    if (member.epoch == epoch) return;
    member.previous_epoch = member.epoch;
    member.epoch = epoch;
  };
  if (!revoking.empty() && OwnsAny(owned, revoking)) {
    // It stays in its epoch until it has given them up.
    member.state = ReconcileState::kUnrevoked;
    advance(member_epoch);
    return SetPartitions(member, std::move(kept), std::move(revoking));
  }
  bool unreleased = false;
  for (const auto& [topic, indexes] : member.target) {
    for (const int32_t index : indexes) {
      const std::string& owner = OwnerOf(topic, index);
      if (owner.empty() || owner == member.id) {
        Insert(&kept, topic, index);
      } else {
        unreleased = true;
      }
    }
  }
  member.state = unreleased ? ReconcileState::kUnreleased : ReconcileState::kStable;
  advance(assignment_epoch);
  SetPartitions(member, std::move(kept), {});
}

// --- questions ---

const char* ConsumerGroup::StateName() const {
  if (members_.empty()) return "Empty";
  if (epoch > assignment_epoch) return "Assigning";
  const bool stable = std::all_of(members_.begin(), members_.end(), [&](const auto& entry) {
    return entry.second->ReconciledTo(assignment_epoch);
  });
  return stable ? "Stable" : "Reconciling";
}

bool ConsumerGroup::IsSubscribedTo(const std::string& topic) const {
  return std::any_of(members_.begin(), members_.end(), [&](const auto& entry) {
    const ConsumerMember& member = *entry.second;
    return std::binary_search(member.topics.begin(), member.topics.end(), topic) ||
           (member.pattern && member.pattern->Matches(topic));
  });
}

std::string ConsumerGroup::PreferredAssignor() const {
  std::map<std::string, size_t> votes;
  for (const auto& [id, member] : members_) {
    if (member->server_assignor) votes[*member->server_assignor] += 1;
  }
  std::string chosen(kUniformAssignor);
  size_t most = 0;
  for (const auto& [name, count] : votes) {
    if (count > most) chosen = name;
    most = std::max(most, count);
  }
  return chosen;
}

}  // namespace weir::log
