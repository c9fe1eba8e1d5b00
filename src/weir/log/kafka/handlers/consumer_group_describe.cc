// ConsumerGroupDescribe (69): members, assignments and targets of consumer groups (KIP-848).
#include "weir/log/kafka/messages/consumer_group_describe.h"

#include <algorithm>

#include "weir/log/kafka/handlers/each_once.h"
#include "weir/log/kafka/handlers/group_call.h"
#include "weir/log/kafka/handlers/handlers.h"

namespace weir::log::kafka {
namespace {

constexpr int8_t kConsumerMember = 1;

ConsumerGroupDescribeResponse::Assignment Describe(const Topics& topics, const PartitionSet& set) {
  ConsumerGroupDescribeResponse::Assignment assignment;
  for (const auto& [id, partitions] : set) {
    const Topic* topic = topics.Find(id);
    assignment.topic_partitions.push_back(
        {id, topic != nullptr ? topic->name : "", {partitions.begin(), partitions.end()}});
  }
  return assignment;
}

// All topics that the answer would name.
bool AllowsTopicsOf(const CallPtr& call,
                    const ConsumerGroupDescribeResponse::DescribedGroup& group) {
  const auto allows = [&](const ConsumerGroupDescribeResponse::Assignment& assignment) {
    return std::all_of(assignment.topic_partitions.begin(), assignment.topic_partitions.end(),
                       [&](const auto& topic) {
                         return topic.topic_name.empty() ||  // it is gone
                                call->AllowsTopic(AclOperation::kDescribe, topic.topic_name);
                       });
  };
  return std::all_of(group.members.begin(), group.members.end(), [&](const auto& member) {
    return allows(member.assignment) && allows(member.target_assignment) &&
           std::all_of(member.subscribed_topic_names.begin(), member.subscribed_topic_names.end(),
                       [&](const std::string& name) {
                         return call->AllowsTopic(AclOperation::kDescribe, name);
                       });
  });
}

void Handle(const CallPtr& call) {
  ConsumerGroupDescribeRequest request;
  if (!call->Decode(&request)) return;
  KeepEachOnce(&request.group_ids);
  const Topics& topics = call->broker().log().topics();
  ConsumerGroupDescribeResponse response;
  std::vector<std::string> allowed;
  for (const std::string& name : request.group_ids) {
    if (call->AllowsGroup(AclOperation::kDescribe, name)) {
      allowed.push_back(name);
      continue;
    }
    ConsumerGroupDescribeResponse::DescribedGroup refused;
    refused.group_id = name;
    refused.error_code = CodeOf(KafkaError::kGroupAuthorizationFailed);
    response.groups.push_back(std::move(refused));
  }
  for (auto& group : call->broker().groups().DescribeConsumerGroups(allowed)) {
    ConsumerGroupDescribeResponse::DescribedGroup described;
    described.error_code = CodeOf(group.error);
    if (!group.error_message.empty()) described.error_message = std::move(group.error_message);
    described.group_id = std::move(group.group_id);
    described.group_state = std::move(group.state);
    described.group_epoch = group.group_epoch;
    described.assignment_epoch = group.assignment_epoch;
    described.assignor_name = std::move(group.assignor);
    for (auto& member : group.members) {
      ConsumerGroupDescribeResponse::Member answered;
      answered.member_id = std::move(member.member_id);
      answered.instance_id = std::move(member.instance_id);
      answered.rack_id = std::move(member.rack_id);
      answered.member_epoch = member.member_epoch;
      answered.client_id = std::move(member.client_id);
      answered.client_host = std::move(member.client_host);
      answered.subscribed_topic_names = std::move(member.subscribed_topics);
      answered.subscribed_topic_regex = std::move(member.subscribed_regex);
      answered.assignment = Describe(topics, member.assignment);
      answered.target_assignment = Describe(topics, member.target_assignment);
      if (call->version() >= 1) answered.member_type = kConsumerMember;
      described.members.push_back(std::move(answered));
    }
    if (described.error_code == 0 && request.include_authorized_operations) {
      described.authorized_operations =
          call->AllowedOperations(AclResourceType::kGroup, described.group_id);
    }
    if (call->broker().authorizer().enabled() && !AllowsTopicsOf(call, described)) {
      described.error_code = CodeOf(KafkaError::kTopicAuthorizationFailed);
      described.error_message =
          "The group has described topic(s) that the client is not authorized to describe.";
      described.members.clear();
    }
    response.groups.push_back(std::move(described));
  }
  call->Respond(response);
}

}  // namespace

const Handler kConsumerGroupDescribeHandler = {ApiKey::kConsumerGroupDescribe, 0, 1, &Handle};

}  // namespace weir::log::kafka
