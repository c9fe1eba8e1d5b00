#include "weir/log/journal.h"

#include <algorithm>

#include "weir/log/journal_scan.h"

namespace weir::log {
namespace {

// Reads the journal from a position on and decides where it ends.
class Recovering {
 public:
  Recovering(Env& env, SegmentFiles& files, const Journal::Replay& replay, JournalRecovery& out)
      : env_(env), files_(files), replay_(replay), out_(out) {}

  Status Run(Position from) {
    firsts_ = files_.Firsts();
    if (from == 0 && !firsts_.empty() && firsts_.front() > 0) {
      return Error::Operator(ErrorCode::kCorrupt,
                             "the journal begins at position " + std::to_string(firsts_.front()) +
                                 ", and there is no whole checkpoint of what was before it")
          .At(files_.PathOf(firsts_.front()))
          .Fix("put the missing checkpoint or segment files back");
    }
    if (firsts_.empty() || from > 0) {
      const bool inside = !firsts_.empty() && firsts_.front() <= from;
      if (from > 0 && !inside) {
        return Error::Operator(ErrorCode::kCorrupt, "the journal begins after position " +
                                                        std::to_string(from) +
                                                        ", which the checkpoint needs")
            .At(firsts_.empty() ? files_.PathOf(0) : files_.PathOf(firsts_.front()))
            .Fix("put the missing segment files back");
      }
    }
    if (firsts_.empty()) {
      WEIR_RETURN_IF_ERROR(files_.Create(0));
      out_.end = kSegmentHeaderBytes;
      return Status::Ok();
    }
    out_.begin = firsts_.front();
    for (size_t i = 0; i < firsts_.size() && !ended_; ++i) {
      is_last_ = i + 1 == firsts_.size();
      if (!is_last_ && firsts_[i + 1] <= from) continue;
      WEIR_RETURN_IF_ERROR(ReadSegment(firsts_[i], is_last_ ? 0 : firsts_[i + 1], from));
    }
    return CutTail(from);
  }

 private:
  Status ReadSegment(Position first, Position next, Position from) {
    segment_ = first;
    WEIR_ASSIGN_OR_RETURN(const std::shared_ptr<File> file, files_.Open(first));
    WEIR_ASSIGN_OR_RETURN(const uint64_t size, file->Size());
    file_end_ = first + size;
    if (!is_last_ && file_end_ > next) file_end_ = next;
    const Position begin = std::max(from, first + kSegmentHeaderBytes);
    end_ = std::min(begin, std::max(file_end_, first));
    if (begin < file_end_) {
      SegmentScan scan(files_, begin, file_end_);
      while (!ended_) {
        WEIR_ASSIGN_OR_RETURN(auto found, scan.Next());
        if (!found) {
          WEIR_RETURN_IF_ERROR(Skipped(scan.skipped(), file_end_));
          break;
        }
        if (found->skipped_from < found->frame.position) {
          next_claim_ = found->frame.durable;
          WEIR_RETURN_IF_ERROR(Skipped(found->skipped_from, found->frame.position));
          if (ended_) break;
        }
        WEIR_RETURN_IF_ERROR(Take(found->frame));
      }
    }
    if (!is_last_ && file_end_ < next) WEIR_RETURN_IF_ERROR(Skipped(file_end_, next));
    return Status::Ok();
  }

  // There is no frame between the two. Promised bytes are reported, others end the journal.
  Status Skipped(Position begin, Position end) {
    if (begin == end) return Status::Ok();
    bool promised = !is_last_ || next_claim_ > begin;
    if (!promised && end < file_end_) {
      WEIR_ASSIGN_OR_RETURN(const Position claim, NewestClaim(end));
      promised = claim > begin;
    }
    next_claim_ = 0;
    if (!promised) {
      ended_ = true;
      return Status::Ok();
    }
    out_.damage.push_back(
        {begin, end,
         files_.PathOf(*std::prev(std::upper_bound(firsts_.begin(), firsts_.end(), begin)))});
    // What is left of a group that was promised.
    return Deliver();
  }

  // What frames of the last segment from a position on say to be durable.
  Result<Position> NewestClaim(Position from) {
    SegmentScan scan(files_, from, file_end_);
    Position newest = 0;
    while (true) {
      WEIR_ASSIGN_OR_RETURN(auto found, scan.Next());
      if (!found) return newest;
      newest = std::max(newest, found->frame.durable);
    }
  }

  Status Take(const Frame& frame) {
    claim_ = std::max(claim_, frame.durable);
    if (frame.ends_group && group_.empty()) {
      end_ = frame.end();
      return frame.kind == FrameKind::kMark ? Status::Ok() : replay_(frame, segment_);
    }
    group_.push_back(frame);
    bodies_.emplace_back(frame.body);
    if (!frame.ends_group) return Status::Ok();
    return Deliver();
  }

  Status Deliver() {
    for (size_t i = 0; i < group_.size(); ++i) {
      group_[i].body = bodies_[i];
      group_[i].ends_group = i + 1 == group_.size();
      end_ = group_[i].end();
      WEIR_RETURN_IF_ERROR(replay_(group_[i], segment_));
    }
    group_.clear();
    bodies_.clear();
    return Status::Ok();
  }

  // What is behind the last whole group was never promised.
  Status CutTail(Position from) {
    const Position last = firsts_.back();
    WEIR_ASSIGN_OR_RETURN(std::shared_ptr<File> file, files_.Open(last));
    char header[kSegmentHeaderBytes];
    WEIR_ASSIGN_OR_RETURN(const size_t read, file->ReadAt(0, header, sizeof(header)));
    Position first = 0;
    const bool headed = ReadSegmentHeader({header, read}, &first) && first == last;
    if (end_ < last + kSegmentHeaderBytes) end_ = last + kSegmentHeaderBytes;
    if (!headed) {
      WriteSegmentHeader(last, header);
      WEIR_RETURN_IF_ERROR(file->WriteAt(0, header, sizeof(header)));
    }
    if (end_ < from) {
      return Error::Operator(ErrorCode::kCorrupt, "the journal ends at " + std::to_string(end_) +
                                                      ", before position " + std::to_string(from) +
                                                      ", which the checkpoint says to be durable")
          .At(file->path())
          .Fix("put the file back as it was; the checkpoint stands beside it");
    }
    if (file_end_ > end_) {
      out_.torn_bytes = file_end_ - end_;
      WEIR_RETURN_IF_ERROR(file->Truncate(end_ - last));
    }
    WEIR_RETURN_IF_ERROR(WriteAgain(*file, last));
    // A process that was killed left bytes in the page cache that were never synced.
    WEIR_RETURN_IF_ERROR(file->Sync());
    WEIR_RETURN_IF_ERROR(env_.SyncDir(ParentPath(file->path())));
    out_.end = end_;
    return Status::Ok();
  }

  // What no frame says to be durable may be there only for readers: if the process before saw a
  // sync fail, the kernel keeps such bytes and never writes them.
  Status WriteAgain(File& file, Position first) {
    Position at = std::max(claim_, first);
    if (at <= first + kSegmentHeaderBytes) at = first;
    std::string bytes;
    while (at < end_) {
      bytes.resize(std::min<uint64_t>(end_ - at, kWriteAgainBytes));
      WEIR_ASSIGN_OR_RETURN(const size_t read, file.ReadAt(at - first, bytes.data(), bytes.size()));
      if (read == 0) break;
      WEIR_RETURN_IF_ERROR(file.WriteAt(at - first, bytes.data(), read));
      at += read;
    }
    return Status::Ok();
  }

  static constexpr uint64_t kWriteAgainBytes = 1 << 20;

  Env& env_;
  SegmentFiles& files_;
  const Journal::Replay& replay_;
  JournalRecovery& out_;
  std::vector<Position> firsts_;
  Position segment_ = 0;
  bool is_last_ = false;
  bool ended_ = false;
  Position file_end_ = 0;    // of the segment that is read
  Position claim_ = 0;       // the newest of any frame that was read
  Position next_claim_ = 0;  // of the frame behind what was skipped
  Position end_ = 0;         // behind the last whole group
  std::vector<Frame> group_;
  std::vector<std::string> bodies_;
};

}  // namespace

Journal::Journal(Env& env, MetricRegistry& metrics, const JournalOptions& options)
    : env_(env),
      options_(options),
      files_(env, options.folder),
      flush_seconds_(metrics.GetHistogram("weir_log_flush_seconds",
                                          "Time to write and sync what had gathered.",
                                          ExponentialBounds(50e-6, 2, 16))),
      flush_bytes_(metrics.GetHistogram("weir_log_flush_bytes", "Bytes of one flush.",
                                        ExponentialBounds(256, 4, 12))),
      waiting_bytes_(
          metrics.GetGauge("weir_log_waiting_bytes", "Appended bytes that are not durable yet.")) {}

Result<std::unique_ptr<Journal>> Journal::Open(Env& env, MetricRegistry& metrics,
                                               const JournalOptions& options, Position from,
                                               const Replay& replay, JournalRecovery* recovery) {
  std::unique_ptr<Journal> journal(new Journal(env, metrics, options));
  WEIR_RETURN_IF_ERROR(env.CreateDirsSynced(options.folder));
  WEIR_RETURN_IF_ERROR(journal->files_.List());
  WEIR_RETURN_IF_ERROR(Recovering(env, journal->files_, replay, *recovery).Run(from));
  journal->segment_first_ = journal->files_.Firsts().back();
  journal->end_ = journal->durable_ = recovery->end;
  if (recovery->damage.empty()) return journal;
  // What lies behind the damage is kept because a frame says that it was promised, and that frame
  // may have been cut off with the torn end. Without it the next start would take the damage for
  // one.
  {
    const std::lock_guard lock(journal->mutex_);
    journal->QueueMarkLocked();
  }
  const Status marked = journal->Flush();
  if (!marked.ok() && marked.error().code() != ErrorCode::kNoSpace) return marked.error();
  return journal;
}

Journal::~Journal() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    wake_.notify_all();
  }
  thread_.reset();
  (void)Flush();
}

Status Journal::CheckRoomLocked(size_t bytes) const {
  if (failure_) {
    return Error(*failure_).While(
        "the journal takes no more records since it could not be written");
  }
  const uint64_t waiting = pending_.size() + writing_bytes_;
  if (waiting > 0 && waiting + bytes > options_.buffer_bytes) {
    return Error::Retry(ErrorCode::kLimit,
                        std::to_string(waiting) + " bytes wait to be written; more than " +
                            std::to_string(options_.buffer_bytes) + " are not taken");
  }
  return Status::Ok();
}

Result<Journal::Appended> Journal::Append(std::span<const NewFrame> group,
                                          std::vector<Position>* positions) {
  size_t bytes = 0;
  for (const NewFrame& frame : group) {
    const size_t body = frame.head.size() + frame.body.size();
    if (body > kFrameBodyMax) {
      return Error::User(ErrorCode::kLimit, "a frame of " + std::to_string(body) + " bytes");
    }
    bytes += kFrameHeaderBytes + body;
  }
  if (positions != nullptr) positions->clear();
  const std::lock_guard lock(mutex_);
  WEIR_RETURN_IF_ERROR(CheckRoomLocked(bytes));
  const uint64_t in_segment = end_ - segment_first_;
  if (in_segment > kSegmentHeaderBytes && in_segment + bytes > options_.segment_bytes) RollLocked();
  const bool was_idle = pending_.empty();
  for (size_t i = 0; i < group.size(); ++i) {
    if (positions != nullptr) positions->push_back(end_);
    QueueLocked(group[i], i + 1 == group.size());
  }
  waiting_bytes_.Set(static_cast<double>(pending_.size() + writing_bytes_));
  if (was_idle) wake_.notify_one();
  return Appended{segment_first_, end_};
}

void Journal::QueueLocked(const NewFrame& frame, bool ends_group) {
  const size_t at = pending_.size();
  const size_t body_bytes = frame.head.size() + frame.body.size();
  // Grows by doubling, so that many small frames are not many allocations.
  pending_.append(kFrameHeaderBytes, '\0');
  pending_.append(frame.head);
  pending_.append(frame.body);
  Frame written;
  written.kind = frame.kind;
  written.ends_group = ends_group;
  written.stream = frame.stream;
  written.position = end_;
  // What was handed to the operating system only is not promised to outlive it.
  written.durable = options_.sync ? durable_ : segment_first_;
  written.body = std::string_view(pending_).substr(at + kFrameHeaderBytes, body_bytes);
  WriteFrameHeader(written, pending_.data() + at);
  marked_ = written.durable;
  end_ += kFrameHeaderBytes + body_bytes;
}

void Journal::QueueMarkLocked() {
  NewFrame mark;
  mark.kind = FrameKind::kMark;
  QueueLocked(mark, true);
  // The mark itself needs no further mark.
  marked_ = end_;
}

void Journal::RollLocked() {
  rolls_.push_back(end_);
  segment_first_ = end_;
  const size_t at = pending_.size();
  pending_.append(kSegmentHeaderBytes, '\0');
  WriteSegmentHeader(end_, pending_.data() + at);
  end_ += kSegmentHeaderBytes;
}

Result<Position> Journal::Roll() {
  const std::lock_guard lock(mutex_);
  WEIR_RETURN_IF_ERROR(CheckRoomLocked(kSegmentHeaderBytes));
  const bool was_idle = pending_.empty();
  RollLocked();
  waiting_bytes_.Set(static_cast<double>(pending_.size() + writing_bytes_));
  if (was_idle) wake_.notify_one();
  return segment_first_;
}

Status Journal::Flush() {
  const std::lock_guard flushing(flush_mutex_);
  {
    const std::lock_guard lock(mutex_);
    if (failure_) return Error(*failure_);
    if (writing_.empty()) {
      if (pending_.empty()) return Status::Ok();
      writing_.swap(pending_);
      writing_rolls_.swap(rolls_);
      writing_first_ = end_ - writing_.size();
      writing_bytes_ = writing_.size();
    }
  }
  const int64_t begin = env_.MonotonicNanos();
  const Status status = WriteAndSync();
  flush_seconds_.Observe(static_cast<double>(env_.MonotonicNanos() - begin) * 1e-9);
  flush_bytes_.Observe(static_cast<double>(writing_.size()));
  Position durable = 0;
  {
    const std::lock_guard lock(mutex_);
    if (!status.ok()) {
      if (status.error().code() != ErrorCode::kNoSpace) failure_ = status.error();
      return status;
    }
    durable = durable_ = writing_first_ + writing_.size();
    writing_bytes_ = 0;
    waiting_bytes_.Set(static_cast<double>(pending_.size()));
  }
  writing_.clear();
  writing_rolls_.clear();
  if (on_durable_) on_durable_(durable);
  return Status::Ok();
}

Status Journal::WriteAndSync() {
  Position at = writing_first_;
  const Position end = writing_first_ + writing_.size();
  const std::vector<Position> firsts = files_.Firsts();
  Position first = *std::prev(std::upper_bound(firsts.begin(), firsts.end(), at));
  WEIR_ASSIGN_OR_RETURN(std::shared_ptr<File> file, files_.Open(first));
  size_t roll = 0;
  while (true) {
    const Position to = roll < writing_rolls_.size() ? writing_rolls_[roll] : end;
    if (at < to) {
      WEIR_RETURN_IF_ERROR(
          file->WriteAt(at - first, writing_.data() + (at - writing_first_), to - at));
    }
    // A segment is made only when all before it is on disk: recovery relies on it.
    if (options_.sync || roll < writing_rolls_.size()) WEIR_RETURN_IF_ERROR(file->Sync());
    if (to > first) files_.Grown(first, to - first);
    if (roll == writing_rolls_.size()) return Status::Ok();
    first = at = writing_rolls_[roll++];
    // Tried again on a full disk: what is there is written over, never emptied, for a later segment
    // may be there already, which says that this one is whole.
    if (files_.BytesOf(first) > 0) {
      WEIR_ASSIGN_OR_RETURN(file, files_.Open(first));
    } else {
      WEIR_ASSIGN_OR_RETURN(file, files_.Create(first));
    }
  }
}

void Journal::StartFlushing(std::function<void(Position durable)> on_durable,
                            std::function<void(const Error& failure)> on_failure) {
  on_durable_ = std::move(on_durable);
  thread_ = env_.StartThread("log-flush", [this, on_failure = std::move(on_failure)] {
    FlushForever();
    if (const auto failure = this->failure()) on_failure(*failure);
  });
}

void Journal::FlushForever() {
  while (true) {
    {
      std::unique_lock lock(mutex_);
      const auto ready = [this] { return stop_ || !pending_.empty() || writing_bytes_ > 0; };
      if (!wake_.wait_for(lock, std::chrono::microseconds(kIdleMarkUs), ready)) {
        // Idle: what is durable is said on disk too, once.
        if (!options_.sync || marked_ == durable_ || failure_) {
          wake_.wait(lock, ready);
        } else {
          QueueMarkLocked();
        }
      }
      if (stop_) return;
    }
    const Status status = Flush();
    if (status.ok()) continue;
    std::unique_lock lock(mutex_);
    if (failure_) return;
    wake_.wait_for(lock, std::chrono::microseconds(kNoSpaceWaitUs), [this] { return stop_; });
    if (stop_) return;
  }
}

Status Journal::ScanSegment(Position first, const std::function<void(const Frame&)>& f) {
  WEIR_ASSIGN_OR_RETURN(const std::shared_ptr<File> file, files_.Open(first));
  WEIR_ASSIGN_OR_RETURN(const uint64_t size, file->Size());
  SegmentScan scan(files_, first + kSegmentHeaderBytes,
                   IsSettled(first) ? first + size : std::min(first + size, durable()));
  while (true) {
    WEIR_ASSIGN_OR_RETURN(const auto found, scan.Next());
    if (!found) return Status::Ok();
    f(found->frame);
  }
}

Status Journal::RemoveSegment(Position first) {
  {
    const std::lock_guard lock(mutex_);
    if (!IsSettled(first) && first >= segment_first_)
      return Error::Bug("the open segment can't be removed");
  }
  return files_.Remove(first);
}

Position Journal::end() const {
  const std::lock_guard lock(mutex_);
  return end_;
}

Position Journal::durable() const {
  const std::lock_guard lock(mutex_);
  return durable_;
}

Position Journal::begin() const { return files_.Firsts().front(); }

std::optional<Error> Journal::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

}  // namespace weir::log
