#include "weir/connect/files/file_bytes.h"

#include <fmt/format.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "duckdb/common/file_open_flags.hpp"
#include "duckdb/common/file_system.hpp"
#include "weir/columnar/duckdb_error.h"

namespace weir::connect {

using columnar::ByteReader;

namespace {

constexpr size_t kCompressedPiece = 256 << 10;

// Bytes [from, to) as they stand in the file.
class RangeStream : public ByteReader {
 public:
  RangeStream(std::shared_ptr<FileBytes> file, uint64_t from, uint64_t to)
      : file_(std::move(file)), position_(from), to_(to) {}

  Result<size_t> Read(char* buffer, size_t n) override {
    n = static_cast<size_t>(std::min<uint64_t>(n, to_ - position_));
    if (n == 0) return size_t{0};
    WEIR_RETURN_IF_ERROR(file_->ReadAt(position_, buffer, n));
    position_ += n;
    return n;
  }
  uint64_t position() const { return position_; }
  const std::string& name() const { return file_->name(); }

 private:
  const std::shared_ptr<FileBytes> file_;
  uint64_t position_;
  const uint64_t to_;
};

// What gzip and zstd share: a piece of compressed bytes and errors that say where.
class Decompressor : public ByteReader {
 public:
  explicit Decompressor(std::unique_ptr<RangeStream> bytes)
      : bytes_(std::move(bytes)), piece_(kCompressedPiece) {}

 protected:
  // Compressed bytes left, after reading more if there are none; 0 at the end of the file.
  Result<size_t> Refill() {
    if (used_ < filled_) return filled_ - used_;
    WEIR_ASSIGN_OR_RETURN(filled_, bytes_->Read(piece_.data(), piece_.size()));
    used_ = 0;
    return filled_;
  }
  const char* left() const { return piece_.data() + used_; }
  void Use(size_t n) { used_ += n; }

  Error Broken(const std::string& what) const {
    return Error::User(
               ErrorCode::kCorrupt,
               fmt::format("{}: {} at byte {} of the file ({} bytes decompressed)", bytes_->name(),
                           what, bytes_->position() - (filled_ - used_), delivered_))
        .Fix("copy the file again, or take it out of the source's path");
  }
  Error Truncated() const { return Broken("the compressed data ends early"); }

  uint64_t delivered_ = 0;

 private:
  std::unique_ptr<RangeStream> bytes_;
  std::vector<char> piece_;
  size_t filled_ = 0;
  size_t used_ = 0;
};

class GzipStream : public Decompressor {
 public:
  using Decompressor::Decompressor;
  ~GzipStream() override {
    if (open_) inflateEnd(&zlib_);
  }

  Result<size_t> Read(char* buffer, size_t n) override {
    while (true) {
      WEIR_ASSIGN_OR_RETURN(const size_t input, Refill());
      if (input == 0) {
        if (open_) return Truncated();
        return size_t{0};
      }
      if (!open_) {  // a member begins; some writers pad with zeros behind the last one
        if (members_ > 0 && *left() == 0) {
          Use(1);
          continue;
        }
        zlib_ = {};
        if (inflateInit2(&zlib_, 15 + 16) != Z_OK) return Broken("zlib has no memory");
        open_ = true;
      }
      zlib_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(left()));
      zlib_.avail_in = static_cast<uInt>(input);
      zlib_.next_out = reinterpret_cast<Bytef*>(buffer);
      zlib_.avail_out = static_cast<uInt>(std::min<size_t>(n, 1 << 30));
      const uInt room = zlib_.avail_out;
      const int code = inflate(&zlib_, Z_NO_FLUSH);
      Use(input - zlib_.avail_in);
      const size_t made = room - zlib_.avail_out;
      delivered_ += made;
      if (code == Z_STREAM_END) {
        inflateEnd(&zlib_);
        open_ = false;
        ++members_;
      } else if (code != Z_OK && code != Z_BUF_ERROR) {
        return Broken(fmt::format("the gzip data is broken ({})",
                                  zlib_.msg != nullptr ? zlib_.msg : "no gzip header"));
      }
      if (made > 0) return made;
    }
  }

 private:
  z_stream zlib_ = {};
  bool open_ = false;
  int64_t members_ = 0;
};

class ZstdStream : public Decompressor {
 public:
  explicit ZstdStream(std::unique_ptr<RangeStream> bytes)
      : Decompressor(std::move(bytes)), zstd_(ZSTD_createDStream(), &ZSTD_freeDStream) {}

  Result<size_t> Read(char* buffer, size_t n) override {
    while (true) {
      WEIR_ASSIGN_OR_RETURN(const size_t input, Refill());
      // Decompressed bytes may be left inside zstd although the file has no more: try once more.
      ZSTD_inBuffer in = {left(), input, 0};
      ZSTD_outBuffer out = {buffer, n, 0};
      if (input == 0 && !in_frame_) return size_t{0};
      const size_t code = ZSTD_decompressStream(zstd_.get(), &out, &in);
      if (ZSTD_isError(code)) {
        return Broken(fmt::format("the zstd data is broken ({})", ZSTD_getErrorName(code)));
      }
      Use(in.pos);
      in_frame_ = code != 0;
      delivered_ += out.pos;
      if (out.pos > 0) return out.pos;
      if (input == 0 && in_frame_) return Truncated();
    }
  }

 private:
  std::unique_ptr<ZSTD_DStream, size_t (*)(ZSTD_DStream*)> zstd_;
  bool in_frame_ = false;
};

}  // namespace

Compression CompressionOf(const std::string& path) {
  if (path.ends_with(".gz")) return Compression::kGzip;
  if (path.ends_with(".zst") || path.ends_with(".zstd")) return Compression::kZstd;
  return Compression::kNone;
}

Result<std::shared_ptr<FileBytes>> FileBytes::Open(columnar::Engine& engine,
                                                   const std::string& path,
                                                   const std::string& name) {
  auto opened = columnar::CatchDuckDB([&]() -> Result<std::shared_ptr<FileBytes>> {
    std::shared_ptr<FileBytes> file(new FileBytes(name, duckdb::FileSystem::IsRemoteFile(path)));
    auto handle = engine.files().OpenFile(path, duckdb::FileFlags::FILE_FLAGS_READ);
    file->handle_.reset(handle.release());
    file->size_ = file->handle_->GetFileSize();
    if (!file->remote_) {
      file->modified_us_ = engine.files().GetLastModifiedTime(*file->handle_).value;
    }
    return file;
  });
  if (!opened.ok()) return std::move(opened).error().While("opening " + name);
  return opened;
}

FileBytes::FileBytes(std::string name, bool remote) : name_(std::move(name)), remote_(remote) {}
FileBytes::~FileBytes() = default;

Status FileBytes::ReadAt(uint64_t offset, char* buffer, size_t n) {
  Status read = columnar::CatchDuckDB([&]() -> Status {
    if (remote_) {
      std::lock_guard lock(mutex_);
      handle_->Read(buffer, n, offset);
    } else {
      handle_->Read(buffer, n, offset);
    }
    return Status::Ok();
  });
  if (!read.ok()) {
    return std::move(read).error().While(
        fmt::format("reading {} bytes at byte {} of {}", n, offset, name_));
  }
  return read;
}

Result<std::unique_ptr<ByteReader>> OpenStream(std::shared_ptr<FileBytes> file,
                                               Compression compression, uint64_t from,
                                               uint64_t to) {
  auto bytes = std::make_unique<RangeStream>(std::move(file), from, to);
  std::unique_ptr<ByteReader> stream;
  switch (compression) {
    case Compression::kNone:
      stream = std::move(bytes);
      break;
    case Compression::kGzip:
      stream = std::make_unique<GzipStream>(std::move(bytes));
      break;
    case Compression::kZstd:
      stream = std::make_unique<ZstdStream>(std::move(bytes));
      break;
  }
  return stream;
}

}  // namespace weir::connect
