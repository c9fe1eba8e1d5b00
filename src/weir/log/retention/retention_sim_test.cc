// Retention under crashes, lost un-synced writes and full disks: batches of several topics come,
// get too old or too many, are deleted and moved to settled segments. After each restart everything
// at or above a start offset is there as it was sent, nothing comes back whose deletion was
// durable, and in the end the files of what is dead are gone. Of a compacted topic the newest
// record of each key is there, and nothing that was not sent.
//
// More seeds: WEIR_SIM_SEEDS=10000; one again: WEIR_SIM_SEED=17.
#include <algorithm>
#include <deque>
#include <map>

#include "gtest/gtest.h"
#include "weir/base/sim_env.h"
#include "weir/base/testing/forgetful_env.h"
#include "weir/log/record_batch_builder.h"
#include "weir/log/retention/retention.h"
#include "weir/log/testing/test_batch.h"

namespace weir::log {
namespace {

using testing::TestBatch;

enum class Wrong {
  kNothing,
  kSettledNotSynced,
  kCheckpointsNotSynced,
  kFolderNotSynced,
};

weir::testing::ForgetfulEnv::Lies LiesOf(Wrong wrong) {
  weir::testing::ForgetfulEnv::Lies lies;
  if (wrong == Wrong::kSettledNotSynced) lies.files = "/092233720";
  if (wrong == Wrong::kCheckpointsNotSynced) lies.files = "checkpoint";
  if (wrong == Wrong::kFolderNotSynced) lies.folders = "/data/log";
  return lies;
}

class World {
 public:
  World(uint64_t seed, Wrong wrong) : sim_(seed), env_(sim_, LiesOf(wrong)) {
    sim_.SetCapacity(kCapacity);
    options_.journal.folder = "/data/log";
    options_.journal.segment_bytes = 1500 + Below(6000);
    options_.disk.reserve_bytes = 0;
    options_.background = [this](std::function<void()> task) {
      if (inline_) {
        task();
      } else {
        tasks_.push_back(std::move(task));
      }
    };
    retention_options_.partitions_per_run = 1 + Below(4);
    retention_options_.roll_after_ms = 1000 + static_cast<int64_t>(Below(100'000));
    retention_options_.roll_bytes = 100 + Below(2000);
    retention_options_.merge_segments = 2 + Below(8);
    retention_options_.settle_dead_share = 0.3 + 0.1 * static_cast<double>(Below(5));
    retention_options_.settled_bytes_max = options_.journal.segment_bytes * (1 + Below(16));
    retention_options_.rewrite_bytes_per_second = 500 + Below(20'000);
    retention_options_.compaction_memory_bytes = 500 + Below(5000);
  }

  void Round() {
    inline_ = Below(2) == 0;
    if (Below(3) > 0) sim_.CrashAtOperation(1 + Below(300));
    if (Open()) {
      const uint64_t steps = 20 + Below(200);
      for (uint64_t i = 0; i < steps && !sim_.crashed() && broken_.empty(); ++i) Step();
    }
    Close();
  }

  // Nothing is wanted any more: everything but a few bytes goes.
  void Finish() {
    sim_.CrashAtOperation(0);
    sim_.SetCapacity(kCapacity);
    inline_ = true;
    if (!Open()) return;
    nothing_wanted_ = true;
    for (auto& [name, topic] : topics_) {
      topic.policy = {.retention_bytes = 0, .compacts = topic.policy.compacts};
    }
    // Half-full segments, their two checkpoints, and each pass takes a few calls.
    for (int i = 0; i < 400; ++i) {
      env_.SleepMicros(2'000'000);
      Retain();
      Flush();
    }
    CheckAll();
    size_t segments = 0;
    size_t others = 0;
    uint64_t bytes = 0;
    for (const FileInfo& entry : *sim_.ListDir("/data/log")) {
      const bool segment = entry.path.ends_with(".log");
      segments += segment ? 1 : 0;
      others += segment || entry.path.starts_with("checkpoint") ? 0 : 1;
      bytes += segment ? entry.size : 0;
    }
    // What is open, what the two checkpoints keep, and what does not pay for another.
    const uint64_t rest = 3 * options_.journal.segment_bytes + retention_options_.roll_bytes;
    if (bytes > rest) Break(std::to_string(bytes) + " bytes are left, with nothing alive");
    if (!log_->journal().files().SettledFirsts().empty()) Break("a settled segment is left");
    if (others > segments) Break("files are left that belong to nothing");
    Close();
  }

  const std::string& broken() const { return broken_; }
  SimEnv& sim() { return sim_; }
  uint64_t settled() const { return settled_; }
  uint64_t compacted() const { return compacted_; }
  uint64_t removed() const { return removed_; }

 private:
  static constexpr uint64_t kCapacity = 1 << 24;

  struct Batch {
    int64_t base = 0;
    int64_t end = 0;
    int64_t timestamp = 0;
    int64_t appended_ms = 0;
    std::string bytes;  // behind what the log sets
    size_t size = 0;
    std::vector<std::pair<std::string, std::string>> records;  // "" is a tombstone
  };
  struct ModelTopic {
    uint32_t number = 0;
    RetentionPolicy policy;
    std::vector<Batch> batches;
    int64_t asked = 0;          // to be deleted below
    int64_t start = 0;          // as last seen
    int64_t durable_start = 0;  // nothing below comes back
    int64_t durable_end = 0;
    Position created = 0;  // durable then
  };

  uint64_t Below(uint64_t n) { return sim_.RandomU64() % n; }
  void Break(const std::string& what) {
    if (broken_.empty()) broken_ = what;
  }
  int64_t Now() { return env_.NowMicros() / 1000; }

  bool Open() {
    EventLogRecovery recovery;
    auto opened = EventLog::Open(env_, metrics_, options_, &recovery);
    if (!opened.ok()) {
      if (!sim_.crashed()) Break("open: " + opened.error().ToString());
      return false;
    }
    log_ = std::move(opened).value();
    retention_ = std::make_unique<Retention>(
        env_, metrics_, *log_, retention_options_, [this](const Topic& topic, size_t) {
          const auto found = topics_.find(topic.name);
          if (nothing_wanted_) return RetentionPolicy{.retention_bytes = 0};
          // One whose removal was lost in a crash.
          return found == topics_.end() ? RetentionPolicy{.deletes = false} : found->second.policy;
        });
    Recovered();
    CheckAll();
    return true;
  }

  // What was not durable may be there, or not: the model follows.
  void Recovered() {
    for (const auto& [name, topic] : log_->topics().all()) {
      if (gone_.count(name) != 0) Break(name + " was removed and is there again");
    }
    for (auto topic = topics_.begin(); topic != topics_.end();) {
      ModelTopic& model = topic->second;
      if (log_->topics().Find(topic->first) == nullptr) {
        if (model.created <= promised_ && removing_.count(topic->first) == 0) {
          Break(topic->first + " was made and is gone");
        }
        topic = topics_.erase(topic);
        continue;
      }
      const PartitionLog& partition = *log_->FindPartition(model.number);
      const std::string name = "topic " + topic->first;
      if (partition.start_offset() < model.durable_start)
        Break(name + ": deleted records are back");
      if (partition.next_offset() < model.durable_end) Break(name + ": promised records are gone");
      while (!model.batches.empty() && model.batches.back().base >= partition.next_offset()) {
        model.batches.pop_back();
      }
      if (partition.start_offset() > std::max(model.start, model.asked)) {
        Break(name + ": the start offset is one that was never asked for");
      }
      model.start = partition.start_offset();
      ++topic;
    }
    removing_.clear();
    Durable();
  }

  void Durable() {
    promised_ = log_->journal().durable();
    if (promised_ < log_->journal().end()) return;
    for (auto& [name, model] : topics_) {
      const PartitionLog* partition = log_->FindPartition(model.number);
      if (partition == nullptr) continue;
      model.durable_start = partition->start_offset();
      model.durable_end = partition->next_offset();
    }
    for (const std::string& name : removing_) gone_.insert(name);
    removing_.clear();
  }

  void CheckAll() {
    for (auto& [name, model] : topics_) {
      const PartitionLog* partition = log_->FindPartition(model.number);
      if (partition == nullptr) {
        Break(name + ": no partition");
        continue;
      }
      Check(name, model, *partition, partition->start_offset(), UINT64_MAX);
    }
  }

  // Everything from this offset on is as it was sent.
  void Check(const std::string& name, const ModelTopic& model, const PartitionLog& partition,
             int64_t from, uint64_t max_bytes) {
    if (model.policy.compacts) return CheckCompacted(name, model, partition, from, max_bytes);
    ReadOptions options;
    options.end_offset = partition.durable_end();
    options.max_bytes = max_bytes;
    const FetchedBatches read = log_->Read(model.number, from, options);
    if (read.error != kafka::KafkaError::kNone) {
      if (!sim_.crashed()) Break(name + ": reading failed from " + std::to_string(from));
      return;
    }
    size_t at = 0;
    while (at < model.batches.size() && model.batches[at].end <= from) ++at;
    for (const std::string_view bytes : read.batches) {
      const int64_t base = ReadBatchHeader(bytes)->base_offset;
      if (at == model.batches.size() || model.batches[at].base != base) {
        Break(name + ": found offset " + std::to_string(base) + ", expected " +
              (at == model.batches.size() ? "none" : std::to_string(model.batches[at].base)));
        return;
      }
      if (bytes.substr(kBatchPrefixBytes) != model.batches[at].bytes) {
        Break(name + ": other bytes at offset " + std::to_string(base));
        return;
      }
      ++at;
    }
    if (max_bytes == UINT64_MAX && at < model.batches.size() &&
        model.batches[at].base < partition.durable_end()) {
      Break(name + ": offset " + std::to_string(model.batches[at].base) + " is missing");
    }
  }

  void CheckCompacted(const std::string& name, const ModelTopic& model,
                      const PartitionLog& partition, int64_t from, uint64_t max_bytes) {
    ReadOptions options;
    options.end_offset = partition.durable_end();
    options.max_bytes = max_bytes;
    const FetchedBatches read = log_->Read(model.number, from, options);
    if (read.error != kafka::KafkaError::kNone) {
      if (!sim_.crashed()) Break(name + ": reading failed from " + std::to_string(from));
      return;
    }
    std::map<int64_t, std::pair<std::string, std::string>> sent;
    std::map<std::string, int64_t> newest;
    for (const Batch& batch : model.batches) {
      if (batch.base >= partition.durable_end()) break;
      for (size_t i = 0; i < batch.records.size(); ++i) {
        const int64_t offset = batch.base + static_cast<int64_t>(i);
        sent[offset] = batch.records[i];
        newest[batch.records[i].first] = offset;
      }
    }
    std::set<int64_t> found;
    int64_t last = -1;
    for (const std::string_view bytes : read.batches) {
      if (!CheckBatch(bytes).ok()) return Break(name + ": an unsound batch");
      RecordReader reader;
      if (!reader.Open(bytes).ok()) return Break(name + ": a batch that can't be read");
      for (Record record; reader.Next(record);) {
        const auto original = sent.find(record.offset);
        if (record.offset <= last) return Break(name + ": offsets are out of order");
        last = record.offset;
        if (original == sent.end() || original->second.first != record.key ||
            original->second.second != record.value.value_or("")) {
          return Break(name + ": another record at offset " + std::to_string(record.offset));
        }
        found.insert(record.offset);
      }
      last = reader.header().last_offset();
    }
    const int64_t end = max_bytes == UINT64_MAX ? partition.durable_end() : last + 1;
    for (const auto& [key, offset] : newest) {
      if (offset < from || offset >= end || sent[offset].second.empty()) continue;
      if (found.count(offset) == 0) Break(name + ": the newest record of " + key + " is missing");
    }
    compacted_ += sent.size() > found.size() + static_cast<size_t>(from) ? 1 : 0;
  }

  void Step() {
    const uint64_t what = Below(100);
    if (what < 45) return Append();
    if (what < 60) return Flush();
    if (what < 80) return Retain();
    if (what < 84) return Delete();
    if (what < 86) return CreateTopic();
    if (what < 87) return RemoveTopic();
    if (what < 89) return ChangePolicy();
    if (what < 92) return (void)sim_.SleepMicros(static_cast<int64_t>(Below(60'000'000)));
    if (what < 93) return FillDisk();
    if (what < 97) return ReadSome();
    if (!tasks_.empty()) {
      const auto task = std::move(tasks_.front());
      tasks_.pop_front();
      task();
    }
  }

  RetentionPolicy RandomPolicy() {
    RetentionPolicy policy;
    const uint64_t kind = Below(5);
    if (kind == 0) policy.deletes = false;
    if (kind == 1 || kind == 2) policy.retention_ms = static_cast<int64_t>(Below(200'000));
    if (kind == 2 || kind == 3) policy.retention_bytes = static_cast<int64_t>(Below(8000));
    if (Below(4) == 0) policy.needed_from = static_cast<int64_t>(Below(60));
    return policy;
  }

  void CreateTopic() {
    if (topics_.size() >= 5) return;
    Topic topic;
    topic.name = "t" + std::to_string(next_topic_++);
    topic.id.bytes[0] = static_cast<uint8_t>(next_topic_);
    std::vector<StateChange> changes;
    topic.partitions = log_->NewPartitionNumbers(1, &changes);
    changes.push_back(Topics::Put(topic));
    const auto end = log_->Commit({}, changes, nullptr);
    if (!end.ok()) return;
    ModelTopic& model = topics_[topic.name];
    model.number = topic.partitions[0];
    model.policy = RandomPolicy();
    if (Below(3) == 0) {
      model.policy = {.deletes = false, .compacts = true};
      model.policy.delete_retention_ms = static_cast<int64_t>(Below(100'000));
      model.policy.min_compaction_lag_ms = static_cast<int64_t>(Below(2) * Below(10'000));
      model.policy.min_cleanable_ratio = 0.1 * static_cast<double>(Below(6));
    }
    model.created = *end;
  }

  ModelTopic* AnyTopic(std::string* name = nullptr) {
    if (topics_.empty()) return nullptr;
    auto topic = topics_.begin();
    std::advance(topic, static_cast<int64_t>(Below(topics_.size())));
    if (name != nullptr) *name = topic->first;
    return &topic->second;
  }

  void RemoveTopic() {
    std::string name;
    if (AnyTopic(&name) == nullptr) return;
    if (!log_->Commit({}, {Topics::Remove(name)}, nullptr).ok()) return;
    // It may come back, until this is durable: its records are not looked at any more.
    removing_.insert(name);
    topics_.erase(name);
  }

  void ChangePolicy() {
    ModelTopic* model = AnyTopic();
    if (model != nullptr && !model->policy.compacts) model->policy = RandomPolicy();
  }

  void Append() {
    ModelTopic* model = AnyTopic();
    if (model == nullptr) return CreateTopic();
    const auto records = static_cast<int32_t>(1 + Below(5));
    const int64_t timestamp = Now() - static_cast<int64_t>(Below(20'000)) +
                              (Below(10) == 0 ? static_cast<int64_t>(Below(1'000'000)) : 0);
    Batch batch;
    std::string bytes(TestBatch(records).Timestamp(timestamp).Size(70 + Below(400)).bytes());
    for (size_t i = kBatchHeaderBytes; i < bytes.size(); ++i) {
      bytes[i] = static_cast<char>('A' + Below(26));  // 'W' begins frames
    }
    if (model->policy.compacts) {
      BatchBuilder builder({.codec = Below(3) == 0 ? Codec::kLz4 : Codec::kNone});
      for (int32_t i = 0; i < records; ++i) {
        std::string value = Below(5) == 0 ? "" : std::to_string(sim_.RandomU64());
        batch.records.emplace_back("k" + std::to_string(Below(12)), std::move(value));
        NewRecord record;
        record.timestamp = timestamp;
        record.key = batch.records.back().first;
        if (!batch.records.back().second.empty()) record.value = batch.records.back().second;
        builder.Add(record);
      }
      bytes = *std::move(builder).Finish();
    }
    NewBatch added;
    added.partition = model->number;
    added.bytes = bytes;
    added.header = *ReadBatchHeader(bytes);
    const AppendResult appended = log_->Append(added);
    if (appended.error != kafka::KafkaError::kNone) {
      if (!sim_.crashed() && !full_) Break("append: " + appended.message);
      return;
    }
    batch.base = appended.base_offset;
    batch.end = batch.base + records;
    batch.timestamp = timestamp;
    batch.appended_ms = Now();
    batch.bytes = bytes.substr(kBatchPrefixBytes);
    batch.size = bytes.size();
    model->batches.push_back(std::move(batch));
  }

  void Flush() {
    const Status flushed = log_->journal().Flush();
    if (!flushed.ok()) {
      if (!sim_.crashed() && !full_) Break("flush failed");
      return;
    }
    log_->Advance(log_->journal().durable());
    Durable();
  }

  void Delete() {
    ModelTopic* model = AnyTopic();
    if (model == nullptr) return;
    const int64_t end = log_->FindPartition(model->number)->durable_end();
    if (end == 0) return;
    const auto offset = static_cast<int64_t>(Below(static_cast<uint64_t>(end) + 1));
    if (offset <= log_->FindPartition(model->number)->start_offset()) return;
    if (!log_->Commit({}, {EventLog::StartOffset(model->number, offset)}, nullptr).ok()) return;
    model->asked = std::max(model->asked, offset);
    model->start = std::max(model->start, offset);
  }

  void Retain() {
    const int64_t now = Now();
    retention_->Run(now);
    settled_ = std::max<uint64_t>(settled_, log_->journal().files().SettledFirsts().size());
    removed_ = std::max<uint64_t>(removed_, log_->journal().Segments().front());
    for (auto& [name, model] : topics_) {
      const PartitionLog& partition = *log_->FindPartition(model.number);
      uint64_t left = 0;
      for (const Batch& batch : model.batches) left += batch.end > model.start ? batch.size : 0;
      for (const Batch& batch : model.batches) {
        if (batch.end <= model.start || batch.end > partition.start_offset()) continue;
        const RetentionPolicy& policy = model.policy;
        const bool old = policy.retention_ms >= 0 &&
                         now - std::min(batch.timestamp, batch.appended_ms) > policy.retention_ms;
        left -= batch.size;
        const bool much =
            policy.retention_bytes >= 0 && left >= static_cast<uint64_t>(policy.retention_bytes);
        if (!policy.deletes || (!old && !much) || batch.end > policy.needed_from) {
          Break(name + ": offset " + std::to_string(batch.base) + " went without reason");
        }
      }
      model.start = std::max(model.start, partition.start_offset());
    }
  }

  void FillDisk() {
    full_ = !full_;
    const uint64_t used = kCapacity - *sim_.FreeDiskBytes("/data");
    sim_.SetCapacity(full_ ? std::max<uint64_t>(used, 1) + Below(10'000) : kCapacity);
  }

  void ReadSome() {
    std::string name;
    ModelTopic* model = AnyTopic(&name);
    if (model == nullptr) return;
    const PartitionLog& partition = *log_->FindPartition(model->number);
    const int64_t start = partition.start_offset();
    const auto range = static_cast<uint64_t>(partition.durable_end() - start) + 1;
    Check(name, *model, partition, start + static_cast<int64_t>(Below(range)), 1 + Below(3000));
  }

  // What a restart must bring back.
  std::string Shape() {
    std::string shape;
    for (const auto& [name, topic] : log_->topics().all()) {
      for (const uint32_t number : topic.partitions) {
        const PartitionLog& partition = *log_->FindPartition(number);
        shape += name + " " + std::to_string(partition.start_offset()) + " " +
                 std::to_string(partition.next_offset()) + ":";
        for (const SegmentPart& part : partition.parts()) {
          shape += " " + std::to_string(part.segment) + "/" + std::to_string(part.base_offset) +
                   "/" + std::to_string(part.end_offset) + "/" + std::to_string(part.bytes) + "/" +
                   std::to_string(part.batches) + "/" + std::to_string(part.max_timestamp);
        }
        shape += "\n";
      }
    }
    return shape;
  }

  void Close() {
    full_ = false;
    if (log_ && !sim_.crashed() && broken_.empty()) {
      sim_.CrashAtOperation(0);
      sim_.SetCapacity(kCapacity);
      for (; !tasks_.empty(); tasks_.pop_front()) tasks_.front()();
      Flush();
      for (; !tasks_.empty(); tasks_.pop_front()) tasks_.front()();
      const std::string before = Shape();
      CloseLog();
      if (Open() && Shape() != before) Break("replay makes\n" + Shape() + "from\n" + before);
    }
    tasks_.clear();
    CloseLog();
    sim_.Restart(Below(2) == 0 ? SimEnv::CrashKind::kPowerLost : SimEnv::CrashKind::kProcessKilled);
    sim_.SetCapacity(kCapacity);
  }
  void CloseLog() {
    retention_.reset();
    log_.reset();
  }

  SimEnv sim_;
  weir::testing::ForgetfulEnv env_;
  MetricRegistry metrics_;
  EventLogOptions options_;
  RetentionOptions retention_options_;
  std::deque<std::function<void()>> tasks_;
  bool inline_ = true;
  std::unique_ptr<EventLog> log_;
  std::unique_ptr<Retention> retention_;
  std::map<std::string, ModelTopic> topics_;
  std::set<std::string> removing_;
  std::set<std::string> gone_;
  uint64_t next_topic_ = 0;
  Position promised_ = 0;
  bool full_ = false;
  bool nothing_wanted_ = false;
  uint64_t settled_ = 0;
  uint64_t compacted_ = 0;  // times that records were missed that nobody misses
  uint64_t removed_ = 0;
  std::string broken_;
};

struct Seen {
  uint64_t settled = 0;
  uint64_t removed = 0;
  uint64_t compacted = 0;
};

std::string RunSeed(uint64_t seed, Wrong wrong, Seen* seen = nullptr) {
  World world(seed, wrong);
  for (int i = 0; i < 6 && world.broken().empty(); ++i) world.Round();
  if (world.broken().empty()) world.Finish();
  if (seen != nullptr) {
    seen->settled += world.settled() > 0 ? 1 : 0;
    seen->removed += world.removed() > 0 ? 1 : 0;
    seen->compacted += world.compacted() > 0 ? 1 : 0;
  }
  return world.broken();
}

TEST(RetentionSimTest, WhatIsWantedStaysAndWhatIsNotGoes) {
  const SimSeeds seeds(100);
  Seen seen;
  for (uint64_t seed = seeds.first; seed < seeds.end; ++seed) {
    ASSERT_EQ(RunSeed(seed, Wrong::kNothing, &seen), "") << "WEIR_SIM_SEED=" << seed;
  }
  if (seeds.end - seeds.first < 50) return;
  // The worlds are such that it happens.
  EXPECT_GT(seen.settled, (seeds.end - seeds.first) / 3);
  EXPECT_GT(seen.removed, (seeds.end - seeds.first) / 3);
  EXPECT_GT(seen.compacted, (seeds.end - seeds.first) / 3);
}

TEST(RetentionSimTest, SameSeedSameWorld) {
  const auto fingerprint = [](uint64_t seed) {
    World world(seed, Wrong::kNothing);
    for (int i = 0; i < 4; ++i) world.Round();
    return world.sim().Fingerprint();
  };
  EXPECT_EQ(fingerprint(3), fingerprint(3));
  EXPECT_NE(fingerprint(3), fingerprint(4));
}

class RetentionSimCanaryTest : public ::testing::TestWithParam<Wrong> {};

TEST_P(RetentionSimCanaryTest, IsFoundOut) {
  for (uint64_t seed = 0; seed < 1000; ++seed) {
    if (!RunSeed(seed, GetParam()).empty()) return;
  }
  FAIL() << "1000 seeds did not find it";
}

INSTANTIATE_TEST_SUITE_P(Wrongs, RetentionSimCanaryTest,
                         ::testing::Values(Wrong::kSettledNotSynced, Wrong::kCheckpointsNotSynced,
                                           Wrong::kFolderNotSynced),
                         [](const auto& info) -> std::string {
                           switch (info.param) {
                             case Wrong::kSettledNotSynced:
                               return "SettledNotSynced";
                             case Wrong::kCheckpointsNotSynced:
                               return "CheckpointsNotSynced";
                             default:
                               return "FolderNotSynced";
                           }
                         });

}  // namespace
}  // namespace weir::log
