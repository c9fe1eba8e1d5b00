#include "weir/log/groups/assignors.h"

#include <algorithm>
#include <vector>

namespace weir::log {
namespace {

std::map<std::string, PartitionSet> AssignRange(const AssignmentInput& input) {
  // Instances first: a member that comes back under a new id keeps its place.
  std::vector<std::string> order;
  for (const auto& [id, member] : input.members) order.push_back(id);
  std::sort(order.begin(), order.end(), [&](const std::string& a, const std::string& b) {
    const auto& instance_a = input.members.at(a).instance_id;
    const auto& instance_b = input.members.at(b).instance_id;
    if (instance_a && instance_b) return *instance_a < *instance_b;
    if (instance_a || instance_b) return instance_a.has_value();
    return a < b;
  });
  std::map<std::string, PartitionSet> assigned;
  for (const std::string& id : order) assigned[id];
  for (const auto& [topic, partitions] : input.partitions) {
    std::vector<std::string> subscribers;
    for (const std::string& id : order) {
      if (input.members.at(id).topics.count(topic) != 0) subscribers.push_back(id);
    }
    if (subscribers.empty()) continue;
    const int32_t count = static_cast<int32_t>(subscribers.size());
    int32_t next = 0;
    for (int32_t i = 0; i < count; ++i) {
      const int32_t quota = partitions / count + (i < partitions % count ? 1 : 0);
      for (int32_t end = next + quota; next < end; ++next) {
        Insert(&assigned[subscribers[static_cast<size_t>(i)]], topic, next);
      }
    }
  }
  return assigned;
}

// Members by how much they have, for one set of subscribers.
class Loads {
 public:
  void Add(const std::string& id, size_t load) {
    load_[id] = load;
    order_.emplace(load, id);
  }
  void Change(const std::string& id, int by) {
    order_.erase({load_[id], id});
    load_[id] = static_cast<size_t>(static_cast<int64_t>(load_[id]) + by);
    order_.emplace(load_[id], id);
  }
  size_t Of(const std::string& id) const { return load_.at(id); }
  const std::string& Least() const { return order_.begin()->second; }
  const std::string& Most() const { return order_.rbegin()->second; }
  const std::set<std::pair<size_t, std::string>>& order() const { return order_; }

 private:
  std::map<std::string, size_t> load_;
  std::set<std::pair<size_t, std::string>> order_;
};

class Uniform {
 public:
  explicit Uniform(const AssignmentInput& input) : input_(input) {
    const std::set<TopicId>* first = nullptr;
    for (const auto& [id, member] : input.members) {
      if (first == nullptr) first = &member.topics;
      same_ = same_ && *first == member.topics;
      for (const TopicId& topic : member.topics) subscribers_[topic].push_back(id);
    }
  }

  std::map<std::string, PartitionSet> Assign() {
    KeepWhatWas();
    for (const auto& [topic, partitions] : input_.partitions) {
      if (subscribers_.count(topic) == 0) continue;
      for (int32_t index = 0; index < partitions; ++index) {
        if (!Contains(taken_, topic, index)) GiveOut(topic, index);
      }
    }
    Even();
    return std::move(assigned_);
  }

 private:
  void KeepWhatWas() {
    for (const auto& [id, member] : input_.members) {
      PartitionSet& kept = assigned_[id];
      size_t load = 0;
      for (const auto& [topic, indexes] : member.before) {
        if (member.topics.count(topic) == 0) continue;
        for (const int32_t index : indexes) {
          if (index >= input_.partitions.at(topic) || Contains(taken_, topic, index)) continue;
          Insert(&kept, topic, index);
          Insert(&taken_, topic, index);
          load += 1;
        }
      }
      loads_.Add(id, load);
    }
  }

  void GiveOut(const TopicId& topic, int32_t index) {
    const std::string to = LeastOf(topic);
    Insert(&assigned_[to], topic, index);
    loads_.Change(to, 1);
  }

  std::string LeastOf(const TopicId& topic) const {
    if (same_) return loads_.Least();
    const std::vector<std::string>& subscribers = subscribers_.at(topic);
    return *std::min_element(
        subscribers.begin(), subscribers.end(),
        [&](const std::string& a, const std::string& b) { return loads_.Of(a) < loads_.Of(b); });
  }

  // By value: what it takes may lie in what it changes.
  void Move(std::string from, std::string to, TopicId topic, int32_t index) {
    Erase(&assigned_[from], topic, index);
    Insert(&assigned_[to], topic, index);
    loads_.Change(from, -1);
    loads_.Change(to, 1);
  }

  // Each move brings two loads closer to each other, so that it ends.
  void Even() {
    if (same_) {
      while (!assigned_.empty() && loads_.Of(loads_.Most()) > loads_.Of(loads_.Least()) + 1) {
        const auto& last = *assigned_[loads_.Most()].rbegin();
        Move(loads_.Most(), loads_.Least(), last.first, *last.second.rbegin());
      }
      return;
    }
    while (MoveOne()) {
    }
  }

  bool MoveOne() {
    for (auto from = loads_.order().rbegin(); from != loads_.order().rend(); ++from) {
      for (const auto& [topic, indexes] : assigned_[from->second]) {
        const std::string to = LeastOf(topic);
        if (loads_.Of(to) + 1 >= from->first) continue;
        Move(from->second, to, topic, *indexes.rbegin());
        return true;
      }
    }
    return false;
  }

  const AssignmentInput& input_;
  bool same_ = true;  // everybody subscribes to the same
  std::map<TopicId, std::vector<std::string>> subscribers_;
  std::map<std::string, PartitionSet> assigned_;
  PartitionSet taken_;
  Loads loads_;
};

}  // namespace

std::map<std::string, PartitionSet> AssignPartitions(std::string_view assignor,
                                                     const AssignmentInput& input) {
  return assignor == kRangeAssignor ? AssignRange(input) : Uniform(input).Assign();
}

}  // namespace weir::log
