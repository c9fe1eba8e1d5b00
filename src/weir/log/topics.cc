#include "weir/log/topics.h"

#include <algorithm>

namespace weir::log {
namespace {

constexpr size_t kNameMax = 249;

}  // namespace

StateChange Topics::Put(const Topic& topic) {
  ByteWriter out;
  out.Raw({reinterpret_cast<const char*>(topic.id.bytes.data()), topic.id.bytes.size()});
  out.Signed(topic.created_ms);
  out.Varint(topic.partitions.size());
  for (const uint32_t number : topic.partitions) out.Varint(number);
  out.Varint(topic.configs.size());
  for (const auto& [key, value] : topic.configs) {
    out.String(key);
    out.String(value);
  }
  return {kKeyPrefix + topic.name, out.Take()};
}

StateChange Topics::Remove(const std::string& name) { return {kKeyPrefix + name, std::nullopt}; }

bool Topics::Apply(const StateChange& change) {
  const std::string name = change.key.substr(1);
  const auto found = topics_.find(name);
  if (found != topics_.end()) {
    names_.erase(found->second.id);
    if (!change.value) topics_.erase(found);
  }
  if (!change.value) return true;
  Topic topic;
  topic.name = name;
  ByteReader in(*change.value);
  const std::string_view id = in.Raw(topic.id.bytes.size());
  std::copy(id.begin(), id.end(), topic.id.bytes.begin());
  topic.created_ms = in.Signed();
  for (uint64_t left = in.Count(); left > 0 && in.ok(); --left) {
    topic.partitions.push_back(static_cast<uint32_t>(in.Varint()));
  }
  for (uint64_t left = in.Count(2); left > 0 && in.ok(); --left) {
    const std::string key(in.String());
    topic.configs[key] = in.String();
  }
  if (!in.ok() || !in.done()) return false;
  topic.settings = ParseTopicConfigs(topic.configs);
  names_[topic.id] = name;
  topics_[name] = std::move(topic);
  return true;
}

const Topic* Topics::FindColliding(std::string_view name) const {
  if (name.find_first_of("._") == std::string_view::npos) return nullptr;
  const auto same = [](char a, char b) { return (a == '.' ? '_' : a) == (b == '.' ? '_' : b); };
  for (const auto& [other, topic] : topics_) {
    if (other != name && std::equal(other.begin(), other.end(), name.begin(), name.end(), same)) {
      return &topic;
    }
  }
  return nullptr;
}

const Topic* Topics::Find(std::string_view name) const {
  const auto found = topics_.find(name);
  return found == topics_.end() ? nullptr : &found->second;
}

const Topic* Topics::Find(const TopicId& id) const {
  const auto found = names_.find(id);
  return found == names_.end() ? nullptr : Find(found->second);
}

bool IsInternalTopic(std::string_view name) {
  return name == kGroupOffsetsTopic || name == kTransactionsTopic;
}

std::string WrongWithTopicName(std::string_view name) {
  if (name.empty()) return "the empty string is not allowed";
  const std::string quoted = "'" + std::string(name) + "'";
  if (name == "." || name == "..") return quoted + " is not allowed";
  if (name.size() > kNameMax) {
    return "the length of " + quoted + " is longer than the max allowed length " +
           std::to_string(kNameMax);
  }
  for (const char c : name) {
    const bool legal = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '.' || c == '_' || c == '-';
    if (!legal) {
      return quoted +
             " contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'";
    }
  }
  return "";
}

}  // namespace weir::log
