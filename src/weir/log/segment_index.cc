#include "weir/log/segment_index.h"

#include <algorithm>

#include "weir/base/byte_codec.h"
#include "weir/base/checksum.h"

namespace weir::log {
namespace {

constexpr std::string_view kMagic = "WEIRSIX2";
constexpr size_t kChecksumBytes = 8;

Error Damaged() { return Error::Operator(ErrorCode::kCorrupt, "the segment's index is damaged"); }

}  // namespace

void SegmentIndex::Add(uint32_t partition, int64_t base_offset, Position position,
                       uint32_t frame_bytes, int64_t max_timestamp) {
  std::vector<Extent>& extents = parts_[partition];
  const bool neighbour = !extents.empty() && last_partition_ == partition && last_end_ == position;
  last_partition_ = partition;
  last_end_ = position + frame_bytes;
  frame_bytes_ += frame_bytes;
  if (neighbour && extents.back().bytes + frame_bytes <= kExtentBytes) {
    extents.back().bytes += frame_bytes;
    extents.back().batches += 1;
    extents.back().max_timestamp = std::max(extents.back().max_timestamp, max_timestamp);
    return;
  }
  extents.push_back({base_offset, position, frame_bytes, 1, max_timestamp});
  extents_ += 1;
}

const std::vector<Extent>* SegmentIndex::Find(uint32_t partition) const {
  const auto found = parts_.find(partition);
  return found == parts_.end() ? nullptr : &found->second;
}

// Differences to the extent before: a few bytes each.
std::string SegmentIndex::Encode() const {
  ByteWriter out;
  out.Raw(kMagic);
  out.Varint(first_);
  out.Varint(parts_.size());
  for (const auto& [partition, extents] : parts_) {
    out.Varint(partition);
    out.Varint(extents.size());
    Extent last;
    last.position = first_;
    for (const Extent& extent : extents) {
      out.Signed(extent.base_offset - last.base_offset);
      out.Signed(static_cast<int64_t>(extent.position - last.position));
      out.Varint(extent.bytes);
      out.Varint(extent.batches);
      out.Signed(extent.max_timestamp - last.max_timestamp);
      last = extent;
    }
  }
  out.U64(Xxh3(out.bytes()));
  return out.Take();
}

Result<std::shared_ptr<SegmentIndex>> SegmentIndex::Decode(std::string_view bytes) {
  if (bytes.size() < kMagic.size() + kChecksumBytes || bytes.substr(0, kMagic.size()) != kMagic) {
    return Damaged();
  }
  const std::string_view content = bytes.substr(0, bytes.size() - kChecksumBytes);
  if (ByteReader(bytes.substr(content.size())).U64() != Xxh3(content)) return Damaged();
  ByteReader in(content.substr(kMagic.size()));
  auto index = std::make_shared<SegmentIndex>(in.Varint());
  for (uint64_t parts = in.Count(); parts > 0 && in.ok(); --parts) {
    auto& extents = index->parts_[static_cast<uint32_t>(in.Varint())];
    const uint64_t count = in.Count(5);
    extents.reserve(count);
    Extent extent;
    extent.position = index->first_;
    for (uint64_t i = 0; i < count; ++i) {
      extent.base_offset += in.Signed();
      extent.position += static_cast<uint64_t>(in.Signed());
      extent.bytes = static_cast<uint32_t>(in.Varint());
      extent.batches = static_cast<uint32_t>(in.Varint());
      extent.max_timestamp += in.Signed();
      extents.push_back(extent);
      index->frame_bytes_ += extent.bytes;
    }
    index->extents_ += count;
  }
  if (!in.ok() || !in.done()) return Damaged();
  return index;
}

}  // namespace weir::log
