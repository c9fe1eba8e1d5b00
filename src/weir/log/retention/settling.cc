#include "weir/log/retention/settling.h"

#include <algorithm>

#include "weir/log/retention/extent_reader.h"

namespace weir::log {
namespace {

// Neighbouring extents are read in one go up to this.
constexpr uint64_t kReadBytesMax = 1 << 20;

}  // namespace

void Rewriting::BeginPart(const PlannedPart& planned) {
  writer_.BeginPart();
  MovedPart moved;
  moved.partition = planned.partition;
  moved.segment = planned.part.segment;
  moved.base_offset = planned.part.base_offset;
  moved.part.segment = writer_.first();
  // Offsets that have no record any more stay within the part.
  moved.part.base_offset = planned.part.base_offset;
  moved.part.end_offset = planned.part.end_offset;
  moved.part.appended_ms = planned.part.appended_ms;
  moved_.push_back(moved);
}

Status Rewriting::Add(const PlannedPart& planned, const BatchHeader& header,
                      std::string_view batch) {
  SegmentPart& part = moved_.back().part;
  part.max_timestamp = std::max(part.max_timestamp, header.max_timestamp);
  part.bytes += batch.size();
  part.batches += 1;
  return writer_.Add(planned.partition, header, batch);
}

Result<bool> Settling::Step(uint64_t bytes) {
  if (!open_) WEIR_RETURN_IF_ERROR(writer_.Open());
  open_ = true;
  uint64_t done = 0;
  while (part_ < parts_.size()) {
    const PlannedPart& planned = parts_[part_];
    const std::vector<Extent>* extents = planned.index->Find(planned.partition);
    static const std::vector<Extent> kNone;
    if (extents == nullptr) extents = &kNone;
    const auto [begin, end] = ExtentsOf(*extents, planned.part);
    if (!in_part_) {
      BeginPart(planned);
      extent_ = begin;
      in_part_ = true;
    }
    while (extent_ < end) {
      if (done >= bytes) return false;
      const Extent& first = (*extents)[extent_];
      if (EndOf(*extents, extent_, planned.part) <= planned.start_offset) {
        ++extent_;
        continue;
      }
      uint64_t run = 0;
      do {
        run += (*extents)[extent_].bytes;
        ++extent_;
      } while (extent_ < end && (*extents)[extent_].position == first.position + run &&
               run < kReadBytesMax);
      done += run;
      Status added;
      bool damaged = false;
      WEIR_RETURN_IF_ERROR(ReadBatches(
          journal_, planned.partition, first.position, run, &buffer_,
          [&](const BatchHeader& header, std::string_view batch) {
            if (header.last_offset() < planned.start_offset ||
                header.base_offset < planned.part.base_offset) {
              return true;
            }
            if (header.base_offset >= planned.part.end_offset) return false;
            added = Add(planned, header, batch);
            return added.ok();
          },
          &damaged));
      WEIR_RETURN_IF_ERROR(std::move(added));
      if (damaged) {
        damaged_.push_back(planned.part.segment);
        return Error::Operator(ErrorCode::kCorrupt, "a segment to be rewritten is damaged")
            .At(journal_.files().PathOf(planned.part.segment));
      }
    }
    in_part_ = false;
    ++part_;
  }
  WEIR_ASSIGN_OR_RETURN(index_, writer_.Finish());
  return true;
}

}  // namespace weir::log
