#include "weir/log/retention/settling.h"

#include <algorithm>

namespace weir::log {
namespace {

// Neighbouring extents are read in one go up to this.
constexpr uint64_t kReadBytesMax = 1 << 20;

}  // namespace

Rewriting::Rewriting(EventLog& log, Position settled) : log_(log) { Continue(settled); }

void Rewriting::Continue(Position settled) {
  if (writer_) earlier_bytes_ += writer_->bytes();
  writer_ = std::make_unique<SettledWriter>(log_.journal().files(), log_.indexes(), settled);
  open_ = false;
  index_.reset();
  moved_.clear();
  cleaned_.clear();
}

Status Rewriting::OpenSegment() {
  if (open_) return Status::Ok();
  open_ = true;
  return writer_->Open();
}

void Rewriting::BeginPart(const PlannedPart& planned) {
  writer_->BeginPart();
  MovedPart moved;
  moved.partition = planned.partition;
  moved.segment = planned.part.segment;
  moved.base_offset = planned.part.base_offset;
  moved.part.segment = writer_->first();
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
  return writer_->Add(planned.partition, header, batch);
}

Status Rewriting::Finish() {
  WEIR_ASSIGN_OR_RETURN(index_, writer_->Finish());
  return Status::Ok();
}

Result<bool> Rewriting::Walk(const PlannedPart& planned, int64_t from, uint64_t* bytes,
                             const Visit& visit) {
  const std::vector<Extent>* extents = planned.index->Find(planned.partition);
  static const std::vector<Extent> kNone;
  if (extents == nullptr) extents = &kNone;
  const auto [begin, end] = ExtentsOf(*extents, planned.part);
  if (!walking_) extent_ = begin;
  walking_ = true;
  while (extent_ < end) {
    if (*bytes == 0) return false;
    const Extent& first = (*extents)[extent_];
    if (EndOf(*extents, extent_, planned.part) <= from) {
      ++extent_;
      continue;
    }
    uint64_t run = 0;
    do {
      run += (*extents)[extent_].bytes;
      ++extent_;
    } while (extent_ < end && (*extents)[extent_].position == first.position + run &&
             run < kReadBytesMax);
    *bytes -= std::min(*bytes, run);
    Status visited;
    bool damaged = false;
    WEIR_RETURN_IF_ERROR(ReadBatches(
        log_.journal(), planned.partition, first.position, run, &buffer_,
        [&](const BatchHeader& header, std::string_view batch) {
          if (header.last_offset() < from || header.base_offset < planned.part.base_offset) {
            return true;
          }
          if (header.base_offset >= planned.part.end_offset) return false;
          visited = visit(header, batch);
          return visited.ok();
        },
        &damaged));
    WEIR_RETURN_IF_ERROR(std::move(visited));
    if (damaged) {
      damaged_.push_back(planned);
      return Error::Operator(ErrorCode::kCorrupt, "a segment to be rewritten is damaged")
          .At(log_.journal().files().PathOf(planned.part.segment));
    }
  }
  walking_ = false;
  return true;
}

Result<Rewriting::Progress> Settling::Step(uint64_t bytes) {
  WEIR_RETURN_IF_ERROR(OpenSegment());
  while (part_ < parts_.size()) {
    const PlannedPart& planned = parts_[part_];
    if (!in_part_) BeginPart(planned);
    in_part_ = true;
    WEIR_ASSIGN_OR_RETURN(const bool whole,
                          Walk(planned, planned.start_offset, &bytes,
                               [&](const BatchHeader& header, std::string_view batch) {
                                 return Add(planned, header, batch);
                               }));
    if (!whole) return Progress::kMore;
    in_part_ = false;
    ++part_;
  }
  WEIR_RETURN_IF_ERROR(Finish());
  return Progress::kDone;
}

}  // namespace weir::log
