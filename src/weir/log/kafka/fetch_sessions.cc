#include "weir/log/kafka/fetch_sessions.h"

#include <algorithm>
#include <limits>

#include "weir/log/kafka/handlers/each_once.h"

namespace weir::log::kafka {
namespace {

constexpr int32_t kNoSession = 0;
constexpr int32_t kFirstEpoch = 0;
constexpr int32_t kFinalEpoch = -1;
// So few may be named twice; of more there is one each, for a request may wait with them for long.
constexpr size_t kFewPartitions = 1000;
constexpr size_t kTopicNameBytesMax = 249;

FetchSessionPartition Wanted(const FetchRequest::FetchTopic& topic,
                             const FetchRequest::FetchPartition& partition) {
  FetchSessionPartition wanted;
  wanted.key = {topic.topic, topic.topic_id, partition.partition};
  wanted.fetch_offset = partition.fetch_offset;
  wanted.current_leader_epoch = partition.current_leader_epoch;
  wanted.max_bytes = partition.partition_max_bytes;
  return wanted;
}

// What is longer is no topic's name, and would be kept: a few thousand fill the memory.
bool NamesAreShort(const FetchRequest& request) {
  return std::all_of(request.topics.begin(), request.topics.end(),
                     [](const auto& topic) { return topic.topic.size() <= kTopicNameBytesMax; });
}

}  // namespace

FetchSessions::FetchSessions(Env& env, Timers& timers, MetricRegistry& metrics,
                             size_t partitions_max)
    : env_(env),
      timers_(timers),
      partitions_max_(partitions_max),
      sessions_gauge_(metrics.GetGauge("weir_log_fetch_sessions",
                                       "Consumers that named their partitions once.")),
      partitions_gauge_(
          metrics.GetGauge("weir_log_fetch_session_partitions", "Partitions that these named.")),
      refused_(metrics.GetCounter("weir_log_fetch_sessions_refused_total",
                                  "Sessions for which there was no room.")) {}

void FetchSessions::Merge(const FetchRequest& request, Session* session) {
  partitions_ -= session->partitions.size();
  for (const auto& topic : request.topics) {
    for (const auto& partition : topic.partitions) {
      const FetchSessionPartition wanted = Wanted(topic, partition);
      Known& known = session->partitions[wanted.key];
      if (known.turn == 0) known.turn = ++session->turns;
      known.wanted = wanted;
    }
  }
  for (const auto& topic : request.forgotten_topics_data) {
    for (const int32_t partition : topic.partitions) {
      session->partitions.erase({topic.topic, topic.topic_id, partition});
    }
  }
  partitions_ += session->partitions.size();
  Count();
}

void FetchSessions::Count() {
  sessions_gauge_.Set(static_cast<double>(sessions_.size()));
  partitions_gauge_.Set(static_cast<double>(partitions_));
}

FetchSessions::Sessions::iterator FetchSessions::Evictable(size_t partitions, int64_t now_us) {
  auto oldest = sessions_.end();
  auto smallest = sessions_.end();
  for (auto it = sessions_.begin(); it != sessions_.end(); ++it) {
    const Session& session = it->second;
    if (oldest == sessions_.end() || session.used_us < oldest->second.used_us) oldest = it;
    if (now_us - session.made_us < kIdleUs || session.partitions.size() >= partitions) continue;
    if (smallest == sessions_.end() ||
        session.partitions.size() < smallest->second.partitions.size()) {
      smallest = it;
    }
  }
  if (oldest != sessions_.end() && now_us - oldest->second.used_us >= kIdleUs) return oldest;
  return smallest;
}

void FetchSessions::Remove(Sessions::iterator session) {
  partitions_ -= session->second.partitions.size();
  sessions_.erase(session);
  Count();
}

int32_t FetchSessions::Create(size_t partitions) {
  if (partitions > partitions_max_) return kNoSession;
  const int64_t now = timers_.NowUs();
  while (sessions_.size() >= kSessionsMax || partitions_ + partitions > partitions_max_) {
    const auto evicted = Evictable(partitions, now);
    if (evicted == sessions_.end()) return kNoSession;
    Remove(evicted);
  }
  int32_t id = kNoSession;
  while (id == kNoSession || sessions_.count(id) > 0) {
    id = static_cast<int32_t>(env_.RandomU64() & std::numeric_limits<int32_t>::max());
  }
  sessions_[id].made_us = now;
  sessions_[id].used_us = now;
  return id;
}

FetchSessionView FetchSessions::Begin(const FetchRequest& request, int16_t version,
                                      const std::string& owner) {
  FetchSessionView view;
  auto found = sessions_.find(request.session_id);
  if (found != sessions_.end() && found->second.owner != owner) found = sessions_.end();
  const bool full =
      version < 7 || request.session_epoch == kFinalEpoch || request.session_epoch == kFirstEpoch;
  if (full) {
    if (found != sessions_.end()) Remove(found);
    for (const auto& topic : request.topics) {
      for (const auto& partition : topic.partitions) {
        view.partitions.push_back(Wanted(topic, partition));
      }
    }
    if (view.partitions.size() > kFewPartitions) {
      KeepEachOnce(&view.partitions, [](const FetchSessionPartition& each) { return each.key; });
    }
    if (version >= 7 && request.session_epoch == kFirstEpoch) {
      if (NamesAreShort(request)) view.session_id = Create(view.partitions.size());
      if (view.session_id == kNoSession) refused_.Add();
    }
    if (view.session_id != kNoSession) {
      Session& session = sessions_[view.session_id];
      session.owner = owner;
      Merge(request, &session);
    }
    return view;
  }
  if (found == sessions_.end()) {
    view.error = KafkaError::kFetchSessionIdNotFound;
    return view;
  }
  Session& session = found->second;
  if (session.epoch != request.session_epoch) {
    view.error = KafkaError::kInvalidFetchSessionEpoch;
    return view;
  }
  const auto end_session = [&] {
    Remove(found);
    refused_.Add();
    view.error = KafkaError::kFetchSessionIdNotFound;
    return view;
  };
  if (!NamesAreShort(request)) return end_session();
  session.epoch = session.epoch == std::numeric_limits<int32_t>::max() ? 1 : session.epoch + 1;
  session.used_us = timers_.NowUs();
  Merge(request, &session);
  if (partitions_ > partitions_max_) return end_session();
  view.session_id = request.session_id;
  view.incremental = true;
  std::vector<const Known*> order;
  for (const auto& [key, known] : session.partitions) order.push_back(&known);
  std::sort(order.begin(), order.end(),
            [](const Known* a, const Known* b) { return a->turn < b->turn; });
  for (const Known* known : order) view.partitions.push_back(known->wanted);
  return view;
}

void FetchSessions::End(const FetchSessionView& view, FetchResponse* response) {
  response->session_id = view.session_id;
  const auto found = sessions_.find(view.session_id);
  if (view.session_id == kNoSession || found == sessions_.end()) return;
  Session& session = found->second;
  for (auto& topic : response->responses) {
    std::erase_if(topic.partitions, [&](const FetchResponse::PartitionData& data) {
      const auto entry =
          session.partitions.find({topic.topic, topic.topic_id, data.partition_index});
      if (entry == session.partitions.end()) return false;
      Known& known = entry->second;
      const bool has_records = data.records && data.records->size() > 0;
      const bool news = has_records || data.error_code != 0 ||
                        known.high_watermark != data.high_watermark ||
                        known.start_offset != data.log_start_offset;
      known.high_watermark = data.high_watermark;
      known.start_offset = data.log_start_offset;
      if (has_records) known.turn = ++session.turns;
      return view.incremental && !news;
    });
  }
  std::erase_if(response->responses, [](const auto& topic) { return topic.partitions.empty(); });
}

}  // namespace weir::log::kafka
