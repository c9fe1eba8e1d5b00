// The bytes of one file through the engine's file system (Env for local paths, httpfs for URLs), as
// positions or as a stream, and the streams that undo gzip and zstd.
//
// Thread rule: FileBytes::ReadAt is thread-safe; a stream belongs to one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "weir/base/result.h"
#include "weir/columnar/codec/text_blocks.h"
#include "weir/columnar/engine.h"

namespace duckdb {
struct FileHandle;
}

namespace weir::connect {

enum class Compression { kNone, kGzip, kZstd };

// By the end of the name: ".gz", ".zst", ".zstd".
Compression CompressionOf(const std::string& path);

class FileBytes {
 public:
  // `name` is what messages call the file; `path` is opened.
  static Result<std::shared_ptr<FileBytes>> Open(columnar::Engine& engine, const std::string& path,
                                                 const std::string& name);
  ~FileBytes();

  // Reads exactly n bytes; kIo if the file has become shorter.
  Status ReadAt(uint64_t offset, char* buffer, size_t n);
  uint64_t size() const { return size_; }
  int64_t modified_us() const { return modified_us_; }  // 0 if unknown
  const std::string& name() const { return name_; }

 private:
  FileBytes(std::string name, bool remote);

  const std::string name_;
  const bool remote_;  // such handles keep state of their own
  std::mutex mutex_;   // guards the reads of a remote handle
  std::unique_ptr<duckdb::FileHandle> handle_;
  uint64_t size_ = 0;
  int64_t modified_us_ = 0;
};

// Bytes [from, to) of the file, decompressed. Positions in what it delivers are positions in the
// decompressed data. Errors name the file and the position: a truncated or broken stream is
// kCorrupt.
Result<std::unique_ptr<columnar::ByteReader>> OpenStream(std::shared_ptr<FileBytes> file,
                                                         Compression compression, uint64_t from,
                                                         uint64_t to);

}  // namespace weir::connect
