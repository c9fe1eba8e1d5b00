// Segment files as a crash or a bad disk may leave them. The first byte says which of three:
//
//   any bytes as a segment       opened, or refused; opened again, they say the same
//   frames with right checksums  those of whole groups come back as they were; what follows is cut
//   a good log, damaged          opened, or refused; what is read of it are batches as they were
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/base/byte_codec.h"
#include "weir/base/sim_env.h"
#include "weir/log/event_log.h"
#include "weir/log/journal.h"
#include "weir/log/testing/test_batch.h"

namespace {

using namespace weir::log;  // NOLINT: a program of one file
using weir::ByteReader;
using weir::SimEnv;

constexpr const char* kFolder = "/log";
constexpr const char* kFirstSegment = "/log/00000000000000000000.log";
constexpr const char* kTopic = "t";
constexpr size_t kPartitions = 2;
constexpr int32_t kBatches = 24;
constexpr size_t kBatchBytes = 300;
constexpr size_t kEditsMax = 8;

void Must(bool holds, int line = __builtin_LINE()) {
  if (holds) return;
  std::fprintf(stderr, "line %d does not hold\n", line);
  abort();
}

void Write(SimEnv& env, const std::string& path, std::string_view bytes) {
  Must(env.CreateDirs(kFolder).ok());
  Must(env.WriteFileAtomic(path, bytes).ok());
}

using Bodies = std::vector<std::pair<uint32_t, std::string>>;  // stream, body

// What is replayed; nothing if it is refused.
struct Opened {
  Bodies bodies;
  JournalRecovery recovery;
};
std::optional<Opened> OpenJournal(SimEnv& env) {
  weir::MetricRegistry metrics;
  Opened opened;
  auto journal = Journal::Open(
      env, metrics, {.folder = kFolder}, 0,
      [&](const Frame& frame, Position) {
        opened.bodies.emplace_back(frame.stream, frame.body);
        return weir::Status::Ok();
      },
      &opened.recovery);
  if (!journal.ok()) return std::nullopt;
  (void)(*journal)->ScanSegment(0, [](const Frame& frame) { Must(frame.end() > frame.position); });
  return opened;
}

// What was opened once is opened again, as it is now.
void OpenTwice(SimEnv& env) {
  const auto once = OpenJournal(env);
  if (!once) return;
  const auto again = OpenJournal(env);
  Must(again && again->recovery.end >= once->recovery.end && again->bodies == once->bodies);
  Must(again->recovery.torn_bytes == 0);
}

void AnyBytes(std::string_view bytes) {
  SimEnv env(1);
  Write(env, kFirstSegment, bytes);
  OpenTwice(env);
  char header[kSegmentHeaderBytes];
  WriteSegmentHeader(0, header);
  SimEnv headed(1);
  Write(headed, kFirstSegment, std::string(header, sizeof(header)).append(bytes));
  OpenTwice(headed);
}

// For each frame: its stream and whether it ends its group, and a body; then what was torn.
void GoodFrames(std::string_view bytes) {
  ByteReader in(bytes);
  std::string file(kSegmentHeaderBytes, '\0');
  WriteSegmentHeader(0, file.data());
  Bodies group;
  Bodies whole;
  size_t end = file.size();
  for (size_t left = in.U8() % 16; left > 0 && in.ok(); --left) {
    const uint8_t what = in.U8();
    const std::string body(in.String());
    if (!in.ok()) break;
    Frame frame;
    frame.kind = (what & 1) != 0 ? FrameKind::kBatch : FrameKind::kState;
    frame.ends_group = (what & 2) != 0;
    frame.stream = static_cast<uint32_t>(what >> 2);
    frame.position = file.size();
    frame.body = body;
    const size_t at = file.size();
    file.append(kFrameHeaderBytes, '\0').append(body);
    WriteFrameHeader({frame.kind, frame.ends_group, frame.stream, frame.position, frame.durable,
                      std::string_view(file).substr(at + kFrameHeaderBytes)},
                     file.data() + at);
    group.emplace_back(frame.stream, body);
    if (!frame.ends_group) continue;
    whole.insert(whole.end(), group.begin(), group.end());
    group.clear();
    end = file.size();
  }
  std::string torn(in.Raw(in.U8()));
  // A frame with a right checksum would be no torn one.
  for (char& c : torn) c = c == 'W' ? 'w' : c;
  file += torn;
  SimEnv env(1);
  Write(env, kFirstSegment, file);
  const auto opened = OpenJournal(env);
  Must(opened && opened->bodies == whole && opened->recovery.damage.empty());
  Must(opened->recovery.end == end && opened->recovery.torn_bytes == file.size() - end);
}

// The batches that a log has, by partition and base offset.
using Batches = std::map<std::pair<uint32_t, int64_t>, std::string>;

std::unique_ptr<EventLog> OpenLog(SimEnv& env, weir::MetricRegistry& metrics) {
  EventLogOptions options;
  options.journal.folder = kFolder;
  options.journal.segment_bytes = 4096;
  EventLogRecovery recovery;
  auto log = EventLog::Open(env, metrics, options, &recovery);
  return log.ok() ? std::move(log).value() : nullptr;
}

Batches ReadAll(EventLog& log) {
  Batches found;
  const Topic* topic = log.topics().Find(kTopic);
  if (topic == nullptr) return found;
  for (const uint32_t number : topic->partitions) {
    const PartitionLog& partition = *log.FindPartition(number);
    for (int64_t offset = partition.start_offset(); offset < partition.durable_end();) {
      const FetchedBatches read =
          log.Read(number, offset, {.max_bytes = 1000, .end_offset = partition.durable_end()});
      if (read.batches.empty()) break;
      for (const std::string_view batch : read.batches) {
        const auto header = ReadBatchHeader(batch);
        Must(header && header->last_offset() >= offset);
        offset = header->last_offset() + 1;
        Must(found.emplace(std::pair(number, header->base_offset), batch).second);
      }
    }
  }
  return found;
}

struct GoodLog {
  std::map<std::string, std::string> files;  // by path
  Batches batches;
};

GoodLog MakeGoodLog() {
  GoodLog good;
  SimEnv env(1);
  weir::MetricRegistry metrics;
  {
    const auto log = OpenLog(env, metrics);
    Must(log != nullptr);
    const auto flush = [&] {
      Must(log->journal().Flush().ok());
      log->Advance(log->journal().durable());
    };
    std::vector<StateChange> changes;
    Topic topic;
    topic.name = kTopic;
    topic.partitions = log->NewPartitionNumbers(kPartitions, &changes);
    changes.push_back(Topics::Put(topic));
    Must(log->Commit({}, changes, nullptr).ok());
    for (int32_t i = 0; i < kBatches; ++i) {
      const auto batch = testing::TestBatch(1 + i % 3).Timestamp(1000 + i).Size(kBatchBytes);
      NewBatch added;
      added.partition = topic.partitions[static_cast<size_t>(i) % kPartitions];
      added.bytes = batch.bytes();
      added.header = *ReadBatchHeader(batch.bytes());
      Must(log->Append(added).error == kafka::KafkaError::kNone);
      if (i % 5 == 4) flush();
    }
    flush();
    good.batches = ReadAll(*log);
  }
  Must(good.batches.size() == kBatches);
  const auto entries = env.ListDir(kFolder);
  Must(entries.ok());
  for (const weir::FileInfo& entry : *entries) {
    const std::string path = weir::JoinPath(kFolder, entry.path);
    good.files[path] = *env.ReadFile(path);
  }
  return good;
}

// An edit: which file, where, what is done, and with how many bytes.
void Edit(ByteReader& in, std::map<std::string, std::string>& files) {
  auto file = files.begin();
  std::advance(file, static_cast<std::ptrdiff_t>(in.U8() % files.size()));
  std::string& bytes = file->second;
  const size_t at = in.Varint() % (bytes.size() + 1);
  const uint8_t what = in.U8();
  const size_t count = in.Varint() % (bytes.size() + 1);
  switch (what % 6) {
    case 0:  // written over
      bytes.replace(at, std::min(count, bytes.size() - at), in.String());
      break;
    case 1:  // cut off
      bytes.resize(at);
      break;
    case 2:  // never written
      std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                  std::min(count, bytes.size() - at), '\0');
      break;
    case 3:  // a bit
      if (at < bytes.size()) bytes[at] = static_cast<char>(bytes[at] ^ (1 << (what / 6 % 8)));
      break;
    case 4:  // bytes of elsewhere
      bytes.insert(at, bytes.substr(0, count));
      break;
    default:
      files.erase(file);
      break;
  }
}

void Damaged(std::string_view bytes) {
  static const GoodLog good = MakeGoodLog();
  ByteReader in(bytes);
  auto files = good.files;
  for (size_t edits = 0; edits < kEditsMax && in.ok() && !in.done() && !files.empty(); ++edits) {
    Edit(in, files);
  }
  SimEnv env(1);
  for (const auto& [path, content] : files) Write(env, path, content);
  if (files.empty()) return;
  weir::MetricRegistry metrics;
  std::optional<Batches> before;
  for (int opened = 0; opened < 2; ++opened) {
    const auto log = OpenLog(env, metrics);
    if (!log) return;
    Batches found = ReadAll(*log);
    for (const auto& [place, batch] : found) {
      const auto written = good.batches.find(place);
      Must(written != good.batches.end() && written->second == batch);
    }
    // What one start keeps the next one keeps.
    if (before) Must(found == *before);
    before = std::move(found);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string input(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 3) {
    case 0:
      AnyBytes(input);
      break;
    case 1:
      GoodFrames(input);
      break;
    default:
      Damaged(input);
      break;
  }
  return 0;
}
