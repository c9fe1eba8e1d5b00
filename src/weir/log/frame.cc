#include "weir/log/frame.h"

#include <cstring>
#include <limits>

#include "weir/base/checksum.h"

namespace weir::log {
namespace {

constexpr char kFrameMagic[4] = {'W', 'L', 'F', '1'};
constexpr char kSegmentMagic[8] = {'W', 'E', 'I', 'R', 'J', 'R', 'N', 'L'};
constexpr uint32_t kSegmentVersion = 1;
constexpr size_t kCheckedFrom = 8;

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the journal is little endian");

template <typename T>
void Put(char* at, T value) {
  std::memcpy(at, &value, sizeof(value));
}

template <typename T>
T Get(const char* at) {
  T value;
  std::memcpy(&value, at, sizeof(value));
  return value;
}

uint32_t ChecksumOf(const char* header, size_t body_bytes) {
  return static_cast<uint32_t>(
      Xxh3({header + kCheckedFrom, kFrameHeaderBytes - kCheckedFrom + body_bytes}));
}

}  // namespace

void WriteFrameHeader(const Frame& frame, char* header) {
  std::memcpy(header, kFrameMagic, sizeof(kFrameMagic));
  Put<uint32_t>(header + 8, static_cast<uint32_t>(frame.body.size()));
  Put<uint32_t>(header + 12, frame.stream);
  Put<uint64_t>(header + 16, frame.position);
  const uint64_t behind = frame.position - frame.durable;
  Put<uint32_t>(header + 24, behind > std::numeric_limits<uint32_t>::max()
                                 ? std::numeric_limits<uint32_t>::max()
                                 : static_cast<uint32_t>(behind));
  header[28] = static_cast<char>(frame.kind);
  header[29] = static_cast<char>(frame.ends_group ? kFrameEndsGroup : 0);
  header[30] = header[31] = 0;
  Put<uint32_t>(header + 4, ChecksumOf(header, frame.body.size()));
}

FrameState ReadFrame(std::string_view bytes, Position position, Frame* frame, size_t* needed) {
  if (bytes.size() < kFrameHeaderBytes) {
    *needed = kFrameHeaderBytes;
    return FrameState::kShort;
  }
  const char* header = bytes.data();
  if (std::memcmp(header, kFrameMagic, sizeof(kFrameMagic)) != 0) return FrameState::kBad;
  if (Get<uint64_t>(header + 16) != position) return FrameState::kBad;
  const auto body_bytes = Get<uint32_t>(header + 8);
  const auto kind = static_cast<uint8_t>(header[28]);
  if (body_bytes > kFrameBodyMax || kind > static_cast<uint8_t>(FrameKind::kState)) {
    return FrameState::kBad;
  }
  const auto behind = Get<uint32_t>(header + 24);
  if (behind > position) return FrameState::kBad;
  if (bytes.size() < kFrameHeaderBytes + body_bytes) {
    *needed = kFrameHeaderBytes + body_bytes;
    return FrameState::kShort;
  }
  if (Get<uint32_t>(header + 4) != ChecksumOf(header, body_bytes)) return FrameState::kBad;
  frame->kind = static_cast<FrameKind>(kind);
  frame->ends_group = (static_cast<uint8_t>(header[29]) & kFrameEndsGroup) != 0;
  frame->stream = Get<uint32_t>(header + 12);
  frame->position = position;
  frame->durable = position - behind;
  frame->body = bytes.substr(kFrameHeaderBytes, body_bytes);
  return FrameState::kGood;
}

void WriteSegmentHeader(Position first, char* header) {
  std::memset(header, 0, kSegmentHeaderBytes);
  std::memcpy(header, kSegmentMagic, sizeof(kSegmentMagic));
  Put<uint32_t>(header + 8, kSegmentVersion);
  Put<uint64_t>(header + 16, first);
  Put<uint64_t>(header + 24, Xxh3({header, 24}));
}

bool ReadSegmentHeader(std::string_view bytes, Position* first) {
  if (bytes.size() < kSegmentHeaderBytes) return false;
  const char* header = bytes.data();
  if (std::memcmp(header, kSegmentMagic, sizeof(kSegmentMagic)) != 0) return false;
  if (Get<uint32_t>(header + 8) != kSegmentVersion) return false;
  if (Get<uint64_t>(header + 24) != Xxh3({header, 24})) return false;
  *first = Get<uint64_t>(header + 16);
  return true;
}

}  // namespace weir::log
