// SegmentFiles: the files of a journal's folder, one a segment, named by their first position
// ("00000000000268435456.log"), and reading from them by position.
//
// Limits: at most kOpenFilesMax files are open for reading; the one read longest ago is closed.
// Thread rule: thread-safe.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "weir/base/env.h"
#include "weir/base/result.h"
#include "weir/log/frame.h"

namespace weir::log {

class SegmentFiles {
 public:
  static constexpr size_t kOpenFilesMax = 128;

  SegmentFiles(Env& env, std::string folder) : env_(env), folder_(std::move(folder)) {}

  // Finds the segments that are there.
  Status List();

  std::vector<Position> Firsts() const;         // of the journal's, ascending
  std::vector<Position> SettledFirsts() const;  // of settled ones, ascending
  std::string PathOf(Position first) const;

  // A new, empty segment: file, header and name are durable on return.
  Result<std::shared_ptr<File>> Create(Position first);
  Result<std::shared_ptr<File>> Open(Position first);
  // Forgets and deletes. Readers that hold the file finish.
  Status Remove(Position first);

  // n bytes at this position; kCorrupt if the segment has fewer, kNotFound if it was removed.
  Status Read(Position position, char* buffer, size_t n);
  // Bytes of all files, as far as known from List, Create and Grown.
  uint64_t bytes() const;
  uint64_t BytesOf(Position first) const;  // 0 if there is none
  void Grown(Position first, uint64_t file_bytes);

 private:
  struct Segment {
    std::shared_ptr<File> file;  // null: not open
    uint64_t bytes = 0;
    std::list<Position>::iterator use;  // in uses_, while open
  };
  Result<std::shared_ptr<File>> OpenLocked(Position first, Segment& segment);
  void UseLocked(Position first, Segment& segment, bool was_open);

  Env& env_;
  const std::string folder_;
  mutable std::mutex mutex_;
  std::map<Position, Segment> segments_;  // guarded by mutex_
  std::list<Position> uses_;              // open ones, last used first; guarded by mutex_
};

}  // namespace weir::log
