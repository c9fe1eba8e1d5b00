// OffsetFetch (9): how far groups have read; one group before version 8, several from then on.
#include "weir/log/kafka/messages/offset_fetch.h"

#include <functional>

#include "weir/log/kafka/handlers/each_once.h"
#include "weir/log/kafka/handlers/group_call.h"
#include "weir/log/kafka/handlers/handlers.h"

namespace weir::log::kafka {
namespace {

// Gathers the answers of all groups asked for.
struct Gathering {
  CallPtr call;
  OffsetFetchResponse response;
  size_t missing = 0;
};

void TakeOnly(OffsetFetchResponse& response, log::OffsetFetchResponse fetched, int16_t version) {
  if (version >= 2) response.error_code = CodeOf(fetched.error);
  for (auto& topic : fetched.topics) {
    OffsetFetchResponse::OffsetFetchResponseTopic answered;
    answered.name = std::move(topic.name);
    for (FetchedOffset& offset : topic.partitions) {
      answered.partitions.push_back({offset.index, offset.offset, offset.leader_epoch,
                                     std::move(offset.metadata), CodeOf(offset.error)});
    }
    response.topics.push_back(std::move(answered));
  }
}

void TakeGroup(OffsetFetchResponse::OffsetFetchResponseGroup& group,
               log::OffsetFetchResponse fetched) {
  group.error_code = CodeOf(fetched.error);
  for (auto& topic : fetched.topics) {
    OffsetFetchResponse::OffsetFetchResponseTopics answered;
    answered.name = std::move(topic.name);
    answered.topic_id = topic.id;
    for (FetchedOffset& offset : topic.partitions) {
      answered.partitions.push_back({offset.index, offset.offset, offset.leader_epoch,
                                     std::move(offset.metadata), CodeOf(offset.error)});
    }
    group.topics.push_back(std::move(answered));
  }
}

// Of one group, as far as its caller may know it: topics that it may not are answered so, and left
// out where all were asked for.
void Fetch(const CallPtr& call, log::OffsetFetchRequest fetch,
           std::function<void(log::OffsetFetchResponse)> then) {
  log::OffsetFetchResponse refused;
  refused.group_id = fetch.group_id;
  const auto refuse = [&](const OffsetFetchTopic& topic, KafkaError error) {
    log::OffsetFetchResponse::FetchedTopic answered;
    answered.name = topic.name;
    answered.id = topic.id;
    for (const int32_t index : topic.partitions) {
      FetchedOffset offset;
      offset.index = index;
      offset.error = error;
      answered.partitions.push_back(std::move(offset));
    }
    refused.topics.push_back(std::move(answered));
  };
  if (!call->AllowsGroup(AclOperation::kDescribe, fetch.group_id)) {
    refused.error = KafkaError::kGroupAuthorizationFailed;
    if (call->version() < 2 && fetch.topics) {
      for (const OffsetFetchTopic& topic : *fetch.topics) refuse(topic, refused.error);
    }
    return then(std::move(refused));
  }
  const auto allows = [&broker = call->broker(), call](const std::string& name, const TopicId& id) {
    if (!name.empty()) return call->AllowsTopic(AclOperation::kDescribe, name);
    const Topic* topic = broker.log().topics().Find(id);
    return topic == nullptr || call->AllowsTopic(AclOperation::kDescribe, topic->name);
  };
  const bool all = !fetch.topics;
  if (!all) {
    std::vector<OffsetFetchTopic> allowed;
    for (OffsetFetchTopic& topic : *fetch.topics) {
      if (allows(topic.name, topic.id)) {
        allowed.push_back(std::move(topic));
      } else {
        refuse(topic, KafkaError::kTopicAuthorizationFailed);
      }
    }
    fetch.topics = std::move(allowed);
  }
  call->broker().groups().FetchOffsets(
      fetch, [all, allows, refused = std::move(refused),
              then = std::move(then)](log::OffsetFetchResponse fetched) {
        if (all) {
          std::erase_if(fetched.topics,
                        [&](const auto& topic) { return !allows(topic.name, topic.id); });
        }
        if (fetched.error == KafkaError::kNone) {
          fetched.topics.insert(fetched.topics.end(), refused.topics.begin(), refused.topics.end());
        }
        then(std::move(fetched));
      });
}

void HandleOne(const CallPtr& call, OffsetFetchRequest request) {
  log::OffsetFetchRequest fetch;
  fetch.group_id = std::move(request.group_id);
  fetch.require_stable = request.require_stable;
  if (request.topics) {
    fetch.topics.emplace();
    for (auto& topic : *request.topics) {
      fetch.topics->push_back({std::move(topic.name), {}, std::move(topic.partition_indexes)});
    }
  }
  Fetch(call, std::move(fetch), [call](log::OffsetFetchResponse fetched) {
    OffsetFetchResponse response;
    TakeOnly(response, std::move(fetched), call->version());
    call->Respond(response);
  });
}

void Handle(const CallPtr& call) {
  OffsetFetchRequest request;
  if (!call->Decode(&request)) return;
  if (call->version() < 8) return HandleOne(call, std::move(request));
  KeepEachOnce(&request.groups, [](const auto& asked) { return asked.group_id; });
  const auto gathering = std::make_shared<Gathering>();
  gathering->call = call;
  gathering->missing = request.groups.size();
  gathering->response.groups.resize(request.groups.size());
  if (request.groups.empty()) return call->Respond(gathering->response);
  for (size_t i = 0; i < request.groups.size(); ++i) {
    auto& asked = request.groups[i];
    gathering->response.groups[i].group_id = asked.group_id;
    log::OffsetFetchRequest fetch;
    fetch.group_id = std::move(asked.group_id);
    fetch.member_id = std::move(asked.member_id);
    fetch.member_epoch = asked.member_epoch;
    fetch.require_stable = request.require_stable;
    if (asked.topics) {
      fetch.topics.emplace();
      for (auto& topic : *asked.topics) {
        fetch.topics->push_back(
            {std::move(topic.name), topic.topic_id, std::move(topic.partition_indexes)});
      }
    }
    Fetch(call, std::move(fetch), [gathering, i](log::OffsetFetchResponse fetched) {
      TakeGroup(gathering->response.groups[i], std::move(fetched));
      gathering->missing -= 1;
      if (gathering->missing == 0) gathering->call->Respond(gathering->response);
    });
  }
}

}  // namespace

const Handler kOffsetFetchHandler = {ApiKey::kOffsetFetch, 1, 10, &Handle};

}  // namespace weir::log::kafka
