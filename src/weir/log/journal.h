// Journal: the broker's only file of bytes (docs/design/log-storage.md). Groups of frames are
// appended by many, written and synced together by one (group commit), read back by position.
//
//   WEIR_ASSIGN_OR_RETURN(auto journal, Journal::Open(env, options, from, replay, &recovery));
//   journal->StartFlushing(on_durable, on_failure);
//   WEIR_ASSIGN_OR_RETURN(const auto appended, journal->Append(group, &positions));
//   ... durable as soon as journal->durable() >= appended.end
//
// A group stands in one segment and counts all or not at all after a crash.
//
// Errors: kLimit (retry): more than buffer_bytes wait to be written. kIo and everything after it
// (operator): writing or syncing failed; the journal takes no more appends, what is durable can
// still be read. A full disk (kNoSpace) is not such a failure: what waits is written when there is
// room again.
// Thread rule: thread-safe, Open aside. on_durable is called by the flushing thread, without locks.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "weir/base/env.h"
#include "weir/base/metrics.h"
#include "weir/base/result.h"
#include "weir/log/frame.h"
#include "weir/log/segment_files.h"

namespace weir::log {

struct JournalOptions {
  std::string folder;
  uint64_t segment_bytes = 256 << 20;
  uint64_t buffer_bytes = 64 << 20;  // waiting to be written; at most 1 GiB
  bool sync = true;                  // false: durable means handed to the operating system
};

// A frame to be appended: the body is `head` and then `body`.
struct NewFrame {
  FrameKind kind = FrameKind::kBatch;
  uint32_t stream = 0;
  std::string_view head;
  std::string_view body;
};

// Bytes in which no frame could be found.
struct JournalDamage {
  Position begin = 0;
  Position end = 0;
  std::string file;
};

struct JournalRecovery {
  Position begin = 0;                 // the first position that is kept
  Position end = 0;                   // appending goes on here
  std::vector<JournalDamage> damage;  // promised, and lost: jumped over
  uint64_t torn_bytes = 0;            // after the last good group, never promised: cut off
};

class Journal {
 public:
  // Called with every frame of a group, the last with ends_group; complete groups only, in order.
  // `segment`: the first position of the segment that holds it.
  using Replay = std::function<Status(const Frame&, Position segment)>;

  struct Appended {
    Position segment = 0;  // that the group went to
    Position end = 0;      // behind its last frame
  };

  // Frames from position `from` on are replayed; 0 or what was returned by end(). Makes the folder.
  static Result<std::unique_ptr<Journal>> Open(Env& env, MetricRegistry& metrics,
                                               const JournalOptions& options, Position from,
                                               const Replay& replay, JournalRecovery* recovery);
  ~Journal();  // flushes what waits if it still can

  // Queues the frames as one group. `positions` (if not null) gets the position of each.
  Result<Appended> Append(std::span<const NewFrame> group, std::vector<Position>* positions);

  // What is appended from now on goes to a new segment, whose first position is returned.
  Result<Position> Roll();

  // Writes and syncs what waits. Called by the flushing thread, and by tests instead of one.
  Status Flush();
  // `on_failure` is told once, on the flushing thread, that nothing more becomes durable.
  void StartFlushing(std::function<void(Position durable)> on_durable,
                     std::function<void(const Error& failure)> on_failure);

  Position end() const;      // of what was appended
  Position durable() const;  // everything before is on disk
  Position begin() const;    // of the first segment
  std::optional<Error> failure() const;

  // The bytes at a durable position.
  Status Read(Position position, char* buffer, size_t n) {
    return files_.Read(position, buffer, n);
  }

  // First positions of the segments, ascending; the last one is being written.
  std::vector<Position> Segments() const { return files_.Firsts(); }
  // The frames of a segment as far as it is durable, what is none jumped over.
  Status ScanSegment(Position first, const std::function<void(const Frame&)>& f);
  // Deletes a segment; not the last.
  Status RemoveSegment(Position first);
  uint64_t bytes() const { return files_.bytes(); }
  // Settled segments lie in the same folder; whoever writes one does so here.
  SegmentFiles& files() { return files_; }

 private:
  Journal(Env& env, MetricRegistry& metrics, const JournalOptions& options);

  Status CheckRoomLocked(size_t bytes) const;
  void QueueLocked(const NewFrame& frame, bool ends_group);
  void QueueMarkLocked();  // a frame that only says what is durable
  void RollLocked();
  // Brings writing_ to disk. May be tried again after an error: it writes the same bytes again.
  Status WriteAndSync();
  void FlushForever();

  static constexpr int64_t kIdleMarkUs = 20'000;
  static constexpr int64_t kNoSpaceWaitUs = 100'000;

  Env& env_;
  const JournalOptions options_;
  SegmentFiles files_;

  std::mutex flush_mutex_;               // held by who writes; taken before mutex_
  std::string writing_;                  // guarded by flush_mutex_
  Position writing_first_ = 0;           // guarded by flush_mutex_
  std::vector<Position> writing_rolls_;  // guarded by flush_mutex_

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::string pending_;          // guarded by mutex_, as all below
  std::vector<Position> rolls_;  // where in pending_ new segments begin
  Position segment_first_ = 0;   // of the segment that is appended to
  Position end_ = 0;
  Position durable_ = 0;
  Position marked_ = 0;  // the newest claim in a frame
  uint64_t writing_bytes_ = 0;
  std::optional<Error> failure_;
  bool stop_ = false;
  std::function<void(Position)> on_durable_;
  std::unique_ptr<Thread> thread_;

  Histogram& flush_seconds_;
  Histogram& flush_bytes_;
  Gauge& waiting_bytes_;
};

}  // namespace weir::log
