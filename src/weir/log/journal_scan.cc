#include "weir/log/journal_scan.h"

#include <algorithm>

namespace weir::log {

Status SegmentScan::Fill(size_t n) {
  const Position window_end = window_first_ + window_.size();
  if (at_ + n <= window_end || window_end == to_) return Status::Ok();
  window_.erase(0, at_ - window_first_);
  window_first_ = at_;
  const uint64_t left = to_ - window_first_ - window_.size();
  const size_t more = std::min<uint64_t>(left, std::max(n, kWindowBytes));
  const size_t had = window_.size();
  window_.resize(had + more);
  return files_.Read(window_first_ + had, window_.data() + had, more);
}

Result<std::optional<SegmentScan::Found>> SegmentScan::Next() {
  skipped_ = at_;
  while (at_ < to_) {
    WEIR_RETURN_IF_ERROR(Fill(kFrameHeaderBytes));
    Found found;
    size_t needed = 0;
    FrameState state = ReadFrame(Window(), at_, &found.frame, &needed);
    if (state == FrameState::kShort && at_ + needed <= to_) {
      WEIR_RETURN_IF_ERROR(Fill(needed));
      state = ReadFrame(Window(), at_, &found.frame, &needed);
    }
    if (state == FrameState::kGood) {
      found.skipped_from = skipped_;
      at_ = found.frame.end();
      return std::optional<Found>(found);
    }
    // The next byte that could begin a frame.
    const std::string_view window = Window();
    const size_t next = window.find('W', 1);
    at_ += next == std::string_view::npos ? window.size() : next;
  }
  return std::optional<Found>();
}

}  // namespace weir::log
