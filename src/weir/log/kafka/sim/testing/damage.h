// Bits that flip on the disk: in frames of data that the journal had promised, never in what it may
// take for a torn write.
//
// Thread rule: one thread.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "weir/base/sim_env.h"
#include "weir/log/batch_header.h"
#include "weir/log/frame.h"
#include "weir/log/kafka/sim/testing/sim_loop.h"
#include "weir/log/segment_files.h"

namespace weir::log::kafka::sim {

// The batch that was hit.
struct Damaged {
  uint32_t partition = 0;  // its number in the log
  int64_t first_offset = 0;
  int64_t last_offset = 0;
};

// The broker is down. Nothing, if there is nothing that was promised.
inline std::optional<Damaged> FlipBit(SimLoop& loop, SimEnv& disk, const std::string& folder) {
  SegmentFiles files(disk, folder);
  if (!files.List().ok() || files.Firsts().empty()) return std::nullopt;
  struct Target {
    Position segment = 0;
    Position begin = 0;
    Position end = 0;
    bool last_segment = false;
    Damaged batch;
  };
  std::vector<Target> targets;
  Position promised = 0;
  for (const Position first : files.Firsts()) {
    auto bytes = disk.ReadFile(files.PathOf(first));
    if (!bytes.ok()) return std::nullopt;
    const bool last = first == files.Firsts().back();
    for (size_t at = kSegmentHeaderBytes; at < bytes->size();) {
      Frame frame;
      size_t needed = 0;
      const auto state =
          ReadFrame(std::string_view(*bytes).substr(at), first + at, &frame, &needed);
      if (state != FrameState::kGood) {
        ++at;
        continue;
      }
      at = frame.end() - first;
      if (last) promised = std::max(promised, frame.durable);
      if (frame.kind != FrameKind::kBatch) continue;
      const auto header = ReadBatchHeader(frame.body);
      if (!header || header->control()) continue;
      targets.push_back({first,
                         frame.position,
                         frame.end(),
                         last,
                         {frame.stream, header->base_offset, header->last_offset()}});
    }
  }
  std::erase_if(targets,
                [&](const Target& target) { return target.last_segment && target.end > promised; });
  if (targets.empty()) return std::nullopt;
  const Target& target = targets[loop.Below(targets.size())];
  auto file = disk.OpenFile(files.PathOf(target.segment), OpenMode::kReadWrite);
  if (!file.ok()) return std::nullopt;
  const Position at = target.begin + loop.Below(target.end - target.begin) - target.segment;
  char byte = 0;
  if (!(*file)->ReadAt(at, &byte, 1).ok()) return std::nullopt;
  byte = static_cast<char>(byte ^ (1 << loop.Below(8)));
  if (!(*file)->WriteAt(at, &byte, 1).ok() || !(*file)->Sync().ok()) return std::nullopt;
  return target.batch;
}

}  // namespace weir::log::kafka::sim
