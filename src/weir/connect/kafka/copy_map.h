// CopyMap: which offset of a copied partition is which offset of its copy. Runs of records that lie
// side by side in both; gaps of the source (compaction, aborted transactions) and of the copy
// (markers of transactions) lie between runs.
//
// A copy keeps its runs where it writes: in the compacted topic __weir_copies of the target, in the
// same transaction as the records. A record there:
//
//   key    <cluster of the source>/<topic>/<partition>/<first offset of the source, 20 digits>
//   value  {"cluster":"…","topic":"orders","partition":0,"runs":[[first,copied to,count],…],
//           "seen":1200}    all records below this offset of the source are in the copy
//
// A note without runs has "seen" instead of the offset in its key.
//
// Thread rule: values and free functions.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/base/result.h"

namespace weir::connect {

inline constexpr const char* kCopiesTopic = "__weir_copies";

struct CopyRun {
  int64_t first = 0;  // offset in the source
  int64_t to = 0;     // where that record is in the copy
  int64_t count = 0;
  bool operator==(const CopyRun&) const = default;
};

class CopyMap {
 public:
  // The next record that was copied. kCorrupt: offsets that are not above those before.
  Status Add(int64_t offset, int64_t to);
  Status Add(const CopyRun& run);
  // All of `later`, which begins above the end of this one.
  Status Append(const CopyMap& later);

  const std::vector<CopyRun>& runs() const { return runs_; }
  bool empty() const { return runs_.empty(); }
  // All records of the source below it are in the copy: next(), or more if no records lay there.
  int64_t seen() const { return std::max(seen_, next()); }
  void SetSeen(int64_t offset) { seen_ = std::max(seen_, offset); }
  // The first offset of the source that is not copied: above the last record that is.
  int64_t next() const { return runs_.empty() ? 0 : runs_.back().first + runs_.back().count; }
  int64_t copied_end() const { return runs_.empty() ? 0 : runs_.back().to + runs_.back().count; }
  int64_t records() const;

  // Where a reader that would read `offset` next in the source goes on in the copy. An offset in a
  // gap means the next record; one at or above next() the end of the copy.
  int64_t Translate(int64_t offset) const;

 private:
  std::vector<CopyRun> runs_;  // ascending in both
  int64_t seen_ = 0;
};

// One partition of one source.
struct CopySource {
  std::string cluster;
  std::string topic;
  int32_t partition = 0;
  auto operator<=>(const CopySource&) const = default;
};

struct CopyNote {
  std::string key;
  std::string value;
};

// The records of __weir_copies for this map; several if there are many runs.
std::vector<CopyNote> WriteCopyNotes(const CopySource& source, const CopyMap& map);
// kCorrupt: not written by WriteCopyNotes.
Result<std::pair<CopySource, CopyMap>> ParseCopyNote(std::string_view value);

}  // namespace weir::connect
