// The four codecs of record batches: gzip, snappy (in the framing of Java's xerial library, which
// Kafka's own clients write, and plain, which librdkafka writes), lz4 frames and zstd.
//
// Decompressing is bounded: output beyond the limit is an error and is never held.
//
// Thread rule: one thread at a time; keep a Decompressor, its contexts and buffer are used again.
// Errors: kCorrupt for bytes that are not of the codec, kLimit for more output than is allowed.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "weir/base/result.h"
#include "weir/log/record_batch.h"

namespace weir::log {

class Decompressor {
 public:
  Decompressor();
  ~Decompressor();
  Decompressor(Decompressor&&) noexcept;
  Decompressor& operator=(Decompressor&&) noexcept;

  // Valid until the next call. kNone gives the bytes themselves.
  Result<std::string_view> Decompress(Codec codec, std::string_view bytes, size_t bytes_max);

 private:
  struct Contexts;
  std::unique_ptr<Contexts> contexts_;
};

// At the library's default level; snappy in xerial's framing.
Result<std::string> Compress(Codec codec, std::string_view bytes);

}  // namespace weir::log
