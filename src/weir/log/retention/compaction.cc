#include "weir/log/retention/compaction.h"

#include <algorithm>
#include <cstring>

#include "weir/base/checksum.h"

namespace weir::log {
namespace {

// Fields of a batch's header (batch_header.h) that a compaction changes. Big endian.
constexpr size_t kLengthAt = 8;
constexpr size_t kCrcAt = 17;
constexpr size_t kAttributesAt = 21;
constexpr size_t kMaxTimestampAt = 35;
constexpr size_t kProducerIdAt = 43;
constexpr size_t kProducerEpochAt = 51;
constexpr size_t kBaseSequenceAt = 53;
constexpr size_t kCountAt = 57;
constexpr int16_t kLogAppendTime = 8;

template <typename T>
void Put(std::string& batch, size_t at, T value) {
  for (size_t i = 0; i < sizeof(T); ++i) {
    batch[at + sizeof(T) - 1 - i] = static_cast<char>(static_cast<uint64_t>(value) >> (8 * i));
  }
}

}  // namespace

Result<Rewriting::Progress> Compaction::Step(uint64_t bytes) {
  WEIR_RETURN_IF_ERROR(OpenSegment());
  while (plan_ < plans_.size()) {
    const CompactionPlan& plan = plans_[plan_];
    if (phase_ == Phase::kBegin) {
      newest_.Reset(static_cast<uint64_t>(plan.end - plan.dirty_from));
      end_ = plan.end;
      full_ = false;
      tombstones_ = 0;
      has_records_.clear();
      part_ = 0;
      phase_ = Phase::kLookUp;
    }
    if (phase_ == Phase::kLookUp) {
      while (part_ < plan.parts.size() && !full_) {
        const PlannedPart& planned = plan.parts[part_];
        const int64_t from = std::max(plan.dirty_from, planned.start_offset);
        if (planned.part.end_offset > from && planned.part.base_offset < end_) {
          WEIR_ASSIGN_OR_RETURN(
              const bool whole,
              Walk(planned, from, &bytes, [&](const BatchHeader& header, std::string_view batch) {
                return LookUp(header, batch);
              }));
          if (!whole && !full_) return Progress::kMore;
        }
        ++part_;
      }
      Rewind();
      part_ = 0;
      phase_ = Phase::kCopy;
    }
    while (part_ < plan.parts.size() && plan.parts[part_].part.base_offset < end_) {
      const PlannedPart& planned = plan.parts[part_];
      if (!in_part_) BeginPart(planned);
      in_part_ = true;
      WEIR_ASSIGN_OR_RETURN(const bool whole,
                            Walk(planned, planned.start_offset, &bytes,
                                 [&](const BatchHeader& header, std::string_view batch) {
                                   return Copy(planned, header, batch);
                                 }));
      if (!whole) return Progress::kMore;
      in_part_ = false;
      ++part_;
      if (segment_bytes() >= options_.segment_bytes_max) {
        WEIR_RETURN_IF_ERROR(Finish());
        return Progress::kSegment;
      }
    }
    EndPlan();
    phase_ = Phase::kBegin;
    ++plan_;
  }
  WEIR_RETURN_IF_ERROR(Finish());
  return Progress::kDone;
}

void Compaction::EndPlan() {
  const CompactionPlan& plan = plans_[plan_];
  CleanedPartition done;
  done.partition = plan.partition;
  done.cleaned = {std::max(end_, plan.dirty_from), options_.now_ms, tombstones_};
  done.swept_ms = options_.now_ms - plan.delete_retention_ms;
  cleaned_.push_back(done);
}

bool Compaction::Aborted(const BatchHeader& header) const {
  if (!header.transactional() || header.control()) return false;
  const std::vector<AbortedTransaction>& aborted = plans_[plan_].aborted;
  return std::any_of(aborted.begin(), aborted.end(), [&](const AbortedTransaction& transaction) {
    return transaction.producer_id == header.producer_id &&
           transaction.first_offset <= header.base_offset &&
           header.base_offset < transaction.marker_offset;
  });
}

Status Compaction::LookUp(const BatchHeader& header, std::string_view batch) {
  if (full_ || header.base_offset >= end_ || header.control() || Aborted(header)) {
    return Status::Ok();
  }
  const auto records = static_cast<uint64_t>(std::max(0, header.record_count));
  if (!newest_.Fits(records)) {
    if (!newest_.empty()) {
      full_ = true;
      end_ = header.base_offset;
      return Status::Ok();
    }
    newest_.ResetFor(records);
  }
  if (!reader_.Open(batch).ok()) return Status::Ok();
  for (Record record; reader_.Next(record);) {
    if (record.key) newest_.Put(*record.key, record.offset);
  }
  return Status::Ok();
}

bool Compaction::MayForget(int64_t offset) const {
  const CompactionPlan& plan = plans_[plan_];
  for (const Cleaned& cleaned : plan.cleaned) {
    if (offset < cleaned.end_offset) {
      return options_.now_ms - cleaned.at_ms >= plan.delete_retention_ms;
    }
  }
  return false;
}

bool Compaction::Stays(const Record& record) {
  if (!record.key) return true;
  const std::optional<int64_t> newest = newest_.Get(*record.key);
  if (newest && *newest > record.offset) return false;
  if (record.value) return true;
  if (MayForget(record.offset)) return false;
  tombstones_ += record.offset >= plans_[plan_].dirty_from ? 1 : 0;
  return true;
}

Status Compaction::Copy(const PlannedPart& planned, const BatchHeader& header,
                        std::string_view batch) {
  if (header.base_offset >= end_) return Add(planned, header, batch);
  // Who reads to the end waits for a batch that reaches it.
  const bool last = header.last_offset() + 1 >= plans_[plan_].end;
  if (header.control()) {
    bool& has_records = has_records_[header.producer_id];
    const bool stays = has_records || !MayForget(header.base_offset);
    if (!has_records && stays && header.base_offset >= plans_[plan_].dirty_from) ++tombstones_;
    has_records = false;
    return stays || last ? Add(planned, header, batch) : Status::Ok();
  }
  if (Aborted(header)) return last ? AddEmpty(planned, batch) : Status::Ok();
  kept_.clear();
  int32_t kept = 0;
  int64_t max_timestamp = -1;
  const uint64_t tombstones = tombstones_;
  Status read = reader_.Open(batch);
  if (read.ok()) {
    for (Record record; reader_.Next(record);) {
      if (!Stays(record)) continue;
      kept_.append(record.encoded);
      kept += 1;
      max_timestamp = std::max(max_timestamp, record.timestamp);
    }
    read = reader_.status();
  }
  if (read.ok() && kept == 0) return last ? AddEmpty(planned, batch) : Status::Ok();
  if (!read.ok() || kept == header.record_count) {
    if (!read.ok()) tombstones_ = tombstones;
    if (header.transactional()) has_records_[header.producer_id] = true;
    return Add(planned, header, batch);
  }
  if (header.transactional()) has_records_[header.producer_id] = true;
  WEIR_ASSIGN_OR_RETURN(const std::string rebuilt,
                        Rebuild(header, batch, kept_, kept, max_timestamp));
  const auto changed = ReadBatchHeader(rebuilt);
  if (!changed) return Error::Bug("a rebuilt batch is none");
  return Add(planned, *changed, rebuilt);
}

Status Compaction::AddEmpty(const PlannedPart& planned, std::string_view batch) {
  std::string empty(batch.substr(0, kBatchHeaderBytes));
  const auto attributes = static_cast<int16_t>(empty[kAttributesAt + 1] & kLogAppendTime);
  Put<int32_t>(empty, kLengthAt, static_cast<int32_t>(empty.size() - kBatchLengthEnd));
  Put<int16_t>(empty, kAttributesAt, attributes);
  Put<int64_t>(empty, kProducerIdAt, kNoProducerId);
  Put<int16_t>(empty, kProducerEpochAt, -1);
  Put<int32_t>(empty, kBaseSequenceAt, kNoSequence);
  Put<int32_t>(empty, kCountAt, 0);
  Put<uint32_t>(empty, kCrcAt, Crc32c(std::string_view(empty).substr(kAttributesAt)));
  const auto header = ReadBatchHeader(empty);
  if (!header) return Error::Bug("an empty batch is none");
  return Add(planned, *header, empty);
}

Result<std::string> Compaction::Rebuild(const BatchHeader& header, std::string_view batch,
                                        std::string_view records, int32_t count,
                                        int64_t max_timestamp) {
  WEIR_ASSIGN_OR_RETURN(const std::string compressed,
                        Compress(static_cast<Codec>(header.codec()), records));
  std::string rebuilt(batch.substr(0, kBatchHeaderBytes));
  rebuilt += compressed;
  Put<int32_t>(rebuilt, kLengthAt, static_cast<int32_t>(rebuilt.size() - kBatchLengthEnd));
  // Offsets and timestamps of records are relative to what stays: base offset, base timestamp.
  if (!header.log_append_time()) Put<int64_t>(rebuilt, kMaxTimestampAt, max_timestamp);
  Put<int32_t>(rebuilt, kCountAt, count);
  Put<uint32_t>(rebuilt, kCrcAt, Crc32c(std::string_view(rebuilt).substr(kAttributesAt)));
  return rebuilt;
}

}  // namespace weir::log
