// The assignors of consumer groups: who of a group's members reads which partitions.
//
//   uniform  everybody gets as many as the others, give or take one, of what it subscribes to;
//            partitions stay where they were as far as that allows.
//   range    each topic is cut into ranges, the first for the first member: partitions with the
//   same
//            number of topics with as many partitions go to the same member.
//
// Both are functions of what they are given: the same input, the same assignment. Every partition
// that somebody subscribes to is assigned to exactly one of its subscribers.
//
// Thread rule: functions.
// Source: KIP-848, Server-side assignors.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "weir/log/groups/partition_set.h"

namespace weir::log {

constexpr std::string_view kUniformAssignor = "uniform";
constexpr std::string_view kRangeAssignor = "range";

inline bool IsAssignor(std::string_view name) {
  return name == kUniformAssignor || name == kRangeAssignor;
}

struct AssignedMember {
  std::optional<std::string> instance_id;
  std::set<TopicId> topics;  // that exist
  PartitionSet before;
};

struct AssignmentInput {
  std::map<std::string, AssignedMember> members;  // by member id
  std::map<TopicId, int32_t> partitions;          // how many, of every topic above
};

// By member id; every member has an entry.
std::map<std::string, PartitionSet> AssignPartitions(std::string_view assignor,
                                                     const AssignmentInput& input);

}  // namespace weir::log
