#include "weir/log/producer_state.h"

#include <algorithm>
#include <iterator>

namespace weir::log {

using kafka::KafkaError;

ProducerVerdict ProducerStates::Check(const BatchHeader& header) const {
  ProducerVerdict verdict;
  if (!header.idempotent()) return verdict;
  const auto found = producers_.find(header.producer_id);
  // What was forgotten may go on with any number: only its newest batches could tell.
  if (found == producers_.end()) {
    const auto refused = refused_.find(header.producer_id);
    if (refused != refused_.end() && refused->second.epoch == header.producer_epoch &&
        header.base_sequence > refused->second.first_sequence) {
      verdict.error = KafkaError::kOutOfOrderSequenceNumber;
    }
    return verdict;
  }
  const Producer& producer = found->second;
  if (header.producer_epoch < producer.epoch) {
    verdict.error = KafkaError::kInvalidProducerEpoch;
    return verdict;
  }
  if (header.producer_epoch > producer.epoch) {
    if (header.base_sequence != 0) verdict.error = KafkaError::kOutOfOrderSequenceNumber;
    return verdict;
  }
  const int32_t last_sequence = header.last_sequence();
  for (size_t i = 0; i < producer.count; ++i) {
    const Batch& batch = producer.batches[i];
    if (batch.first_sequence == header.base_sequence && batch.last_sequence == last_sequence) {
      verdict.duplicate = true;
      verdict.base_offset = batch.base_offset;
      verdict.timestamp = batch.timestamp;
      return verdict;
    }
  }
  const Batch* newest = producer.newest();
  // Only a marker is known of this epoch: its first batch follows.
  const int32_t next = newest == nullptr ? 0 : BatchHeader::SequenceAfter(newest->last_sequence, 1);
  if (header.base_sequence != next) {
    verdict.error = KafkaError::kOutOfOrderSequenceNumber;
  }
  return verdict;
}

void ProducerStates::Refuse(const BatchHeader& header, int64_t now_ms) {
  if (!header.idempotent() || producers_.count(header.producer_id) > 0) return;
  Refused& refused = refused_[header.producer_id];
  if (refused.epoch != header.producer_epoch || header.base_sequence < refused.first_sequence) {
    refused = {header.producer_epoch, header.base_sequence, now_ms};
  }
  refused.heard_ms = now_ms;
  if (refused_.size() <= kRefusedMax) return;
  const auto first = refused_.begin();
  refused_.erase(first->first == header.producer_id ? std::next(first) : first);
}

void ProducerStates::Add(const BatchHeader& header, int64_t now_ms) {
  if (!header.idempotent() || header.control()) return;
  refused_.erase(header.producer_id);
  Producer& producer = producers_[header.producer_id];
  if (producer.epoch != header.producer_epoch) {
    producer.epoch = header.producer_epoch;
    producer.count = 0;
    producer.next = 0;
  }
  producer.batches[producer.next] = {header.base_sequence, header.last_sequence(),
                                     header.base_offset, header.max_timestamp};
  producer.next = static_cast<uint8_t>((producer.next + 1) % kBatchesKept);
  producer.count = static_cast<uint8_t>(std::min<size_t>(producer.count + 1, kBatchesKept));
  producer.last_timestamp = std::max(producer.last_timestamp, header.max_timestamp);
  producer.heard_ms = now_ms;
  if (header.transactional() && !producer.transaction_first) {
    producer.transaction_first = header.base_offset;
    open_.insert(header.base_offset);
  }
}

std::optional<int64_t> ProducerStates::End(int64_t producer_id, int16_t epoch, int64_t timestamp,
                                           int32_t coordinator_epoch, int64_t now_ms) {
  refused_.erase(producer_id);
  Producer& producer = producers_[producer_id];
  if (producer.epoch != epoch) {
    // The marker carries a newer epoch than the batches: what comes next begins at 0.
    producer.epoch = epoch;
    producer.count = 0;
    producer.next = 0;
  }
  producer.last_timestamp = std::max(producer.last_timestamp, timestamp);
  producer.heard_ms = now_ms;
  producer.coordinator_epoch = coordinator_epoch;
  const std::optional<int64_t> first = producer.transaction_first;
  if (first) open_.erase(*first);
  producer.transaction_first.reset();
  return first;
}

void ProducerStates::HeardAll(int64_t now_ms) {
  for (auto& [id, producer] : producers_) producer.heard_ms = now_ms;
}

size_t ProducerStates::Expire(int64_t heard_before_ms) {
  std::erase_if(refused_,
                [&](const auto& entry) { return entry.second.heard_ms < heard_before_ms; });
  return std::erase_if(producers_, [&](const auto& entry) {
    return !entry.second.transaction_first && entry.second.heard_ms < heard_before_ms;
  });
}

void ProducerStates::Encode(ByteWriter& out) const {
  out.Varint(producers_.size());
  for (const auto& [id, producer] : producers_) {
    out.Signed(id);
    out.Signed(producer.epoch);
    out.Signed(producer.last_timestamp);
    out.Signed(producer.transaction_first.value_or(-1));
    out.Signed(producer.coordinator_epoch);
    out.U8(producer.count);
    for (size_t i = 0; i < producer.count; ++i) {
      const size_t at = (producer.next + kBatchesKept - producer.count + i) % kBatchesKept;
      const Batch& batch = producer.batches[at];
      out.Signed(batch.first_sequence);
      out.Signed(batch.last_sequence);
      out.Signed(batch.base_offset);
      out.Signed(batch.timestamp);
    }
  }
}

bool ProducerStates::Decode(ByteReader& in) {
  producers_.clear();
  open_.clear();
  for (uint64_t left = in.Count(6); left > 0 && in.ok(); --left) {
    Producer& producer = producers_[in.Signed()];
    producer.epoch = static_cast<int16_t>(in.Signed());
    producer.last_timestamp = in.Signed();
    const int64_t first = in.Signed();
    if (first >= 0) {
      producer.transaction_first = first;
      open_.insert(first);
    }
    producer.coordinator_epoch = static_cast<int32_t>(in.Signed());
    producer.count = in.U8();
    if (producer.count > kBatchesKept) return false;
    for (size_t i = 0; i < producer.count; ++i) {
      Batch& batch = producer.batches[i];
      batch.first_sequence = static_cast<int32_t>(in.Signed());
      batch.last_sequence = static_cast<int32_t>(in.Signed());
      batch.base_offset = in.Signed();
      batch.timestamp = in.Signed();
    }
    producer.next = static_cast<uint8_t>(producer.count % kBatchesKept);
  }
  return in.ok();
}

}  // namespace weir::log
