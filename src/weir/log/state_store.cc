#include "weir/log/state_store.h"

namespace weir::log {

std::string EncodeChanges(const std::vector<StateChange>& changes) {
  ByteWriter out;
  out.Varint(changes.size());
  for (const StateChange& change : changes) {
    out.String(change.key);
    out.U8(change.value ? 1 : 0);
    if (change.value) out.String(*change.value);
  }
  return out.Take();
}

bool DecodeChanges(std::string_view body, std::vector<StateChange>* changes) {
  ByteReader in(body);
  for (uint64_t left = in.Count(2); left > 0 && in.ok(); --left) {
    StateChange change;
    change.key = in.String();
    if (in.U8() != 0) change.value = std::string(in.String());
    changes->push_back(std::move(change));
  }
  return in.ok() && in.done();
}

void StateStore::Apply(const StateChange& change) {
  const auto found = rows_.find(change.key);
  if (found != rows_.end()) {
    bytes_ -= found->first.size() + found->second.size();
    if (!change.value) {
      rows_.erase(found);
      return;
    }
    found->second = *change.value;
  } else {
    if (!change.value) return;
    rows_.emplace(change.key, *change.value);
  }
  bytes_ += change.key.size() + change.value->size();
}

const std::string* StateStore::Find(const std::string& key) const {
  const auto found = rows_.find(key);
  return found == rows_.end() ? nullptr : &found->second;
}

void StateStore::ForEach(
    const std::string& prefix,
    const std::function<void(const std::string& key, const std::string& value)>& f) const {
  for (auto row = rows_.lower_bound(prefix); row != rows_.end(); ++row) {
    if (row->first.compare(0, prefix.size(), prefix) != 0) return;
    f(row->first, row->second);
  }
}

void StateStore::Encode(ByteWriter& out) const {
  out.Varint(rows_.size());
  for (const auto& [key, value] : rows_) {
    out.String(key);
    out.String(value);
  }
}

bool StateStore::Decode(ByteReader& in) {
  rows_.clear();
  bytes_ = 0;
  for (uint64_t left = in.Count(2); left > 0 && in.ok(); --left) {
    StateChange change;
    change.key = in.String();
    change.value = std::string(in.String());
    Apply(change);
  }
  return in.ok();
}

}  // namespace weir::log
