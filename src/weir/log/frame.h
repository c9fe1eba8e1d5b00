// Frame: the unit of the journal (docs/formats/journal.md). A 32-byte header and a body, little
// endian:
//
//   0 u32 magic "WLF1"     4 u32 checksum of bytes 8.. of header and body (low half of XXH3)
//   8 u32 body bytes      12 u32 stream
//  16 u64 position of this frame in the journal
//  24 u32 bytes before this frame that were not known to be durable when it was written
//  28 u8 kind             29 u8 flags             30 u16 zero
//
// The position tells a frame from old bytes at the same place; the number at 24 tells recovery what
// had been promised.
//
// Thread rule: free functions over bytes of the caller.
#pragma once

#include <cstdint>
#include <string_view>

namespace weir::log {

// A byte address: in the journal, or, with the top bit set, in a settled segment.
using Position = uint64_t;
inline constexpr Position kSettledBit = Position{1} << 63;
inline constexpr bool IsSettled(Position position) { return (position & kSettledBit) != 0; }

enum class FrameKind : uint8_t {
  kMark = 0,   // says only what is durable; no body
  kBatch = 1,  // a record batch; stream = number of the partition
  kState = 2,  // a change of state (state_store.h); stream = 0
};

inline constexpr size_t kFrameHeaderBytes = 32;
inline constexpr uint32_t kFrameBodyMax = 256u << 20;
inline constexpr uint8_t kFrameEndsGroup = 1;

struct Frame {
  FrameKind kind = FrameKind::kMark;
  bool ends_group = true;
  uint32_t stream = 0;
  Position position = 0;
  Position durable = 0;   // known to be durable when it was written
  std::string_view body;  // within the bytes it was read from

  Position end() const { return position + kFrameHeaderBytes + body.size(); }
};

// Fills in the header; the body must stand at header + kFrameHeaderBytes, frame.body.size() bytes.
void WriteFrameHeader(const Frame& frame, char* header);

enum class FrameState {
  kGood,
  kShort,  // more bytes are needed to tell: `needed`
  kBad,
};
// Reads the frame at the begin of `bytes`, which is said to be at `position`.
FrameState ReadFrame(std::string_view bytes, Position position, Frame* frame, size_t* needed);

// What begins a segment file: 32 bytes.
//   0 magic "WEIRJRNL"   8 u32 version = 1   12 u32 zero   16 u64 first position
//  24 u64 XXH3 of bytes 0..24
// Everything before the first position was durable when the segment was made.
inline constexpr size_t kSegmentHeaderBytes = 32;
void WriteSegmentHeader(Position first, char* header);
bool ReadSegmentHeader(std::string_view bytes, Position* first);

}  // namespace weir::log
