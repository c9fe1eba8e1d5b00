#include "weir/log/segment_files.h"

#include <algorithm>
#include <charconv>

namespace weir::log {
namespace {

constexpr const char* kSuffix = ".log";
constexpr size_t kDigits = 20;

// The first position in a segment's file name.
bool ParseName(const std::string& name, Position* first) {
  if (name.size() != kDigits + 4 || name.compare(kDigits, 4, kSuffix) != 0) return false;
  const auto [end, error] = std::from_chars(name.data(), name.data() + kDigits, *first);
  return error == std::errc() && end == name.data() + kDigits;
}

}  // namespace

std::string SegmentFiles::PathOf(Position first) const {
  std::string digits = std::to_string(first);
  digits.insert(0, kDigits - std::min(kDigits, digits.size()), '0');
  return JoinPath(folder_, digits + kSuffix);
}

Status SegmentFiles::List() {
  WEIR_ASSIGN_OR_RETURN(const auto entries, env_.ListDir(folder_));
  const std::lock_guard lock(mutex_);
  segments_.clear();
  uses_.clear();
  for (const FileInfo& entry : entries) {
    Position first = 0;
    if (entry.is_directory || !ParseName(entry.path, &first)) continue;
    segments_[first].bytes = entry.size;
  }
  return Status::Ok();
}

std::vector<Position> SegmentFiles::Firsts() const {
  const std::lock_guard lock(mutex_);
  std::vector<Position> firsts;
  firsts.reserve(segments_.size());
  for (const auto& [first, segment] : segments_) {
    if (!IsSettled(first)) firsts.push_back(first);
  }
  return firsts;
}

std::vector<Position> SegmentFiles::SettledFirsts() const {
  const std::lock_guard lock(mutex_);
  std::vector<Position> firsts;
  for (auto at = segments_.lower_bound(kSettledBit); at != segments_.end(); ++at) {
    firsts.push_back(at->first);
  }
  return firsts;
}

Result<std::shared_ptr<File>> SegmentFiles::Create(Position first) {
  const std::string path = PathOf(first);
  WEIR_ASSIGN_OR_RETURN(std::shared_ptr<File> file, env_.OpenFile(path, OpenMode::kTruncate));
  char header[kSegmentHeaderBytes];
  WriteSegmentHeader(first, header);
  WEIR_RETURN_IF_ERROR(file->WriteAt(0, header, sizeof(header)));
  WEIR_RETURN_IF_ERROR(file->Sync());
  WEIR_RETURN_IF_ERROR(env_.SyncDir(folder_));
  const std::lock_guard lock(mutex_);
  Segment& segment = segments_[first];
  const bool was_open = segment.file != nullptr;
  segment.file = file;
  segment.bytes = kSegmentHeaderBytes;
  UseLocked(first, segment, was_open);
  return file;
}

Result<std::shared_ptr<File>> SegmentFiles::Open(Position first) {
  const std::lock_guard lock(mutex_);
  const auto found = segments_.find(first);
  if (found == segments_.end()) {
    return Error::Operator(ErrorCode::kNotFound, "segment is gone").At(PathOf(first));
  }
  return OpenLocked(first, found->second);
}

Result<std::shared_ptr<File>> SegmentFiles::OpenLocked(Position first, Segment& segment) {
  const bool was_open = segment.file != nullptr;
  if (!was_open) {
    WEIR_ASSIGN_OR_RETURN(segment.file, env_.OpenFile(PathOf(first), OpenMode::kReadWrite));
  }
  std::shared_ptr<File> file = segment.file;
  UseLocked(first, segment, was_open);
  return file;
}

void SegmentFiles::UseLocked(Position first, Segment& segment, bool was_open) {
  if (was_open) uses_.erase(segment.use);
  uses_.push_front(first);
  segment.use = uses_.begin();
  while (uses_.size() > kOpenFilesMax) {
    segments_.at(uses_.back()).file.reset();
    uses_.pop_back();
  }
}

Status SegmentFiles::Remove(Position first) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = segments_.find(first);
    if (found == segments_.end()) return Status::Ok();
    if (found->second.file) uses_.erase(found->second.use);
    segments_.erase(found);
  }
  WEIR_RETURN_IF_ERROR(env_.RemoveFile(PathOf(first)));
  return env_.SyncDir(folder_);
}

Status SegmentFiles::Read(Position position, char* buffer, size_t n) {
  std::shared_ptr<File> file;
  Position first = 0;
  {
    const std::lock_guard lock(mutex_);
    auto above = segments_.upper_bound(position);
    if (above == segments_.begin()) {
      return Error::Operator(ErrorCode::kNotFound,
                             "position " + std::to_string(position) + " is no longer kept")
          .At(folder_);
    }
    --above;
    first = above->first;
    WEIR_ASSIGN_OR_RETURN(file, OpenLocked(first, above->second));
  }
  WEIR_ASSIGN_OR_RETURN(const size_t read, file->ReadAt(position - first, buffer, n));
  if (read < n) {
    return Error::Operator(ErrorCode::kCorrupt,
                           "the file ends " + std::to_string(n - read) + " bytes early")
        .At(file->path());
  }
  return Status::Ok();
}

uint64_t SegmentFiles::bytes() const {
  const std::lock_guard lock(mutex_);
  uint64_t sum = 0;
  for (const auto& [first, segment] : segments_) sum += segment.bytes;
  return sum;
}

uint64_t SegmentFiles::BytesOf(Position first) const {
  const std::lock_guard lock(mutex_);
  const auto found = segments_.find(first);
  return found == segments_.end() ? 0 : found->second.bytes;
}

void SegmentFiles::Grown(Position first, uint64_t file_bytes) {
  const std::lock_guard lock(mutex_);
  const auto found = segments_.find(first);
  if (found != segments_.end()) found->second.bytes = file_bytes;
}

}  // namespace weir::log
