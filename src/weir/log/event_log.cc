#include "weir/log/event_log.h"

#include <algorithm>

#include "weir/log/checkpoint.h"
#include "weir/log/control_batch.h"
#include "weir/log/record_batch_reader.h"

namespace weir::log {

using kafka::KafkaError;

namespace {

constexpr const char* kPartitionCounter = "#partition";
constexpr const char* kProducerCounter = "#producer";
constexpr const char* kStartPrefix = "s";  // + partition number: its start offset

std::string EncodeNumber(int64_t value) {
  ByteWriter out;
  out.Signed(value);
  return out.Take();
}

// Neighbouring extents are read in one go up to this.
constexpr uint64_t kReadBytesMax = 1 << 20;

// Of the batch's records at or above this offset; -1 if there are none.
int64_t MaxTimestampFrom(std::string_view batch, int64_t offset) {
  RecordReader reader;
  int64_t greatest = -1;
  if (!reader.Open(batch).ok()) return greatest;
  for (Record record; reader.Next(record);) {
    if (record.offset >= offset) greatest = std::max(greatest, record.timestamp);
  }
  return greatest;
}

}  // namespace

EventLog::EventLog(Env& env, MetricRegistry& metrics, const EventLogOptions& options)
    : env_(env),
      options_(options),
      indexes_(env, options.journal.folder),
      disk_(env, metrics, options.journal.folder, options.disk),
      damaged_batches_(metrics.GetCounter(
          "weir_log_damaged_frames_total",
          "Frames that could not be read as they were written; readers jump over them.")) {}

Result<std::unique_ptr<EventLog>> EventLog::Open(Env& env, MetricRegistry& metrics,
                                                 const EventLogOptions& options,
                                                 EventLogRecovery* recovery) {
  // Tasks wait until the log is open: if it can't be, there is nothing they could work on.
  const auto held = std::make_shared<std::vector<std::function<void()>>>();
  const auto is_open = std::make_shared<bool>(false);
  EventLogOptions opening = options;
  opening.background = [held, is_open, run = options.background](std::function<void()> task) {
    if (!*is_open) {
      held->push_back(std::move(task));
    } else if (run) {
      run(std::move(task));
    } else {
      task();
    }
  };
  std::unique_ptr<EventLog> log(new EventLog(env, metrics, opening));
  const std::string& folder = options.journal.folder;
  WEIR_RETURN_IF_ERROR(log->SweepFolder());
  WEIR_ASSIGN_OR_RETURN(auto checkpoint,
                        ReadNewestCheckpoint(env, folder, &recovery->damaged_checkpoints));
  if (checkpoint) {
    recovery->checkpoint = checkpoint->position;
    if (!log->DecodeState(checkpoint->content)) {
      return Error::Operator(ErrorCode::kCorrupt, "the checkpoint at position " +
                                                      std::to_string(checkpoint->position) +
                                                      " is whole but can't be understood")
          .At(folder)
          .Fix("it may have been written by a newer version of weir");
    }
  }
  WEIR_ASSIGN_OR_RETURN(log->journal_, Journal::Open(
                                           env, metrics, options.journal, recovery->checkpoint,
                                           [&](const Frame& frame, Position segment) {
                                             recovery->frames += 1;
                                             return log->Replay(frame, segment);
                                           },
                                           &recovery->journal));
  log->advanced_to_ = log->journal_->durable();
  const Position open = log->journal_->Segments().back();
  if (!log->indexes_.IsOpen(open)) log->Rolled(open);
  for (auto& [number, partition] : log->partitions_) {
    partition->SetDurableEnd(partition->next_offset());
    partition->producers().HeardAll(env.MonotonicNanos() / 1'000'000);
  }
  log->SweepSettled();
  log->CheckpointsChanged();
  log->disk_.Begin(log->journal_->bytes());
  *is_open = true;
  for (std::function<void()>& task : *held) log->InBackground(std::move(task));
  held->clear();
  return log;
}

// --- state ---

std::string EventLog::EncodeState() const {
  ByteWriter out;
  state_.Encode(out);
  out.Varint(partitions_.size());
  for (const auto& [number, partition] : partitions_) partition->Encode(out);
  return out.Take();
}

bool EventLog::DecodeState(std::string_view content) {
  ByteReader in(content);
  StateStore state;
  if (!state.Decode(in)) return false;
  state.ForEach("", [this](const std::string& key, const std::string& value) {
    ApplyChange({key, value});
  });
  for (uint64_t left = in.Count(5); left > 0 && in.ok(); --left) {
    auto partition = std::make_unique<PartitionLog>(0);
    if (!partition->Decode(in)) return false;
    const uint32_t number = partition->number();
    partitions_[number] = std::move(partition);
  }
  return in.ok() && in.done();
}

void EventLog::ApplyChange(const StateChange& change) {
  if (change.key == kSettledEvent) {
    if (change.value) ApplySettled(*change.value);
    return;
  }
  state_.Apply(change);
  switch (change.key.empty() ? '\0' : change.key[0]) {
    case 't': {
      const std::string name = change.key.substr(1);
      std::vector<uint32_t> before;
      if (const Topic* topic = topics_.Find(name)) before = topic->partitions;
      topics_.Apply(change);
      const Topic* topic = topics_.Find(name);
      const std::vector<uint32_t> after =
          topic != nullptr ? topic->partitions : std::vector<uint32_t>();
      for (const uint32_t number : before) {
        if (std::find(after.begin(), after.end(), number) == after.end()) ForgetPartition(number);
      }
      for (const uint32_t number : after) {
        if (partitions_.count(number) == 0) {
          partitions_[number] = std::make_unique<PartitionLog>(number);
        }
      }
      break;
    }
    case 's':
      if (!change.value) break;
      if (PartitionLog* partition =
              FindPartition(static_cast<uint32_t>(std::stoul(change.key.substr(1))))) {
        partition->SetStartOffset(ByteReader(*change.value).Signed());
      }
      break;
    case '#':
      if (!change.value) break;
      if (change.key == kPartitionCounter) {
        next_partition_ = static_cast<uint32_t>(ByteReader(*change.value).Signed());
      } else if (change.key == kProducerCounter) {
        next_producer_id_ = ByteReader(*change.value).Signed();
      }
      break;
    default:
      break;
  }
}

void EventLog::ForgetPartition(uint32_t number) {
  partitions_.erase(number);
  state_.Apply({kStartPrefix + std::to_string(number), std::nullopt});
}

PartitionLog* EventLog::FindPartition(uint32_t number) {
  const auto found = partitions_.find(number);
  return found == partitions_.end() ? nullptr : found->second.get();
}

std::vector<uint32_t> EventLog::NewPartitionNumbers(size_t count,
                                                    std::vector<StateChange>* changes) {
  std::vector<uint32_t> numbers;
  for (size_t i = 0; i < count; ++i) numbers.push_back(next_partition_++);
  changes->push_back({kPartitionCounter, EncodeNumber(next_partition_)});
  return numbers;
}

int64_t EventLog::NewProducerId(std::vector<StateChange>* changes) {
  const int64_t id = next_producer_id_++;
  changes->push_back({kProducerCounter, EncodeNumber(next_producer_id_)});
  return id;
}

StateChange EventLog::StartOffset(uint32_t partition, int64_t offset) {
  return {kStartPrefix + std::to_string(partition), EncodeNumber(offset)};
}

// --- recovery ---

Status EventLog::Replay(const Frame& frame, Position segment) {
  if (!indexes_.IsOpen(segment)) Rolled(segment);
  if (frame.kind == FrameKind::kBatch) return ReplayBatch(frame, segment);
  std::vector<StateChange> changes;
  if (!DecodeChanges(frame.body, &changes)) {
    return Error::Operator(ErrorCode::kCorrupt, "state at position " +
                                                    std::to_string(frame.position) +
                                                    " is whole but can't be understood")
        .Fix("it may have been written by a newer version of weir");
  }
  for (const StateChange& change : changes) ApplyChange(change);
  return Status::Ok();
}

Status EventLog::ReplayBatch(const Frame& frame, Position segment) {
  PartitionLog* partition = FindPartition(frame.stream);
  if (partition == nullptr) return Status::Ok();  // its topic was removed
  const auto header = ReadBatchHeader(frame.body);
  if (!header) return Error::Bug("a frame of a batch that is none");
  std::optional<Marker> marker;
  if (header->control()) marker = ReadMarker(frame.body);
  ApplyBatch(*partition, *header, marker, frame.position, frame.end() - frame.position, segment);
  return Status::Ok();
}

// --- changes ---

void EventLog::ApplyBatch(PartitionLog& partition, const BatchHeader& header,
                          const std::optional<Marker>& marker, Position position,
                          size_t frame_bytes, Position segment) {
  partition.Apply(header, marker, segment, env_.NowMicros() / 1000,
                  env_.MonotonicNanos() / 1'000'000);
  indexes_.growing().Add(partition.number(), header.base_offset, position,
                         static_cast<uint32_t>(frame_bytes), header.max_timestamp);
}

Result<Position> EventLog::Commit(const std::vector<NewBatch>& batches,
                                  const std::vector<StateChange>& changes,
                                  std::vector<int64_t>* base_offsets) {
  frames_.clear();
  prefixes_.resize(batches.size());
  std::vector<BatchHeader> headers;
  headers.reserve(batches.size());
  for (size_t i = 0; i < batches.size(); ++i) {
    const NewBatch& batch = batches[i];
    BatchHeader header = batch.header;
    PartitionLog* partition = FindPartition(batch.partition);
    if (partition == nullptr) return Error::Bug("a batch for a partition that is not there");
    header.base_offset = partition->next_offset();
    for (size_t before = 0; before < i; ++before) {
      if (batches[before].partition == batch.partition) {
        header.base_offset = headers[before].last_offset() + 1;
      }
    }
    header.leader_epoch = 0;
    WriteBatchPrefix(header.base_offset, header.length, header.leader_epoch, prefixes_[i].data());
    frames_.push_back({FrameKind::kBatch, batch.partition,
                       std::string_view(prefixes_[i].data(), kBatchPrefixBytes),
                       batch.bytes.substr(kBatchPrefixBytes)});
    headers.push_back(header);
  }
  std::string state;
  if (!changes.empty()) {
    state = EncodeChanges(changes);
    frames_.push_back({FrameKind::kState, 0, "", state});
  }
  WEIR_ASSIGN_OR_RETURN(const Journal::Appended appended, journal_->Append(frames_, &positions_));
  if (!indexes_.IsOpen(appended.segment)) Rolled(appended.segment);
  if (base_offsets != nullptr) base_offsets->clear();
  for (size_t i = 0; i < batches.size(); ++i) {
    PartitionLog& partition = *FindPartition(batches[i].partition);
    ApplyBatch(partition, headers[i], batches[i].marker, positions_[i],
               kFrameHeaderBytes + batches[i].bytes.size(), appended.segment);
    undurable_.push_back({appended.end, batches[i].partition, headers[i].last_offset() + 1});
    if (base_offsets != nullptr) base_offsets->push_back(headers[i].base_offset);
  }
  for (const StateChange& change : changes) ApplyChange(change);
  return appended.end;
}

AppendResult EventLog::Append(const NewBatch& batch) {
  AppendResult result;
  PartitionLog* partition = FindPartition(batch.partition);
  if (partition == nullptr) {
    result.error = KafkaError::kUnknownTopicOrPartition;
    return result;
  }
  const ProducerVerdict verdict = partition->producers().Check(batch.header);
  if (verdict.error != KafkaError::kNone) {
    result.error = verdict.error;
    return result;
  }
  if (verdict.duplicate) {
    result.base_offset = verdict.base_offset;
    // The first sending may not be durable yet, and may never be.
    result.end = journal_->end();
    if (journal_->durable() < result.end) {
      if (const auto failure = journal_->failure()) {
        result.error = KafkaError::kKafkaStorageError;
        result.message = failure->ToString();
      }
    }
    return result;
  }
  if (disk_.TooFull(journal_->end(), batch.bytes.size())) {
    partition->producers().Refuse(batch.header, env_.MonotonicNanos() / 1'000'000);
    result.error = KafkaError::kKafkaStorageError;
    result.message = disk_.Message();
    return result;
  }
  std::vector<int64_t> offsets;
  auto end = Commit({batch}, {}, &offsets);
  if (!end.ok()) {
    partition->producers().Refuse(batch.header, env_.MonotonicNanos() / 1'000'000);
    result.message = end.error().ToString();
    // Both are tried again by clients; the first after looking for another leader.
    result.error = end.error().code() == ErrorCode::kLimit ? KafkaError::kRequestTimedOut
                                                           : KafkaError::kKafkaStorageError;
    return result;
  }
  result.base_offset = offsets[0];
  result.end = *end;
  return result;
}

void EventLog::Rolled(Position segment) {
  open_since_ms_ = env_.NowMicros() / 1000;
  const SegmentIndexes::Index sealed = indexes_.Open(segment);
  if (!sealed) return;
  auto checkpoint = std::make_shared<Checkpoint>();
  checkpoint->position = segment;
  checkpoint->content = EncodeState();
  auto write = [this, sealed, checkpoint] {
    // Without either, the next start reads more; the journal has all of it.
    (void)indexes_.Save(*sealed);
    (void)WriteCheckpoint(env_, options_.journal.folder, *checkpoint);
    CheckpointsChanged();
  };
  // A checkpoint must not speak of what a crash could take back, nor make a segment begin that is
  // not there: the one before would go on, and with it an index that begins in its middle.
  WhenDurable(segment + kSegmentHeaderBytes, [this, write] { InBackground(write); });
}

// --- durability ---

void EventLog::Advance(Position durable) {
  advanced_to_ = std::max(advanced_to_, durable);
  advanced_.clear();
  while (!undurable_.empty() && undurable_.front().end <= durable) {
    const Appended& appended = undurable_.front();
    if (PartitionLog* partition = FindPartition(appended.partition)) {
      partition->SetDurableEnd(appended.end_offset);
      if (advanced_.empty() || advanced_.back() != appended.partition) {
        advanced_.push_back(appended.partition);
      }
    }
    undurable_.pop_front();
  }
  while (!waiting_.empty() && waiting_.front().first <= durable) {
    const auto then = std::move(waiting_.front().second);
    waiting_.pop_front();
    then();
  }
  if (!on_advanced_) return;
  std::sort(advanced_.begin(), advanced_.end());
  advanced_.erase(std::unique(advanced_.begin(), advanced_.end()), advanced_.end());
  const std::vector<uint32_t> advanced = advanced_;
  for (const uint32_t partition : advanced) on_advanced_(partition);
}

void EventLog::WhenDurable(Position position, std::function<void()> then) {
  // Not as soon as the journal says so: who is answered then could ask for the end of a partition
  // that has not moved yet.
  if (!journal_ || advanced_to_ >= position) {
    then();
    return;
  }
  // Nearly always the newest.
  auto at = waiting_.end();
  while (at != waiting_.begin() && std::prev(at)->first > position) --at;
  waiting_.emplace(at, position, std::move(then));
}

// --- reading ---

FetchedBatches EventLog::Read(uint32_t number, int64_t offset, const ReadOptions& options) {
  FetchedBatches out;
  PartitionLog* partition = FindPartition(number);
  if (partition == nullptr) {
    out.error = KafkaError::kUnknownTopicOrPartition;
    return out;
  }
  if (offset < partition->start_offset()) {
    out.error = KafkaError::kOffsetOutOfRange;
    return out;
  }
  const auto& parts = partition->parts();
  auto part = std::upper_bound(
      parts.begin(), parts.end(), offset,
      [](int64_t wanted, const SegmentPart& candidate) { return wanted < candidate.end_offset; });
  for (; part != parts.end() && part->base_offset < options.end_offset; ++part) {
    auto index = indexes_.Get(part->segment, *journal_);
    if (!index.ok()) {
      out.error = KafkaError::kKafkaStorageError;
      return out;
    }
    const std::vector<Extent>* extents = (*index)->Find(number);
    if (extents == nullptr) continue;
    auto extent = std::upper_bound(
        extents->begin(), extents->end(), std::max(offset, part->base_offset),
        [](int64_t wanted, const Extent& candidate) { return wanted < candidate.base_offset; });
    if (extent != extents->begin()) --extent;
    // A settled segment may have more than one part of a partition.
    ReadOptions within = options;
    within.end_offset = std::min(options.end_offset, part->end_offset);
    const int64_t from = std::max(offset, part->base_offset);
    while (extent != extents->end() && extent->base_offset < within.end_offset) {
      const bool wants_one = options.at_least_one && out.batches.empty();
      if (out.bytes >= options.max_bytes && !wants_one) return out;
      // Neighbours are read together.
      const Position position = extent->position;
      uint64_t bytes = 0;
      do {
        bytes += extent->bytes;
        ++extent;
      } while (extent != extents->end() && extent->position == position + bytes &&
               extent->base_offset < within.end_offset && out.bytes + bytes < options.max_bytes &&
               bytes < kReadBytesMax);
      const size_t had = out.batches.size();
      const Status status = ReadExtents(number, position, bytes, from, within, &out);
      if (!status.ok()) {
        out.error = KafkaError::kKafkaStorageError;
        return out;
      }
      if (out.bytes >= options.max_bytes && out.batches.size() > had) return out;
    }
  }
  return out;
}

Status EventLog::ReadExtents(uint32_t partition, Position position, uint64_t bytes, int64_t offset,
                             const ReadOptions& options, FetchedBatches* out) {
  // An extent that grows may have frames that are not on disk yet.
  if (!IsSettled(position)) bytes = std::min(bytes, journal_->durable() - position);
  auto buffer = read_buffers_.Take(bytes);
  WEIR_RETURN_IF_ERROR(journal_->Read(position, buffer->data(), bytes));
  const std::string_view all(buffer->data(), bytes);
  size_t at = 0;
  bool used = false;
  bool in_damage = false;
  while (at < all.size()) {
    Frame frame;
    size_t needed = 0;
    if (ReadFrame(all.substr(at), position + at, &frame, &needed) != FrameState::kGood) {
      // The next byte that could begin a frame: the rest of the extent is served.
      if (!in_damage) damaged_batches_.Add();
      in_damage = true;
      const size_t next = all.find('W', at + 1);
      at = next == std::string_view::npos ? all.size() : next;
      continue;
    }
    in_damage = false;
    at += frame.end() - frame.position;
    if (frame.kind != FrameKind::kBatch || frame.stream != partition) continue;
    const auto header = ReadBatchHeader(frame.body);
    if (!header || header->last_offset() < offset) continue;
    if (header->base_offset >= options.end_offset) break;
    const bool first = out->batches.empty();
    if (out->bytes + frame.body.size() > options.max_bytes && !(first && options.at_least_one)) {
      out->bytes = std::max(out->bytes, options.max_bytes);
      break;
    }
    out->batches.push_back(frame.body);
    out->bytes += frame.body.size();
    used = true;
  }
  if (used) out->buffers.push_back(std::move(buffer));
  return Status::Ok();
}

Result<std::optional<int64_t>> EventLog::BatchAtTimestamp(uint32_t number, int64_t timestamp) {
  PartitionLog* partition = FindPartition(number);
  if (partition == nullptr) return std::optional<int64_t>();
  for (const SegmentPart& part : partition->parts()) {
    if (part.max_timestamp < timestamp) continue;
    WEIR_ASSIGN_OR_RETURN(const auto index, indexes_.Get(part.segment, *journal_));
    const std::vector<Extent>* extents = index->Find(number);
    if (extents == nullptr) continue;
    for (size_t i = 0; i < extents->size(); ++i) {
      const Extent& extent = (*extents)[i];
      const int64_t next =
          i + 1 < extents->size() ? (*extents)[i + 1].base_offset : part.end_offset;
      // A settled segment may have more than one part of a partition.
      if (next <= part.base_offset) continue;
      if (extent.base_offset >= part.end_offset) break;
      const int64_t end = std::min(next, part.end_offset);
      if (extent.max_timestamp < timestamp || end <= partition->start_offset()) continue;
      ReadOptions options;
      options.max_bytes = extent.bytes;
      options.end_offset = std::min(end, partition->durable_end());
      const int64_t start = partition->start_offset();
      const FetchedBatches read = Read(number, std::max(extent.base_offset, start), options);
      for (const std::string_view batch : read.batches) {
        const auto header = ReadBatchHeader(batch);
        if (!header || header->max_timestamp < timestamp) continue;
        if (header->base_offset >= start) return std::optional<int64_t>(header->base_offset);
        // The start is within it: nothing below can be read, and there the record may be.
        if (MaxTimestampFrom(batch, start) >= timestamp) return std::optional<int64_t>(start);
      }
    }
  }
  return std::optional<int64_t>();
}

Result<int64_t> EventLog::MaxTimestamp(uint32_t number, int64_t end) {
  int64_t greatest = -1;
  PartitionLog* partition = FindPartition(number);
  if (partition == nullptr) return greatest;
  const int64_t start = partition->start_offset();
  for (const SegmentPart& part : partition->parts()) {
    if (part.base_offset >= end) break;
    if (part.max_timestamp <= greatest) continue;
    if (part.base_offset >= start && part.end_offset <= end) {
      greatest = part.max_timestamp;
      continue;
    }
    // The start or the end is within it: as much is looked at of its extents and batches.
    WEIR_ASSIGN_OR_RETURN(const auto index, indexes_.Get(part.segment, *journal_));
    const std::vector<Extent>* extents = index->Find(number);
    if (extents == nullptr) continue;
    for (size_t i = 0; i < extents->size(); ++i) {
      const Extent& extent = (*extents)[i];
      const int64_t next =
          std::min(i + 1 < extents->size() ? (*extents)[i + 1].base_offset : part.end_offset,
                   part.end_offset);
      if (next <= std::max(part.base_offset, start)) continue;
      if (extent.base_offset >= std::min(part.end_offset, end)) break;
      if (extent.max_timestamp <= greatest) continue;
      if (extent.base_offset >= start && next <= end) {
        greatest = extent.max_timestamp;
        continue;
      }
      ReadOptions options;
      options.max_bytes = extent.bytes;
      options.end_offset = std::min(next, end);
      const FetchedBatches read = Read(number, std::max(extent.base_offset, start), options);
      for (const std::string_view batch : read.batches) {
        greatest = std::max(greatest, MaxTimestampFrom(batch, start));
      }
    }
  }
  return greatest;
}

}  // namespace weir::log
