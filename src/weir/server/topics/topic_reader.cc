#include "weir/server/topics/topic_reader.h"

#include <algorithm>
#include <iterator>

#include "weir/log/control_batch.h"
#include "weir/log/record_batch.h"
#include "weir/server/topics/kafka_failure.h"

namespace weir::server {

namespace kafka = log::kafka;
using kafka::KafkaError;

namespace {

constexpr int16_t kFetchByNameVersion = 12;
constexpr int kFailuresMax = 40;
constexpr int64_t kFailurePauseUs = 250'000;

}  // namespace

TopicReader::TopicReader(KafkaAdmin& admin, std::vector<ReadRange> ranges,
                         TopicReaderOptions options)
    : admin_(admin), options_(options) {
  for (ReadRange& range : ranges) {
    State state{range, range.begin, range.begin >= range.end};
    if (!state.done) ++open_;
    states_[range.partition] = state;
  }
}

void TopicReader::Pass(State& state, int64_t next) {
  state.next = std::max(state.next, next);
  if (!state.done && state.next >= state.range.end) {
    state.done = true;
    --open_;
  }
}

Result<bool> TopicReader::Next(int32_t wait_ms, TopicRecord* out) {
  for (;;) {
    while (in_batch_ && reader_.Next(out->record)) {
      State& state = *parts_[batch_at_].state;
      const int64_t offset = out->record.offset;
      if (offset < state.next || state.done) continue;
      if (offset >= state.range.end) {
        Pass(state, offset);
        continue;
      }
      out->partition = &state.range.partition;
      out->log_append_time = reader_.header().log_append_time();
      Pass(state, offset + 1);
      return true;
    }
    if (in_batch_) {
      in_batch_ = false;
      State& state = *parts_[batch_at_].state;
      if (!reader_.status().ok()) {
        return Error(reader_.status().error()).At(state.range.partition.ToString());
      }
      Pass(state, reader_.header().last_offset() + 1);
    }
    WEIR_ASSIGN_OR_RETURN(const bool opened, OpenBatch());
    if (opened) continue;
    if (done()) return false;

    // Nothing is left of the last answer: the nodes in turn, until one has something.
    std::map<int32_t, std::vector<State*>> by_node;
    for (auto& [partition, state] : states_) {
      if (state.done) continue;
      WEIR_ASSIGN_OR_RETURN(const int32_t node, admin_.Leader(partition));
      by_node[node].push_back(&state);
    }
    bool moved = false;
    const int32_t each_ms = wait_ms / static_cast<int32_t>(by_node.size());
    for (const auto& [node, states] : by_node) {
      WEIR_ASSIGN_OR_RETURN(moved, Fetch(node, states, each_ms));
      if (moved) break;
    }
    if (!moved) return false;
  }
}

Result<bool> TopicReader::OpenBatch() {
  for (; batch_at_ < parts_.size(); ++batch_at_) {
    Part& part = parts_[batch_at_];
    while (!part.state->done && part.batches.Next()) {
      const Status sound = log::CheckBatch(part.batches.bytes());
      if (!sound.ok()) {
        return Error(sound.error())
            .At(part.state->range.partition.ToString() + " at offset " +
                std::to_string(part.batches.header().base_offset));
      }
      const log::BatchHeader& header = part.batches.header();
      if (IsAborted(part) || header.control() || header.last_offset() < part.state->next) {
        Pass(*part.state, header.last_offset() + 1);
        continue;
      }
      WEIR_RETURN_IF_ERROR(reader_.Open(part.batches.bytes()));
      in_batch_ = true;
      return true;
    }
  }
  return false;
}

// Kafka's consumer: a producer's batches count as aborted from the first offset that the answer
// tells until its abort marker.
bool TopicReader::IsAborted(Part& part) {
  const log::BatchHeader& header = part.batches.header();
  while (part.aborted_at < part.aborted.size() &&
         part.aborted[part.aborted_at].first_offset <= header.last_offset()) {
    part.aborted_producers.insert(part.aborted[part.aborted_at++].producer_id);
  }
  if (header.control()) {
    const auto marker = log::ReadMarker(part.batches.bytes());
    if (marker && !marker->commit) part.aborted_producers.erase(header.producer_id);
    return false;
  }
  return header.transactional() && part.aborted_producers.count(header.producer_id) > 0;
}

Result<bool> TopicReader::Fetch(int32_t node, const std::vector<State*>& states, int32_t wait_ms) {
  kafka::FetchRequest request;
  request.max_wait_ms = wait_ms;
  request.min_bytes = 1;
  request.max_bytes = options_.answer_bytes;
  request.isolation_level = options_.committed ? 1 : 0;
  for (const State* state : states) {
    const TopicPartition& partition = state->range.partition;
    if (request.topics.empty() || request.topics.back().topic != partition.topic) {
      request.topics.emplace_back();
      request.topics.back().topic = partition.topic;
    }
    kafka::FetchRequest::FetchPartition wanted;
    wanted.partition = partition.partition;
    wanted.fetch_offset = state->next;
    wanted.partition_max_bytes = options_.partition_bytes;
    request.topics.back().partitions.push_back(wanted);
  }
  // The first partition has a batch in the answer whatever its size: each is the first in turn.
  std::rotate(request.topics.begin(),
              request.topics.begin() + static_cast<long>(fetches_ % request.topics.size()),
              request.topics.end());
  auto& first = request.topics.front().partitions;
  std::rotate(first.begin(), first.begin() + static_cast<long>(fetches_ % first.size()),
              first.end());
  ++fetches_;
  parts_.clear();
  batch_at_ = 0;
  WEIR_ASSIGN_OR_RETURN(
      kafka::FetchResponse response,
      admin_.client().Ask<kafka::FetchResponse>(
          node, request,
          {.version_max = kFetchByNameVersion, .extra_ms = wait_ms, .frame = &frame_}));
  WEIR_RETURN_IF_ERROR(KafkaStatus("reading", response.error_code));
  bool moved = false;
  WEIR_RETURN_IF_ERROR(Take(std::move(response), &moved));
  return moved;
}

Status TopicReader::Take(kafka::FetchResponse response, bool* moved) {
  bool elsewhere = false;
  bool has_records = false;
  for (auto& topic : response.responses) {
    for (auto& partition : topic.partitions) {
      const auto found = states_.find({topic.topic, partition.partition_index});
      if (found == states_.end()) continue;
      State& state = found->second;
      const auto error = static_cast<KafkaError>(partition.error_code);
      if (error == KafkaError::kOffsetOutOfRange) {
        WEIR_ASSIGN_OR_RETURN(const Offsets start,
                              admin_.OffsetsAt({found->first}, kEarliest, false));
        const int64_t begin = start.at(found->first).offset;
        if (begin <= state.next) {
          return KafkaFailure(found->first.ToString() + " at offset " + std::to_string(state.next),
                              partition.error_code);
        }
        Pass(state, begin);  // what was before is deleted
        *moved = true;
        continue;
      }
      if (error == KafkaError::kNotLeaderOrFollower || error == KafkaError::kLeaderNotAvailable ||
          error == KafkaError::kFencedLeaderEpoch || error == KafkaError::kUnknownLeaderEpoch ||
          error == KafkaError::kOffsetNotAvailable) {
        WEIR_RETURN_IF_ERROR(admin_.Leader(found->first, true).status());
        elsewhere = true;
        continue;
      }
      WEIR_RETURN_IF_ERROR(KafkaStatus("reading " + found->first.ToString(), partition.error_code));
      if (!partition.records || partition.records->size() == 0) continue;
      has_records = true;
      Part part{&state, log::BatchCursor(partition.records->first()), {}, 0, {}};
      if (options_.committed && partition.aborted_transactions) {
        part.aborted = std::move(*partition.aborted_transactions);
        std::sort(part.aborted.begin(), part.aborted.end(),
                  [](const auto& a, const auto& b) { return a.first_offset < b.first_offset; });
      }
      parts_.push_back(std::move(part));
    }
  }
  if (has_records) {
    *moved = true;
    failures_ = 0;
    return Status::Ok();
  }
  if (elsewhere) {
    if (++failures_ > kFailuresMax) {
      return Error::Retry(ErrorCode::kIo, "no node gives records of what it leads")
          .Fix("try again, or look at the cluster's nodes");
    }
    admin_.client().env().SleepMicros(kFailurePauseUs);
    return Status::Ok();
  }
  // Nothing is there for any of them: what ends before the last stable offset has been compacted
  // away to its end.
  for (const auto& topic : response.responses) {
    for (const auto& partition : topic.partitions) {
      const auto found = states_.find({topic.topic, partition.partition_index});
      if (found == states_.end() || partition.error_code != 0) continue;
      const int64_t end =
          options_.committed ? partition.last_stable_offset : partition.high_watermark;
      if (found->second.range.end <= end) {
        Pass(found->second, found->second.range.end);
        *moved = true;
      }
    }
  }
  return Status::Ok();
}

}  // namespace weir::server
