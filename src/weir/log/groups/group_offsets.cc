#include "weir/log/groups/group_offsets.h"

#include <algorithm>
#include <utility>

namespace weir::log {
namespace {

void WritePlace(ByteWriter& out, const std::string& group, const OffsetPlace& place) {
  out.String(group);
  out.Raw({reinterpret_cast<const char*>(place.topic.bytes.data()), place.topic.bytes.size()});
  out.U32(static_cast<uint32_t>(place.partition));
}

void ReadPlace(ByteReader& in, std::string* group, OffsetPlace* place) {
  *group = in.String();
  const std::string_view id = in.Raw(place->topic.bytes.size());
  std::copy(id.begin(), id.end(), place->topic.bytes.begin());
  place->partition = static_cast<int32_t>(in.U32());
}

std::string CommittedKey(const std::string& group, const OffsetPlace& place) {
  ByteWriter out;
  out.Raw(GroupOffsets::kCommittedPrefix);
  WritePlace(out, group, place);
  return out.Take();
}

std::string PendingKey(int64_t producer_id, const std::string& group, const OffsetPlace& place) {
  ByteWriter out;
  out.Raw(GroupOffsets::kPendingPrefix);
  out.U64(static_cast<uint64_t>(producer_id));
  WritePlace(out, group, place);
  return out.Take();
}

std::string Encode(const CommittedOffset& value) {
  ByteWriter out;
  out.Signed(value.offset);
  out.Signed(value.leader_epoch);
  out.String(value.metadata);
  out.Signed(value.commit_ms);
  out.Varint(value.number);
  return out.Take();
}

bool Decode(std::string_view bytes, CommittedOffset* value) {
  ByteReader in(bytes);
  value->offset = in.Signed();
  value->leader_epoch = static_cast<int32_t>(in.Signed());
  value->metadata = in.String();
  value->commit_ms = in.Signed();
  value->number = in.Varint();
  return in.ok() && in.done();
}

}  // namespace

StateChange GroupOffsets::Put(const std::string& group, const OffsetPlace& place,
                              CommittedOffset value) {
  value.number = next_number_++;
  return {CommittedKey(group, place), Encode(value)};
}

StateChange GroupOffsets::Stage(int64_t producer_id, const std::string& group,
                                const OffsetPlace& place, CommittedOffset value) {
  value.number = next_number_++;
  return {PendingKey(producer_id, group, place), Encode(value)};
}

StateChange GroupOffsets::Remove(const std::string& group, const OffsetPlace& place) {
  return {CommittedKey(group, place), std::nullopt};
}

std::vector<StateChange> GroupOffsets::EndTransaction(int64_t producer_id, bool committed) const {
  std::vector<StateChange> rows;
  const auto staged = staged_.find(producer_id);
  if (staged == staged_.end()) return rows;
  for (const auto& [place, value] : staged->second) {
    rows.push_back({PendingKey(producer_id, place.first, place.second), std::nullopt});
    if (!committed) continue;
    const CommittedOffset* now = Find(place.first, place.second);
    if (now != nullptr && now->number > value.number) continue;
    rows.push_back({CommittedKey(place.first, place.second), Encode(value)});
  }
  return rows;
}

std::vector<StateChange> GroupOffsets::RemovePlace(const std::string& group,
                                                   const OffsetPlace& place) const {
  std::vector<StateChange> rows;
  if (Find(group, place) != nullptr) rows.push_back(Remove(group, place));
  if (!IsPending(group, place)) return rows;
  for (const auto& [producer_id, places] : staged_) {
    if (places.count({group, place}) != 0) {
      rows.push_back({PendingKey(producer_id, group, place), std::nullopt});
    }
  }
  return rows;
}

std::vector<StateChange> GroupOffsets::RemoveGroup(const std::string& group) const {
  std::vector<StateChange> rows;
  const auto found = groups_.find(group);
  if (found == groups_.end()) return rows;
  for (const auto& [place, value] : found->second.committed) rows.push_back(Remove(group, place));
  if (found->second.pending.empty()) return rows;
  for (const auto& [producer_id, places] : staged_) {
    for (const auto& [place, value] : places) {
      if (place.first == group) {
        rows.push_back({PendingKey(producer_id, group, place.second), std::nullopt});
      }
    }
  }
  return rows;
}

std::vector<StateChange> GroupOffsets::RemoveTopic(const TopicId& topic) const {
  std::vector<StateChange> rows;
  for (const auto& [group, offsets] : groups_) {
    for (auto it = offsets.committed.lower_bound({topic, INT32_MIN});
         it != offsets.committed.end() && it->first.topic == topic; ++it) {
      rows.push_back(Remove(group, it->first));
    }
  }
  for (const auto& [producer_id, places] : staged_) {
    for (const auto& [place, value] : places) {
      if (place.second.topic == topic) {
        rows.push_back({PendingKey(producer_id, place.first, place.second), std::nullopt});
      }
    }
  }
  return rows;
}

bool GroupOffsets::Apply(const StateChange& change, std::string* of) {
  if (change.key.size() < 2 || change.key[0] != 'g') return false;
  CommittedOffset value;
  if (change.value && (change.key[1] == 'o' || change.key[1] == 'p') &&
      !Decode(*change.value, &value)) {
    return false;
  }
  next_number_ = std::max(next_number_, value.number + 1);
  ByteReader in(std::string_view(change.key).substr(2));
  std::string group;
  OffsetPlace place;
  if (change.key[1] == 'o') {
    ReadPlace(in, &group, &place);
    if (!in.ok() || !in.done()) return false;
    ApplyCommitted(group, place, change.value ? &value : nullptr);
    if (of != nullptr) *of = std::move(group);
    return true;
  }
  if (change.key[1] == 'p') {
    const int64_t producer_id = static_cast<int64_t>(in.U64());
    ReadPlace(in, &group, &place);
    if (!in.ok() || !in.done()) return false;
    ApplyPending(producer_id, group, place, change.value ? &value : nullptr);
    if (of != nullptr) *of = std::move(group);
    return true;
  }
  return false;
}

void GroupOffsets::ApplyCommitted(const std::string& group, const OffsetPlace& place,
                                  const CommittedOffset* value) {
  OfGroup& offsets = groups_[group];
  if (value != nullptr) {
    committed_ += offsets.committed.insert_or_assign(place, *value).second ? 1 : 0;
  } else {
    committed_ -= offsets.committed.erase(place);
  }
  if (offsets.empty()) groups_.erase(group);
}

void GroupOffsets::ApplyPending(int64_t producer_id, const std::string& group,
                                const OffsetPlace& place, const CommittedOffset* value) {
  auto& places = staged_[producer_id];
  OfGroup& offsets = groups_[group];
  if (value != nullptr) {
    if (places.insert_or_assign({group, place}, *value).second) {
      offsets.pending[place] += 1;
      pending_ += 1;
    }
  } else if (places.erase({group, place}) != 0) {
    if (--offsets.pending[place] == 0) offsets.pending.erase(place);
    pending_ -= 1;
  }
  if (places.empty()) staged_.erase(producer_id);
  if (offsets.empty()) groups_.erase(group);
}

const CommittedOffset* GroupOffsets::Find(const std::string& group,
                                          const OffsetPlace& place) const {
  const auto found = groups_.find(group);
  if (found == groups_.end()) return nullptr;
  const auto offset = found->second.committed.find(place);
  return offset == found->second.committed.end() ? nullptr : &offset->second;
}

bool GroupOffsets::IsPending(const std::string& group, const OffsetPlace& place) const {
  const auto found = groups_.find(group);
  return found != groups_.end() && found->second.pending.count(place) != 0;
}

bool GroupOffsets::HasPending(const std::string& group) const {
  const auto found = groups_.find(group);
  return found != groups_.end() && !found->second.pending.empty();
}

void GroupOffsets::ForEach(
    const std::string& group,
    const std::function<void(const OffsetPlace&, const CommittedOffset&)>& f) const {
  const auto found = groups_.find(group);
  if (found == groups_.end()) return;
  for (const auto& [place, value] : found->second.committed) f(place, value);
}

void GroupOffsets::ForEachGroup(const std::function<void(const std::string& group)>& f) const {
  for (const auto& [group, offsets] : groups_) f(group);
}

std::vector<std::string> GroupOffsets::StagedGroups(int64_t producer_id) const {
  std::vector<std::string> groups;
  const auto staged = staged_.find(producer_id);
  if (staged == staged_.end()) return groups;
  for (const auto& [place, value] : staged->second) {
    if (groups.empty() || groups.back() != place.first) groups.push_back(place.first);
  }
  return groups;
}

}  // namespace weir::log
