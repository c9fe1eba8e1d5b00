// OffsetFetch (9): how far groups have read; one group before version 8, several from then on.
#include "weir/log/kafka/messages/offset_fetch.h"
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
  call->broker().groups().FetchOffsets(fetch, [call](log::OffsetFetchResponse fetched) {
    OffsetFetchResponse response;
    TakeOnly(response, std::move(fetched), call->version());
    call->Respond(response);
  });
}

void Handle(const CallPtr& call) {
  OffsetFetchRequest request;
  if (!call->Decode(&request)) return;
  if (call->version() < 8) return HandleOne(call, std::move(request));
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
    call->broker().groups().FetchOffsets(fetch, [gathering, i](log::OffsetFetchResponse fetched) {
      TakeGroup(gathering->response.groups[i], std::move(fetched));
      gathering->missing -= 1;
      if (gathering->missing == 0) gathering->call->Respond(gathering->response);
    });
  }
}

}  // namespace

const Handler kOffsetFetchHandler = {ApiKey::kOffsetFetch, 1, 10, &Handle};

}  // namespace weir::log::kafka
