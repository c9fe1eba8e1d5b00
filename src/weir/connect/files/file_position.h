// How far the files of a source have been read: the position that a flow commits with its rows, and
// what a file is compared with when the source is planned again.
//
// The position is JSON (docs/sources.md, "Position"):
//   {"version":1,"files":[{"path":"data/a.csv","read":123,"raw":123,"head":"<16 hex>",
//                          "tail":"<16 hex>","records":10,"open":false}]}
// `read` counts bytes of the file, `raw` bytes after decompression; `head` and `tail` are XXH3 of
// the first and the last 4 KiB of the bytes read; `open`: the last record had no line end.
//
// Thread rule: values and free functions.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "weir/base/result.h"
#include "weir/connect/files/file_bytes.h"

namespace weir::connect {

struct FileProgress {
  uint64_t read = 0;
  uint64_t raw = 0;
  uint64_t head = 0;
  uint64_t tail = 0;
  uint64_t records = 0;
  bool open_end = false;

  bool operator==(const FileProgress&) const = default;
};

using SourcePosition = std::map<std::string, FileProgress>;  // by the file's name

// Empty text is the empty position. kCorrupt if it is none of ours.
Result<SourcePosition> ParsePosition(const std::string& text);
std::string WritePosition(const SourcePosition& position);

// XXH3 of the first and the last 4 KiB of bytes [0, read).
Result<uint64_t> HashHead(FileBytes& file, uint64_t read);
Result<uint64_t> HashTail(FileBytes& file, uint64_t read);

enum class FileState {
  kUnchanged,
  kGrown,      // what was read is still there, and more behind it
  kRewritten,  // shorter, or what was read is not there any more
};
Result<FileState> CompareFile(FileBytes& file, const FileProgress& progress);

}  // namespace weir::connect
