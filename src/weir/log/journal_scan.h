// SegmentScan: the frames of one segment file in order, with what is no frame jumped over.
//
// Thread rule: one thread.
#pragma once

#include <optional>
#include <string>

#include "weir/base/result.h"
#include "weir/log/frame.h"
#include "weir/log/segment_files.h"

namespace weir::log {

class SegmentScan {
 public:
  // Of the bytes between two positions of the segment that begins at `first`.
  SegmentScan(SegmentFiles& files, Position from, Position to)
      : files_(files), at_(from), to_(to), window_first_(from) {}

  struct Found {
    Frame frame;                // its body lives until the next call
    Position skipped_from = 0;  // bytes before the frame that are none; = frame.position if none
  };
  // Nothing at the end; skipped() then tells where unreadable bytes at the end begin.
  Result<std::optional<Found>> Next();
  Position skipped() const { return skipped_; }

 private:
  static constexpr size_t kWindowBytes = 4 << 20;

  // Makes the window hold n bytes at at_, or all that are left.
  Status Fill(size_t n);
  std::string_view Window() const { return std::string_view(window_).substr(at_ - window_first_); }

  SegmentFiles& files_;
  Position at_;
  const Position to_;
  Position skipped_ = 0;
  std::string window_;
  Position window_first_;
};

}  // namespace weir::log
