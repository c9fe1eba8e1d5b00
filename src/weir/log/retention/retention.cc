#include "weir/log/retention/retention.h"

#include <algorithm>
#include <utility>

#include "weir/log/retention/extent_reader.h"

namespace weir::log {
namespace {

constexpr uint64_t kSmallShare = 16;
constexpr int64_t kAllowanceMs = 1000;  // an allowance is kept for this long

// When a batch counts as written: by its timestamp, but not later than it came, so that a clock
// that is ahead keeps nothing for ever.
int64_t WrittenAt(int64_t timestamp, int64_t appended_ms) {
  return timestamp < 0 ? appended_ms : std::min(timestamp, appended_ms);
}

bool Expired(const RetentionPolicy& policy, int64_t timestamp, int64_t appended_ms,
             int64_t now_ms) {
  return policy.retention_ms >= 0 &&
         now_ms - WrittenAt(timestamp, appended_ms) > policy.retention_ms;
}

}  // namespace

RetentionPolicy RetentionPolicy::Of(const TopicSettings& settings) {
  RetentionPolicy policy;
  policy.deletes = settings.deletes;
  policy.retention_ms = settings.retention_ms;
  policy.retention_bytes = settings.retention_bytes;
  policy.compacts = settings.compacts;
  policy.delete_retention_ms = settings.delete_retention_ms;
  policy.min_compaction_lag_ms = settings.min_compaction_lag_ms;
  policy.max_compaction_lag_ms = settings.max_compaction_lag_ms;
  policy.min_cleanable_ratio = settings.min_cleanable_ratio;
  return policy;
}

Retention::Retention(Env& env, MetricRegistry& metrics, EventLog& log,
                     const RetentionOptions& options, PolicyOf policy_of)
    : env_(env),
      log_(log),
      options_(options),
      policy_of_(std::move(policy_of)),
      moved_(metrics.GetCounter("weir_log_retention_moves_total",
                                "Times that retention moved a partition's start offset.")),
      removed_segments_(metrics.GetCounter("weir_log_removed_segments_total", "Segments removed.")),
      rewritten_bytes_(metrics.GetCounter("weir_log_rewritten_bytes_total",
                                          "Bytes written to settled segments.")),
      failures_(metrics.GetCounter("weir_log_retention_failures_total",
                                   "Work of retention that failed and is tried again.")),
      dead_bytes_(metrics.GetGauge("weir_log_dead_bytes",
                                   "Bytes of closed segments in which nothing is alive.")) {}

Retention::~Retention() = default;

void Retention::Run(int64_t now_ms) {
  if (log_.journal().failure()) return;  // what can't be said durably must not be done
  if (!in_pass_) BeginPass();
  if (VisitSome(now_ms)) EndPass(now_ms);
  RemoveDoomed();
  Rewrite(now_ms);
}

// --- a pass ---

void Retention::BeginPass() {
  in_pass_ = true;
  topic_.clear();
  live_.clear();
  dirty_.clear();
  open_dirty_bytes_ = 0;
  open_overdue_ = false;
  // Nothing is added to these any more, so what is counted as dead stays dead.
  sealed_ = log_.journal().Segments();
  sealed_.pop_back();
  for (const Position first : log_.journal().files().SettledFirsts()) {
    if (!work_ || work_->rewriting->settled() != first) sealed_.push_back(first);
  }
}

bool Retention::VisitSome(int64_t now_ms) {
  const auto& topics = log_.topics().all();
  auto topic = topics.upper_bound(topic_);
  std::vector<StateChange> changes;
  std::vector<uint32_t> visited;
  // At least one topic, and all of its partitions.
  while (topic != topics.end() && visited.size() < options_.partitions_per_run) {
    topic_ = topic->first;
    for (size_t i = 0; i < topic->second.partitions.size(); ++i) {
      const uint32_t number = topic->second.partitions[i];
      PartitionLog* partition = log_.FindPartition(number);
      if (partition == nullptr) continue;
      visited.push_back(number);
      Front& front = fronts_[number];
      front.pass = passes_;
      LookUpFront(*partition, front);
      const RetentionPolicy policy = policy_of_(topic->second, i);
      if (policy.compacts) ConsiderCompaction(*partition, policy, now_ms);
      if (!policy.deletes) continue;
      const int64_t start = StartOf(*partition, front, policy, now_ms);
      if (start > partition->start_offset()) {
        changes.push_back(EventLog::StartOffset(number, start));
      }
    }
    ++topic;
  }
  const bool complete = topic == topics.end();
  if (!changes.empty()) {
    if (log_.Commit({}, changes, nullptr).ok()) {
      moved_.Add(changes.size());
    } else {
      failures_.Add();
    }
  }
  for (const uint32_t number : visited) {
    PartitionLog& partition = *log_.FindPartition(number);
    Front& front = fronts_[number];
    LookUpFront(partition, front);
    Count(partition, front);
  }
  return complete;
}

void Retention::LookUpFront(PartitionLog& partition, Front& front) {
  const uint64_t pass = front.pass;
  const int64_t start = partition.start_offset();
  if (partition.parts().empty()) {
    front = Front();
    front.pass = pass;
    return;
  }
  const SegmentPart& part = partition.parts().front();
  if (front.known && front.start == start && front.segment == part.segment &&
      front.base_offset == part.base_offset) {
    return;
  }
  front = Front();
  front.pass = pass;
  front.start = start;
  front.segment = part.segment;
  front.base_offset = part.base_offset;
  const auto index = log_.IndexOf(part.segment);
  if (!index.ok()) {
    failures_.Add();
    return;
  }
  const std::vector<Extent>* extents = (*index)->Find(partition.number());
  if (extents == nullptr) return;
  const auto [begin, end] = ExtentsOf(*extents, part);
  for (size_t i = begin; i < end && !front.known; ++i) {
    const Extent& extent = (*extents)[i];
    // One that begins before the part is of an earlier part in the same settled segment.
    if (EndOf(*extents, i, part) <= start && extent.base_offset >= part.base_offset) {
      front.dead_bytes += extent.bytes;
      front.dead_batches += extent.batches;
      continue;
    }
    const Status read =
        ReadBatches(log_.journal(), partition.number(), extent.position, extent.bytes, &buffer_,
                    [&](const BatchHeader& header, std::string_view batch) {
                      if (header.base_offset < part.base_offset) return true;
                      if (header.last_offset() < start) {
                        front.dead_bytes += kFrameHeaderBytes + batch.size();
                        front.dead_batches += 1;
                        return true;
                      }
                      front.timestamp = header.max_timestamp;
                      front.known = true;
                      return false;
                    });
    if (!read.ok()) {
      failures_.Add();
      return;
    }
  }
  if (!front.known && part.end_offset <= partition.durable_end()) {
    // Nothing can be read there: damage does not keep it for ever.
    front.timestamp = part.max_timestamp;
    front.known = true;
  }
}

// Where the partition should start: behind what is too old or too much.
int64_t Retention::StartOf(PartitionLog& partition, const Front& front,
                           const RetentionPolicy& policy, int64_t now_ms) {
  int64_t start = partition.start_offset();
  if (partition.parts().empty() || !front.known) return start;
  const uint64_t live =
      partition.bytes() - (front.dead_bytes - kFrameHeaderBytes * front.dead_batches);
  const auto wanted = static_cast<uint64_t>(std::max<int64_t>(0, policy.retention_bytes));
  uint64_t excess = policy.retention_bytes >= 0 && live > wanted ? live - wanted : 0;
  if (excess == 0 &&
      !Expired(policy, front.timestamp, partition.parts().front().appended_ms, now_ms)) {
    return start;
  }
  // An open transaction is not cut.
  const int64_t limit = std::min(partition.last_stable_offset(), policy.needed_from);
  for (const SegmentPart& part : partition.parts()) {
    const auto too_old = [&](int64_t timestamp) {
      return Expired(policy, timestamp, part.appended_ms, now_ms);
    };
    const bool is_first = &part == &partition.parts().front();
    const uint64_t part_live =
        part.bytes - (is_first ? front.dead_bytes - kFrameHeaderBytes * front.dead_batches : 0);
    if (part.end_offset <= limit && (too_old(part.max_timestamp) || excess >= part_live)) {
      start = part.end_offset;
      excess -= std::min(excess, part_live);
      continue;
    }
    const auto index = log_.IndexOf(part.segment);
    if (!index.ok()) {
      failures_.Add();
      return start;
    }
    const std::vector<Extent>* extents = (*index)->Find(partition.number());
    if (extents == nullptr) return start;
    const auto [begin, end] = ExtentsOf(*extents, part);
    for (size_t i = begin; i < end; ++i) {
      const Extent& extent = (*extents)[i];
      const int64_t extent_end = EndOf(*extents, i, part);
      if (extent_end <= start) continue;
      const bool whole = start <= extent.base_offset && extent.base_offset >= part.base_offset;
      if (extent_end <= limit &&
          (too_old(extent.max_timestamp) || (whole && excess >= extent.batch_bytes()))) {
        start = extent_end;
        excess -= std::min(excess, extent.batch_bytes());
        continue;
      }
      bool stopped = false;
      const Status read =
          ReadBatches(log_.journal(), partition.number(), extent.position, extent.bytes, &buffer_,
                      [&](const BatchHeader& header, std::string_view batch) {
                        if (header.last_offset() < start) return true;
                        const bool goes = too_old(header.max_timestamp) || excess >= batch.size();
                        if (!goes || header.last_offset() >= limit) {
                          stopped = true;
                          return false;
                        }
                        start = header.last_offset() + 1;
                        excess -= std::min<uint64_t>(excess, batch.size());
                        return true;
                      });
      if (!read.ok()) failures_.Add();
      // At least the first batch of the extent stays.
      if (!read.ok() || stopped || start < extent_end) return start;
    }
  }
  return start;
}

void Retention::Count(const PartitionLog& partition, const Front& front) {
  bool is_first = true;
  for (const SegmentPart& part : partition.parts()) {
    live_[part.segment] += part.frame_bytes() - (is_first ? front.dead_bytes : 0);
    is_first = false;
  }
}

void Retention::EndPass(int64_t now_ms) {
  in_pass_ = false;
  std::erase_if(fronts_, [&](const auto& entry) { return entry.second.pass != passes_; });
  passes_ += 1;

  SegmentFiles& files = log_.journal().files();
  const std::vector<Position> segments = log_.journal().Segments();
  const auto is_needed = [&](Position first) {
    if (IsSettled(first)) return false;
    const auto next = std::upper_bound(segments.begin(), segments.end(), first);
    return next == segments.end() || *next > log_.unneeded_before();
  };
  const Position end = log_.journal().end();
  uint64_t dead = 0;
  uint64_t held = 0;  // would be given back if there was a checkpoint
  std::vector<std::pair<double, Position>> sparse;
  std::vector<Position> small;
  for (const Position first : sealed_) {
    const uint64_t bytes = files.BytesOf(first);
    const auto found = live_.find(first);
    const uint64_t live = found == live_.end() ? 0 : std::min(found->second, bytes);
    dead += bytes - live;
    if (found == live_.end()) {
      const bool is_doomed = std::any_of(doomed_.begin(), doomed_.end(),
                                         [&](const Doomed& d) { return d.segment == first; });
      if (is_needed(first)) {
        held += bytes;
      } else if (!is_doomed && bytes > 0) {
        doomed_.push_back({first, end});
      }
      continue;
    }
    if (untouchable_.count(first) != 0) continue;
    const double share = static_cast<double>(bytes - live) / static_cast<double>(bytes);
    const bool is_sparse = share >= options_.settle_dead_share;
    if (is_needed(first)) {
      held += is_sparse ? bytes - live : 0;
    } else if (is_sparse) {
      sparse.emplace_back(share, first);
    } else if (bytes < options_.settled_bytes_max / kSmallShare) {
      small.push_back(first);
    }
  }
  dead_bytes_.Set(static_cast<double>(dead));

  if (!work_ && !dirty_.empty() && (!compacted_last_ || sparse.empty())) {
    PlanCompaction(now_ms);
  } else if (!work_) {
    compacted_last_ = false;
    std::sort(sparse.rbegin(), sparse.rend());
    std::vector<Position> chosen;
    uint64_t bytes = 0;
    for (const auto& [share, first] : sparse) {
      const uint64_t live = live_[first];
      if (!chosen.empty() && bytes + live > options_.settled_bytes_max) break;
      chosen.push_back(first);
      bytes += live;
    }
    if (small.size() >= options_.merge_segments) {
      for (const Position first : small) {
        if (bytes + live_[first] > options_.settled_bytes_max) break;
        chosen.push_back(first);
        bytes += live_[first];
      }
    }
    if (!chosen.empty()) PlanSettling(std::move(chosen));
  }

  // Two closed segments lie between an open one and what may be removed, for each of the two
  // checkpoints begins with one: an idle log comes here twice.
  const auto open = live_.find(segments.back());
  const uint64_t open_frames = log_.open_index().frame_bytes();
  const uint64_t open_live = open == live_.end() ? 0 : open->second;
  held += open_frames > open_live ? open_frames - open_live : 0;
  held += open_dirty_bytes_;
  const int64_t open_ms = now_ms - log_.open_since_ms();
  const bool pays = held >= options_.roll_bytes && open_ms >= options_.roll_after_ms;
  const bool is_overdue = open_overdue_ && open_ms >= options_.roll_overdue_ms;
  if ((pays || is_overdue) && !log_.Roll().ok()) failures_.Add();
}

void Retention::RemoveDoomed() {
  const Position durable = log_.journal().durable();
  std::erase_if(doomed_, [&](const Doomed& doomed) {
    if (doomed.after > durable) return false;
    log_.RemoveSegment(doomed.segment);
    untouchable_.erase(doomed.segment);
    removed_segments_.Add();
    return true;
  });
}

// --- rewriting ---

bool Retention::IsOpen(const PartitionLog& partition, const SegmentPart& part) {
  return part.segment == log_.open_index().first() || part.end_offset > partition.durable_end();
}

void Retention::ConsiderCompaction(const PartitionLog& partition, const RetentionPolicy& policy,
                                   int64_t now_ms) {
  if (uncleanable_.count(partition.number()) != 0) return;
  int64_t end = partition.last_stable_offset();
  uint64_t clean = 0;
  uint64_t dirty = 0;
  bool overdue = false;
  for (const SegmentPart& part : partition.parts()) {
    if (part.end_offset <= partition.cleaned_end()) {
      clean += part.bytes;
      continue;
    }
    const bool is_young =
        now_ms - WrittenAt(part.max_timestamp, part.appended_ms) < policy.min_compaction_lag_ms;
    const bool is_open = IsOpen(partition, part);
    // Some of an open part may be as old as its segment.
    const int64_t since_ms = is_open ? log_.open_since_ms() : part.appended_ms;
    if (!is_young && now_ms - since_ms >= policy.max_compaction_lag_ms) {
      (is_open ? open_overdue_ : overdue) = true;
    }
    if (is_open || is_young) {
      end = std::min(end, part.base_offset);
      const double ratio =
          static_cast<double>(dirty + part.bytes) / static_cast<double>(clean + dirty + part.bytes);
      if (!is_young && ratio >= policy.min_cleanable_ratio) open_dirty_bytes_ += part.bytes;
    }
    if (part.base_offset >= end) break;
    dirty += part.bytes;
  }
  const double ratio =
      dirty == 0 ? 0 : static_cast<double>(dirty) / static_cast<double>(clean + dirty);
  const bool has_old_tombstones = std::any_of(
      partition.cleaned().begin(), partition.cleaned().end(), [&](const Cleaned& cleaned) {
        return cleaned.tombstones > 0 && now_ms - cleaned.at_ms >= policy.delete_retention_ms;
      });
  if ((dirty > 0 && (overdue || ratio >= policy.min_cleanable_ratio)) || has_old_tombstones) {
    end = std::max(end, partition.cleaned_end());
    dirty_.push_back({ratio, partition.number(), end, policy.delete_retention_ms});
  }
}

void Retention::PlanCompaction(int64_t now_ms) {
  std::sort(dirty_.begin(), dirty_.end(),
            [](const Dirty& a, const Dirty& b) { return a.ratio > b.ratio; });
  std::vector<CompactionPlan> plans;
  uint64_t bytes = 0;
  for (const Dirty& dirty : dirty_) {
    const PartitionLog* partition = log_.FindPartition(dirty.partition);
    if (partition == nullptr) continue;
    if (!plans.empty() && bytes + partition->bytes() > options_.settled_bytes_max) break;
    CompactionPlan plan;
    plan.partition = dirty.partition;
    plan.end = dirty.end;
    // The start may have moved since.
    if (plan.end <= partition->start_offset()) continue;
    plan.dirty_from =
        std::max(std::min(plan.end, partition->cleaned_end()), partition->start_offset());
    plan.aborted = partition->AbortedBetween(partition->start_offset(), plan.end);
    plan.cleaned = partition->cleaned();
    plan.delete_retention_ms = dirty.delete_retention_ms;
    for (const SegmentPart& part : partition->parts()) {
      if (part.base_offset >= plan.end || IsOpen(*partition, part)) break;
      auto index = log_.IndexOf(part.segment);
      if (!index.ok()) {
        failures_.Add();
        return;
      }
      plan.parts.push_back(
          {dirty.partition, part, partition->start_offset(), std::move(index).value()});
      bytes += part.bytes;
    }
    if (!plan.parts.empty()) plans.push_back(std::move(plan));
  }
  if (plans.empty()) return;
  std::sort(plans.begin(), plans.end(), [](const CompactionPlan& a, const CompactionPlan& b) {
    return a.partition < b.partition;
  });
  CompactionOptions options;
  options.memory_bytes = options_.compaction_memory_bytes;
  options.segment_bytes_max = options_.settled_bytes_max;
  options.seed = env_.RandomU64();
  options.now_ms = now_ms;
  compacted_last_ = true;
  work_ = std::make_shared<Work>();
  work_->rewriting =
      std::make_unique<Compaction>(log_, log_.NewSettledSegment(), std::move(plans), options);
}

void Retention::PlanSettling(std::vector<Position> segments) {
  std::sort(segments.begin(), segments.end());
  std::vector<uint32_t> numbers;
  for (const auto& [name, topic] : log_.topics().all()) {
    numbers.insert(numbers.end(), topic.partitions.begin(), topic.partitions.end());
  }
  std::sort(numbers.begin(), numbers.end());
  std::unordered_map<Position, SegmentIndexes::Index> indexes;
  for (const Position first : segments) {
    auto index = log_.IndexOf(first);
    if (!index.ok()) {
      failures_.Add();
      return;
    }
    indexes[first] = std::move(index).value();
  }
  std::vector<PlannedPart> parts;
  for (const uint32_t number : numbers) {
    const PartitionLog* partition = log_.FindPartition(number);
    if (partition == nullptr) continue;
    for (const SegmentPart& part : partition->parts()) {
      if (!std::binary_search(segments.begin(), segments.end(), part.segment)) continue;
      parts.push_back({number, part, partition->start_offset(), indexes[part.segment]});
    }
  }
  if (parts.empty()) return;
  work_ = std::make_shared<Work>();
  work_->rewriting = std::make_unique<Settling>(log_, log_.NewSettledSegment(), std::move(parts));
}

void Retention::Rewrite(int64_t now_ms) {
  const auto elapsed_ms =
      static_cast<double>(std::clamp<int64_t>(now_ms - rewrote_ms_, 0, kAllowanceMs));
  rewrote_ms_ = now_ms;
  const auto rate = static_cast<double>(options_.rewrite_bytes_per_second);
  allowance_ = std::min(rate * kAllowanceMs * 1e-3, allowance_ + rate * elapsed_ms * 1e-3);
  if (!work_ || work_->running.load(std::memory_order_acquire)) return;
  Work& work = *work_;
  if (work.progress != Rewriting::Progress::kMore) {
    // Who reads goes to the new place from here on.
    const Rewriting& done = *work.rewriting;
    if (!log_.Settle(done.index(), done.moved(), done.cleaned()).ok()) {
      failures_.Add();
    } else if (work.progress == Rewriting::Progress::kDone) {
      work_.reset();
    } else {
      work.rewriting->Continue(log_.NewSettledSegment());
      work.progress = Rewriting::Progress::kMore;
    }
    return;
  }
  if (work.error) {
    failures_.Add();
    for (const PlannedPart& damaged : work.rewriting->damaged()) {
      untouchable_.insert(damaged.part.segment);
      uncleanable_.insert(damaged.partition);
    }
    log_.RemoveSegment(work.rewriting->settled());
    work_.reset();
    return;
  }
  const auto bytes = static_cast<uint64_t>(allowance_);
  if (bytes == 0) return;
  allowance_ = 0;
  work.running.store(true, std::memory_order_relaxed);
  log_.InBackground([this, shared = work_, bytes] {
    auto progress = shared->rewriting->Step(bytes);
    if (progress.ok()) {
      shared->progress = *progress;
    } else {
      shared->error = std::move(progress).error();
    }
    rewritten_bytes_.Add(shared->rewriting->bytes_written() - shared->counted_bytes);
    shared->counted_bytes = shared->rewriting->bytes_written();
    shared->running.store(false, std::memory_order_release);
  });
}

}  // namespace weir::log
