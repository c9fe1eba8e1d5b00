// EventLog's segments: going on in a new one, settling, removing, and what a crash left of these.
#include <algorithm>
#include <set>

#include "weir/log/checkpoint.h"
#include "weir/log/event_log.h"

namespace weir::log {
namespace {

// Addresses between two settled segments: more than the greatest.
constexpr Position kSettledStride = Position{1} << 36;

}  // namespace

const char* const EventLog::kSettledEvent = "!settled";

Result<Position> EventLog::Roll() {
  WEIR_ASSIGN_OR_RETURN(const Position segment, journal_->Roll());
  Rolled(segment);
  return segment;
}

Position EventLog::NewSettledSegment() {
  const Position segment = next_settled_;
  next_settled_ += kSettledStride;
  return segment;
}

Result<Position> EventLog::Settle(const SegmentIndexes::Index& index,
                                  const std::vector<MovedPart>& moved,
                                  const std::vector<CleanedPartition>& cleaned) {
  ByteWriter out;
  out.Varint(moved.size());
  for (const MovedPart& part : moved) {
    out.Varint(part.partition);
    out.Varint(part.segment);
    out.Signed(part.base_offset);
    part.part.Encode(out);
  }
  out.Varint(cleaned.size());
  for (const CleanedPartition& done : cleaned) {
    out.Varint(done.partition);
    out.Signed(done.cleaned.end_offset);
    out.Signed(done.cleaned.at_ms);
    out.Varint(done.cleaned.tombstones);
    out.Signed(done.swept_ms);
  }
  WEIR_ASSIGN_OR_RETURN(const Position end, Commit({}, {{kSettledEvent, out.Take()}}, nullptr));
  if (index) indexes_.Adopt(index);
  return end;
}

void EventLog::ApplySettled(std::string_view moved) {
  ByteReader in(moved);
  for (uint64_t left = in.Count(10); left > 0 && in.ok(); --left) {
    MovedPart part;
    part.partition = static_cast<uint32_t>(in.Varint());
    part.segment = in.Varint();
    part.base_offset = in.Signed();
    part.part.Decode(in);
    if (!in.ok()) return;
    PartitionLog* partition = FindPartition(part.partition);
    if (partition != nullptr) partition->ReplacePart(part.segment, part.base_offset, part.part);
  }
  for (uint64_t left = in.Count(5); left > 0 && in.ok(); --left) {
    CleanedPartition done;
    done.partition = static_cast<uint32_t>(in.Varint());
    done.cleaned.end_offset = in.Signed();
    done.cleaned.at_ms = in.Signed();
    done.cleaned.tombstones = in.Varint();
    done.swept_ms = in.Signed();
    if (!in.ok()) return;
    PartitionLog* partition = FindPartition(done.partition);
    if (partition != nullptr) partition->SetCleaned(done.cleaned, done.swept_ms);
  }
}

void EventLog::InBackground(std::function<void()> task) const {
  if (options_.background) {
    options_.background(std::move(task));
  } else {
    task();
  }
}

void EventLog::RemoveSegment(Position first) {
  indexes_.Forget(first);
  InBackground([this, first] {
    // The index first: whoever finds a segment without one makes it again.
    (void)env_.RemoveFile(indexes_.PathOf(first));
    (void)journal_->RemoveSegment(first);
  });
}

void EventLog::CheckpointsChanged() {
  const auto positions = ListCheckpoints(env_, options_.journal.folder);
  // With only one, damage to it would need the segments before it.
  if (positions.ok() && positions->size() >= kCheckpointsKept)
    unneeded_before_ = positions->front();
}

Status EventLog::SweepFolder() {
  const std::string& folder = options_.journal.folder;
  const auto entries = env_.ListDir(folder);
  if (!entries.ok()) return Status::Ok();  // not made yet; whatever else shows at once
  std::set<std::string> names;
  for (const FileInfo& entry : *entries) names.insert(entry.path);
  for (const std::string& name : names) {
    const size_t dot = name.rfind('.');
    if (dot == std::string::npos) continue;
    const std::string suffix = name.substr(dot);
    const bool half_written = dot > 0 && name[0] == '.' && suffix == ".tmp";
    const bool orphan = suffix == ".index" && names.count(name.substr(0, dot) + ".log") == 0;
    if (half_written || orphan) WEIR_RETURN_IF_ERROR(env_.RemoveFile(JoinPath(folder, name)));
  }
  return Status::Ok();
}

void EventLog::SweepSettled() {
  std::set<Position> used;
  for (const auto& [number, partition] : partitions_) {
    for (const SegmentPart& part : partition->parts()) {
      if (IsSettled(part.segment)) used.insert(part.segment);
    }
  }
  for (const Position first : journal_->files().SettledFirsts()) {
    next_settled_ = std::max(next_settled_, first + kSettledStride);
    if (used.count(first) == 0) RemoveSegment(first);
  }
}

}  // namespace weir::log
