// PartitionSet: partitions of topics, as assignments of consumer groups have them.
//
// Thread rule: values.
#pragma once

#include <cstdint>
#include <map>
#include <set>

#include "weir/log/topics.h"

namespace weir::log {

// No topic with an empty set.
using PartitionSet = std::map<TopicId, std::set<int32_t>>;

inline bool Contains(const PartitionSet& partitions, const TopicId& topic, int32_t index) {
  const auto found = partitions.find(topic);
  return found != partitions.end() && found->second.count(index) != 0;
}

inline void Insert(PartitionSet* partitions, const TopicId& topic, int32_t index) {
  (*partitions)[topic].insert(index);
}

inline void Erase(PartitionSet* partitions, const TopicId& topic, int32_t index) {
  const auto found = partitions->find(topic);
  if (found == partitions->end()) return;
  found->second.erase(index);
  if (found->second.empty()) partitions->erase(found);
}

}  // namespace weir::log
