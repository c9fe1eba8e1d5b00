#include "weir/log/retention/extent_reader.h"

#include <algorithm>

namespace weir::log {

std::pair<size_t, size_t> ExtentsOf(const std::vector<Extent>& extents, const SegmentPart& part) {
  const auto above = [&](int64_t offset) {
    return std::upper_bound(
        extents.begin(), extents.end(), offset,
        [](int64_t wanted, const Extent& candidate) { return wanted < candidate.base_offset; });
  };
  auto begin = above(part.base_offset);
  if (begin != extents.begin()) --begin;
  const auto end = std::max(begin, above(part.end_offset - 1));
  return {static_cast<size_t>(begin - extents.begin()), static_cast<size_t>(end - extents.begin())};
}

int64_t EndOf(const std::vector<Extent>& extents, size_t i, const SegmentPart& part) {
  return i + 1 < extents.size() ? std::min(extents[i + 1].base_offset, part.end_offset)
                                : part.end_offset;
}

Status ReadBatches(Journal& journal, uint32_t partition, Position position, uint64_t bytes,
                   std::string* buffer, const BatchVisitor& visit, bool* damaged) {
  if (!IsSettled(position)) {
    const Position durable = journal.durable();
    bytes = position < durable ? std::min(bytes, durable - position) : 0;
  }
  buffer->resize(bytes);
  WEIR_RETURN_IF_ERROR(journal.Read(position, buffer->data(), bytes));
  const std::string_view all = *buffer;
  size_t at = 0;
  while (at < all.size()) {
    Frame frame;
    size_t needed = 0;
    if (ReadFrame(all.substr(at), position + at, &frame, &needed) != FrameState::kGood) {
      if (damaged != nullptr) *damaged = true;
      const size_t next = all.find('W', at + 1);
      at = next == std::string_view::npos ? all.size() : next;
      continue;
    }
    at += frame.end() - frame.position;
    if (frame.kind != FrameKind::kBatch || frame.stream != partition) continue;
    const auto header = ReadBatchHeader(frame.body);
    if (header && !visit(*header, frame.body)) return Status::Ok();
  }
  return Status::Ok();
}

}  // namespace weir::log
