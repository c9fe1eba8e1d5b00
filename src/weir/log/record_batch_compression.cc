#include "weir/log/record_batch_compression.h"

#include <fmt/format.h>
#include <lz4frame.h>
#include <snappy.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cassert>
#include <cstring>
#include <limits>

namespace weir::log {
namespace {

// "\x82SNAPPY\0", a version and the least compatible one, each 1; then blocks: u32 length, snappy.
constexpr std::string_view kXerialMagic("\x82SNAPPY\0", 8);
constexpr size_t kXerialHeaderBytes = 16;
constexpr size_t kXerialBlockBytes = 32 << 10;
constexpr size_t kGrowBytesMin = 4096;
constexpr size_t kKeptBytesMax = 16 << 20;  // a buffer that one batch made larger is given back
constexpr int kGzipWindowBits = 15 + 16;    // 16: with the gzip header and trailer

uint32_t BigEndian32(std::string_view bytes) {
  uint32_t value;
  std::memcpy(&value, bytes.data(), sizeof(value));
  return __builtin_bswap32(value);
}

void AppendBigEndian32(uint32_t value, std::string& out) {
  value = __builtin_bswap32(value);
  out.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

Error Corrupt(std::string_view codec) {
  return Error::Operator(ErrorCode::kCorrupt, fmt::format("records are not {} data", codec));
}

}  // namespace

// The output grows by doubling up to the limit and keeps its memory for the next batch.
struct Decompressor::Contexts {
  std::string out;  // its first `used` bytes are output
  size_t used = 0;
  size_t bytes_max = 0;
  ZSTD_DCtx* zstd = nullptr;
  LZ4F_dctx* lz4 = nullptr;
  z_stream gzip{};
  bool has_gzip = false;

  ~Contexts() {
    ZSTD_freeDCtx(zstd);
    LZ4F_freeDecompressionContext(lz4);
    if (has_gzip) inflateEnd(&gzip);
  }

  char* end() { return out.data() + used; }
  size_t room() const { return std::min(out.size(), bytes_max) - used; }

  // At least `bytes` of room in all, within the limit.
  Status Reserve(size_t bytes) {
    if (bytes > bytes_max - used) return TooMuch();
    if (out.size() - used < bytes) out.resize(used + bytes);
    return Status::Ok();
  }
  // Some room, more than before.
  Status Grow() {
    if (used == bytes_max) return TooMuch();
    return Reserve(std::min(std::max(out.size(), kGrowBytesMin), bytes_max - used));
  }
  Error TooMuch() const {
    return Error::Operator(ErrorCode::kLimit,
                           fmt::format("records are more than {} bytes decompressed", bytes_max));
  }

  Status Gzip(std::string_view bytes);
  Status Snappy(std::string_view bytes);
  Status SnappyBlock(std::string_view bytes);
  Status Lz4(std::string_view bytes);
  Status Zstd(std::string_view bytes);
};

Status Decompressor::Contexts::Gzip(std::string_view bytes) {
  if (!has_gzip) {
    if (inflateInit2(&gzip, kGzipWindowBits) != Z_OK) return Error::Bug("zlib does not start");
    has_gzip = true;
  }
  if (bytes.size() > std::numeric_limits<uInt>::max()) return TooMuch();
  gzip.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));  // only read
  gzip.avail_in = static_cast<uInt>(bytes.size());
  do {  // one member after the other
    if (inflateReset(&gzip) != Z_OK) return Error::Bug("zlib does not start again");
    int state = Z_OK;
    while (state != Z_STREAM_END) {
      if (room() == 0) {
        // At the limit only the trailer may be left: that is seen with one byte of room elsewhere.
        if (used == bytes_max) {
          Bytef beyond = 0;
          gzip.next_out = &beyond;
          gzip.avail_out = 1;
          state = inflate(&gzip, Z_NO_FLUSH);
          if (gzip.avail_out == 0) return TooMuch();
          if (state != Z_STREAM_END) return Corrupt("gzip");
          break;
        }
        WEIR_RETURN_IF_ERROR(Grow());
      }
      const auto space =
          static_cast<uInt>(std::min<size_t>(room(), std::numeric_limits<uInt>::max()));
      gzip.next_out = reinterpret_cast<Bytef*>(end());
      gzip.avail_out = space;
      state = inflate(&gzip, Z_NO_FLUSH);
      const size_t written = space - gzip.avail_out;
      used += written;
      if (state != Z_OK && state != Z_STREAM_END) return Corrupt("gzip");
      if (state == Z_OK && written == 0 && gzip.avail_in == 0) return Corrupt("gzip");
    }
  } while (gzip.avail_in > 0);
  return Status::Ok();
}

Status Decompressor::Contexts::SnappyBlock(std::string_view bytes) {
  size_t size = 0;
  if (!snappy::GetUncompressedLength(bytes.data(), bytes.size(), &size)) return Corrupt("snappy");
  // No room for what can't come: an element of two bytes or more copies at most 64.
  constexpr size_t kRatioMax = 64;
  if (size / kRatioMax > bytes.size()) return Corrupt("snappy");
  WEIR_RETURN_IF_ERROR(Reserve(size));
  if (!snappy::RawUncompress(bytes.data(), bytes.size(), end())) return Corrupt("snappy");
  used += size;
  return Status::Ok();
}

Status Decompressor::Contexts::Snappy(std::string_view bytes) {
  if (!bytes.starts_with(kXerialMagic)) return SnappyBlock(bytes);
  while (!bytes.empty()) {
    if (bytes.starts_with(kXerialMagic)) {  // streams may follow each other
      if (bytes.size() < kXerialHeaderBytes) return Corrupt("snappy");
      bytes.remove_prefix(kXerialHeaderBytes);
      continue;
    }
    if (bytes.size() < 4) return Corrupt("snappy");
    const uint32_t size = BigEndian32(bytes);
    bytes.remove_prefix(4);
    if (size > bytes.size()) return Corrupt("snappy");
    WEIR_RETURN_IF_ERROR(SnappyBlock(bytes.substr(0, size)));
    bytes.remove_prefix(size);
  }
  return Status::Ok();
}

Status Decompressor::Contexts::Lz4(std::string_view bytes) {
  if (lz4 == nullptr && LZ4F_isError(LZ4F_createDecompressionContext(&lz4, LZ4F_VERSION)) != 0) {
    return Error::Bug("lz4 does not start");
  }
  LZ4F_resetDecompressionContext(lz4);
  size_t hint = 1;  // 0: the frame has ended
  while (!bytes.empty() || hint != 0) {
    char beyond = 0;  // at the limit only the end of the frame may be left
    const bool at_limit = used == bytes_max;
    if (!at_limit && room() == 0) WEIR_RETURN_IF_ERROR(Grow());
    size_t written = at_limit ? 1 : room();
    size_t read = bytes.size();
    hint = LZ4F_decompress(lz4, at_limit ? &beyond : end(), &written, bytes.data(), &read, nullptr);
    if (LZ4F_isError(hint) != 0) return Corrupt("lz4");
    if (at_limit && written > 0) return TooMuch();
    used += written;
    bytes.remove_prefix(read);
    if (read == 0 && written == 0 && hint != 0) return Corrupt("lz4");  // cut off
  }
  return Status::Ok();
}

Status Decompressor::Contexts::Zstd(std::string_view bytes) {
  if (zstd == nullptr) zstd = ZSTD_createDCtx();
  if (zstd == nullptr) return Error::Bug("zstd does not start");
  ZSTD_DCtx_reset(zstd, ZSTD_reset_session_only);
  const unsigned long long size = ZSTD_getFrameContentSize(bytes.data(), bytes.size());  // NOLINT
  if (size == ZSTD_CONTENTSIZE_ERROR) return Corrupt("zstd");
  if (size != ZSTD_CONTENTSIZE_UNKNOWN) {
    if (size > bytes_max) return TooMuch();
    // A frame may claim much and hold nothing: more than its bytes could give is not reserved.
    constexpr size_t kRatioMax = 1 << 15;
    if (size / kRatioMax <= bytes.size()) WEIR_RETURN_IF_ERROR(Reserve(size));
  }
  ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
  size_t hint = 1;
  while (in.pos < in.size || hint != 0) {
    char beyond = 0;
    const bool at_limit = used == bytes_max;
    if (!at_limit && room() == 0) WEIR_RETURN_IF_ERROR(Grow());
    ZSTD_outBuffer to{at_limit ? &beyond : end(), at_limit ? 1 : room(), 0};
    const size_t read_before = in.pos;
    hint = ZSTD_decompressStream(zstd, &to, &in);
    if (ZSTD_isError(hint) != 0) return Corrupt("zstd");
    if (at_limit && to.pos > 0) return TooMuch();
    used += to.pos;
    if (in.pos == read_before && to.pos == 0 && hint != 0) return Corrupt("zstd");  // cut off
  }
  return Status::Ok();
}

Decompressor::Decompressor() : contexts_(std::make_unique<Contexts>()) {}
Decompressor::~Decompressor() = default;
Decompressor::Decompressor(Decompressor&&) noexcept = default;
Decompressor& Decompressor::operator=(Decompressor&&) noexcept = default;

Result<std::string_view> Decompressor::Decompress(Codec codec, std::string_view bytes,
                                                  size_t bytes_max) {
  Contexts& c = *contexts_;
  if (c.out.size() > kKeptBytesMax) c.out = {};
  c.used = 0;
  c.bytes_max = bytes_max;
  switch (codec) {
    case Codec::kNone:
      return bytes;
    case Codec::kGzip:
      WEIR_RETURN_IF_ERROR(c.Gzip(bytes));
      break;
    case Codec::kSnappy:
      WEIR_RETURN_IF_ERROR(c.Snappy(bytes));
      break;
    case Codec::kLz4:
      WEIR_RETURN_IF_ERROR(c.Lz4(bytes));
      break;
    case Codec::kZstd:
      WEIR_RETURN_IF_ERROR(c.Zstd(bytes));
      break;
    default:
      return Error::Operator(ErrorCode::kCorrupt,
                             fmt::format("codec {} is none", static_cast<int>(codec)));
  }
  return std::string_view(c.out.data(), c.used);
}

namespace {

Result<std::string> CompressGzip(std::string_view bytes) {
  z_stream stream{};
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzipWindowBits, 8,
                   Z_DEFAULT_STRATEGY) != Z_OK) {
    return Error::Bug("zlib does not start");
  }
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));  // only read
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int state = deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  if (state != Z_STREAM_END) return Error::Bug("zlib does not compress");
  return out;
}

std::string CompressSnappy(std::string_view bytes) {
  std::string out(kXerialMagic);
  AppendBigEndian32(1, out);
  AppendBigEndian32(1, out);
  std::string block;
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, kXerialBlockBytes);
    snappy::Compress(piece.data(), piece.size(), &block);
    AppendBigEndian32(static_cast<uint32_t>(block.size()), out);
    out += block;
    bytes.remove_prefix(piece.size());
  }
  return out;
}

}  // namespace

Result<std::string> Compress(Codec codec, std::string_view bytes) {
  assert(bytes.size() <= std::numeric_limits<int32_t>::max());
  switch (codec) {
    case Codec::kNone:
      return std::string(bytes);
    case Codec::kGzip:
      return CompressGzip(bytes);
    case Codec::kSnappy:
      return CompressSnappy(bytes);
    case Codec::kLz4: {
      LZ4F_preferences_t preferences = LZ4F_INIT_PREFERENCES;
      preferences.frameInfo.blockMode = LZ4F_blockIndependent;  // Java's clients read no others
      std::string out(LZ4F_compressFrameBound(bytes.size(), &preferences), '\0');
      const size_t size =
          LZ4F_compressFrame(out.data(), out.size(), bytes.data(), bytes.size(), &preferences);
      if (LZ4F_isError(size) != 0) return Error::Bug("lz4 does not compress");
      out.resize(size);
      return out;
    }
    case Codec::kZstd: {
      std::string out(ZSTD_compressBound(bytes.size()), '\0');
      const size_t size = ZSTD_compress(out.data(), out.size(), bytes.data(), bytes.size(), 0);
      if (ZSTD_isError(size) != 0) return Error::Bug("zstd does not compress");
      out.resize(size);
      return out;
    }
  }
  return Error::Bug("no such codec");
}

}  // namespace weir::log
