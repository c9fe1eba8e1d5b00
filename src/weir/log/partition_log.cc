#include "weir/log/partition_log.h"

#include <algorithm>

namespace weir::log {
namespace {

constexpr size_t kCleanedMax = 32;

}  // namespace

void SegmentPart::Encode(ByteWriter& out) const {
  out.Varint(segment);
  out.Signed(base_offset);
  out.Signed(end_offset);
  out.Signed(max_timestamp);
  out.Varint(bytes);
  out.Varint(batches);
  out.Signed(appended_ms);
}

void SegmentPart::Decode(ByteReader& in) {
  segment = in.Varint();
  base_offset = in.Signed();
  end_offset = in.Signed();
  max_timestamp = in.Signed();
  bytes = in.Varint();
  batches = in.Varint();
  appended_ms = in.Signed();
}

int64_t PartitionLog::last_stable_offset() const {
  int64_t stable = std::min(producers_.FirstOpen().value_or(durable_end_), durable_end_);
  for (const Ending& ending : ending_) stable = std::min(stable, ending.first_offset);
  return std::max(stable, start_offset_);  // records of what is open may have been deleted
}

void PartitionLog::SetDurableEnd(int64_t offset) {
  durable_end_ = offset;
  while (!ending_.empty() && ending_.front().marker_offset < offset) ending_.pop_front();
}

uint64_t PartitionLog::bytes() const {
  uint64_t sum = 0;
  for (const SegmentPart& part : parts_) sum += part.bytes;
  return sum;
}

void PartitionLog::Apply(const BatchHeader& header, const std::optional<Marker>& marker,
                         Position segment, int64_t now_ms, int64_t uptime_ms) {
  if (parts_.empty() || parts_.back().segment != segment) {
    SegmentPart part;
    part.segment = segment;
    part.base_offset = header.base_offset;
    parts_.push_back(part);
  }
  SegmentPart& part = parts_.back();
  part.end_offset = header.last_offset() + 1;
  part.max_timestamp = std::max(part.max_timestamp, header.max_timestamp);
  part.bytes += header.total_bytes();
  part.batches += 1;
  part.appended_ms = std::max(part.appended_ms, now_ms);
  next_offset_ = header.last_offset() + 1;
  if (!header.control()) {
    producers_.Add(header, uptime_ms);
    return;
  }
  if (!marker) return;
  const std::optional<int64_t> first =
      producers_.End(header.producer_id, header.producer_epoch, header.max_timestamp,
                     marker->coordinator_epoch, uptime_ms);
  if (first && header.base_offset >= durable_end_) ending_.push_back({*first, header.base_offset});
  if (first && !marker->commit) {
    aborted_.push_back({header.producer_id, *first, header.base_offset});
  }
}

void PartitionLog::ReplacePart(Position segment, int64_t base_offset, const SegmentPart& part) {
  const auto found = std::find_if(parts_.begin(), parts_.end(), [&](const SegmentPart& candidate) {
    return candidate.segment == segment && candidate.base_offset == base_offset;
  });
  if (found == parts_.end()) return;
  if (part.batches == 0) {
    parts_.erase(found);
    return;
  }
  *found = part;
  // Neighbours that were moved to the same segment are one.
  if (found != parts_.begin() && std::prev(found)->segment == part.segment) {
    SegmentPart& before = *std::prev(found);
    before.end_offset = part.end_offset;
    before.max_timestamp = std::max(before.max_timestamp, part.max_timestamp);
    before.bytes += part.bytes;
    before.batches += part.batches;
    before.appended_ms = std::max(before.appended_ms, part.appended_ms);
    parts_.erase(found);
  }
}

void PartitionLog::SetStartOffset(int64_t offset) {
  start_offset_ = std::max(start_offset_, offset);
  next_offset_ = std::max(next_offset_, start_offset_);
  while (!parts_.empty() && parts_.front().end_offset <= start_offset_) parts_.pop_front();
  while (!aborted_.empty() && aborted_.front().marker_offset < start_offset_) {
    aborted_.pop_front();
  }
}

void PartitionLog::SetCleaned(const Cleaned& now, int64_t swept_ms) {
  for (Cleaned& cleaned : cleaned_) {
    if (cleaned.at_ms <= swept_ms) cleaned.tombstones = 0;
  }
  if (now.end_offset > cleaned_end()) cleaned_.push_back(now);
  // What has no tombstones needs no time. Many are few: some tombstones stay longer.
  for (size_t i = 0; i + 1 < cleaned_.size();) {
    const bool merge = cleaned_[i].tombstones == 0 || cleaned_.size() > kCleanedMax;
    if (!merge) {
      ++i;
      continue;
    }
    cleaned_[i + 1].tombstones += cleaned_[i].tombstones;
    cleaned_.erase(cleaned_.begin() + static_cast<int64_t>(i));
  }
  // Their records are gone.
  while (!aborted_.empty() && aborted_.front().marker_offset < cleaned_end()) aborted_.pop_front();
}

std::vector<AbortedTransaction> PartitionLog::AbortedBetween(int64_t from, int64_t to) const {
  std::vector<AbortedTransaction> found;
  auto transaction = std::lower_bound(
      aborted_.begin(), aborted_.end(), from,
      [](const AbortedTransaction& a, int64_t offset) { return a.marker_offset < offset; });
  for (; transaction != aborted_.end(); ++transaction) {
    if (transaction->first_offset < to) found.push_back(*transaction);
  }
  return found;
}

void PartitionLog::Encode(ByteWriter& out) const {
  out.Varint(number_);
  out.Signed(start_offset_);
  out.Signed(next_offset_);
  out.Varint(parts_.size());
  for (const SegmentPart& part : parts_) part.Encode(out);
  out.Varint(aborted_.size());
  for (const AbortedTransaction& transaction : aborted_) {
    out.Signed(transaction.producer_id);
    out.Signed(transaction.first_offset);
    out.Signed(transaction.marker_offset);
  }
  out.Varint(cleaned_.size());
  for (const Cleaned& cleaned : cleaned_) {
    out.Signed(cleaned.end_offset);
    out.Signed(cleaned.at_ms);
    out.Varint(cleaned.tombstones);
  }
  producers_.Encode(out);
}

bool PartitionLog::Decode(ByteReader& in) {
  number_ = static_cast<uint32_t>(in.Varint());
  start_offset_ = in.Signed();
  next_offset_ = in.Signed();
  durable_end_ = next_offset_;
  for (uint64_t left = in.Count(7); left > 0 && in.ok(); --left) {
    SegmentPart part;
    part.Decode(in);
    parts_.push_back(part);
  }
  for (uint64_t left = in.Count(3); left > 0 && in.ok(); --left) {
    AbortedTransaction transaction;
    transaction.producer_id = in.Signed();
    transaction.first_offset = in.Signed();
    transaction.marker_offset = in.Signed();
    aborted_.push_back(transaction);
  }
  for (uint64_t left = in.Count(3); left > 0 && in.ok(); --left) {
    Cleaned cleaned;
    cleaned.end_offset = in.Signed();
    cleaned.at_ms = in.Signed();
    cleaned.tombstones = in.Varint();
    cleaned_.push_back(cleaned);
  }
  return producers_.Decode(in);
}

}  // namespace weir::log
