// weir topic tail: records of a topic, as they are and as they come.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <charconv>
#include <functional>
#include <limits>
#include <tuple>

#include "weir/base/json_writer.h"
#include "weir/cli/terminal.h"
#include "weir/cli/topic/record_filter.h"
#include "weir/cli/topic/topic_command.h"
#include "weir/guard/dead_letter.h"
#include "weir/observe/quantity.h"
#include "weir/observe/text_table.h"
#include "weir/server/topics/record_columns.h"
#include "weir/server/topics/topic_reader.h"

namespace weir::cli {

namespace {

using server::KafkaAdmin;
using server::Offsets;
using server::ReadRange;
using server::TopicPartition;
using server::TopicReader;
using server::TopicRecord;

constexpr int64_t kLastDefault = 10;
constexpr int64_t kLastMax = 1'000'000;
constexpr int32_t kWaitMs = 200;  // so long Ctrl-C may wait

struct TailFlags {
  std::string topic;
  std::string from;
  int64_t last = -1;
  int64_t limit = -1;
  bool follow = false;
  bool uncommitted = false;
  bool full = false;
  std::string partitions;
  std::string where;
  std::string format = "text";
};

// A record that outlives the reader's buffers.
struct Shown {
  int32_t partition = 0;
  int64_t offset = 0;
  int64_t timestamp = -1;
  std::optional<std::string> key;
  std::optional<std::string> value;
  std::map<std::string, std::optional<std::string>> headers;
  std::optional<std::string> raw_value;  // --format raw
};

Shown ShownOf(const TopicRecord& record, bool raw) {
  Shown shown;
  shown.partition = record.partition->partition;
  shown.offset = record.record.offset;
  shown.timestamp = record.record.timestamp;
  if (raw) {
    if (record.record.value) shown.raw_value = std::string(*record.record.value);
    return shown;
  }
  if (record.record.key) shown.key = server::RecordText(*record.record.key);
  if (record.record.value) shown.value = server::RecordText(*record.record.value);
  shown.headers = server::RecordHeaders(record.record);
  return shown;
}

// One line, whatever the bytes do to terminals.
std::string Tame(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\x{:02X}", byte);
    } else {
      out += c;
    }
  }
  return out;
}

class Printer {
 public:
  Printer(const TailFlags& flags, size_t width)
      : topic_(flags.topic), format_(flags.format), width_(flags.full ? 0 : width) {}

  void Print(const Shown& shown) {
    ++printed_;
    if (format_ == "raw") {
      if (shown.raw_value) std::fwrite(shown.raw_value->data(), 1, shown.raw_value->size(), stdout);
      std::fputc('\n', stdout);
    } else if (format_ == "json") {
      PrintObject(shown);
    } else {
      PrintText(shown);
    }
  }
  int64_t printed() const { return printed_; }

 private:
  void PrintObject(const Shown& shown) const {
    JsonWriter json;
    json.BeginObject().Key("topic").String(topic_).Key("partition").Int(shown.partition);
    json.Key("offset").Int(shown.offset);
    json.Key("timestamp");
    shown.timestamp < 0 ? json.Null() : json.String(MomentText(shown.timestamp));
    json.Key("key");
    shown.key ? json.String(*shown.key) : json.Null();
    json.Key("value");
    shown.value ? json.String(*shown.value) : json.Null();
    json.Key("headers").NullableStringMap(shown.headers).EndObject();
    fmt::print("{}\n", json.text());
  }

  void PrintText(const Shown& shown) const {
    std::string line =
        fmt::format("{}  {}@{}  ", MomentText(shown.timestamp), shown.partition, shown.offset);
    if (shown.key) line += Tame(*shown.key) + "  ";
    line += shown.value ? Tame(*shown.value) : "(no value: a tombstone)";
    PrintLine(line);
    if (const auto letter = guard::DeadLetterText(shown.headers)) PrintLine("    " + Tame(*letter));
    for (const auto& [name, value] : shown.headers) {
      if (guard::IsDeadLetterHeader(name)) continue;
      PrintLine("    " + Tame(name) + ": " + (value ? Tame(*value) : "(null)"));
    }
  }
  void PrintLine(const std::string& line) const {
    fmt::print("{}\n", width_ == 0 ? line : observe::CutTo(line, width_));
  }

  const std::string topic_;
  const std::string format_;
  const size_t width_;
  int64_t printed_ = 0;
};

// Where each partition is begun.
Result<Offsets> Begins(KafkaAdmin& admin, const TailFlags& flags,
                       const std::vector<TopicPartition>& partitions, const Offsets& ends) {
  const bool committed = !flags.uncommitted;
  if (flags.from == "earliest") return admin.OffsetsAt(partitions, server::kEarliest, committed);
  Offsets begins = ends;
  if (flags.from == "latest") return begins;
  if (flags.from.empty()) {
    WEIR_ASSIGN_OR_RETURN(const Offsets kept,
                          admin.OffsetsAt(partitions, server::kEarliest, committed));
    for (auto& [partition, begin] : begins) {
      begin.offset = std::max(begin.offset - flags.last, kept.at(partition).offset);
    }
    return begins;
  }
  int64_t offset = 0;
  const char* const end = flags.from.data() + flags.from.size();
  const auto parsed = std::from_chars(flags.from.data(), end, offset);
  if (parsed.ec == std::errc() && parsed.ptr == end && offset >= 0) {
    for (auto& [partition, begin] : begins) begin.offset = std::min(begin.offset, offset);
    return begins;
  }
  const auto moment = ParseMoment(flags.from, RealEnv().NowMicros());
  if (!moment) {
    return Error::User(ErrorCode::kInvalid, "'" + flags.from + "' is no place in a topic")
        .At("--from")
        .Fix("write earliest, latest, an offset, a time (2026-11-21 19:00) or how long ago (15m)");
  }
  WEIR_ASSIGN_OR_RETURN(const Offsets found, admin.OffsetsAt(partitions, *moment, committed));
  for (auto& [partition, begin] : begins) {
    const auto at = found.find(partition);
    if (at != found.end() && at->second.offset >= 0) {
      begin.offset = std::min(begin.offset, at->second.offset);
    }
  }
  return begins;
}

Result<std::vector<TopicPartition>> PartitionsOf(KafkaAdmin& admin, const TailFlags& flags) {
  WEIR_ASSIGN_OR_RETURN(const server::TopicInfo topic, admin.Topic(flags.topic));
  if (flags.partitions.empty()) return topic.Partitions();
  WEIR_ASSIGN_OR_RETURN(const std::vector<int32_t> wanted, ParsePartitions(flags.partitions));
  std::vector<TopicPartition> partitions;
  for (const int32_t index : wanted) {
    if (static_cast<size_t>(index) >= topic.partitions.size()) {
      return Error::User(ErrorCode::kInvalid,
                         flags.topic + " has no partition " + std::to_string(index))
          .At("--partition")
          .Fix("its partitions are 0 to " + std::to_string(topic.partitions.size() - 1));
    }
    partitions.push_back({flags.topic, index});
  }
  return partitions;
}

// Records on their way from a reader to the printer, through --where if there is one.
class Tail {
 public:
  Tail(const TailFlags& flags, RecordFilter* filter, std::function<void(Shown)> show)
      : flags_(flags), filter_(filter), show_(std::move(show)) {}

  Status Add(const TopicRecord& record) {
    Shown shown = ShownOf(record, flags_.format == "raw");
    if (filter_ == nullptr) {
      show_(std::move(shown));
      return Status::Ok();
    }
    filter_->Add(record);
    waiting_.push_back(std::move(shown));
    return filter_->size() == RecordFilter::kBatch ? Flush() : Status::Ok();
  }
  Status Flush() {
    if (waiting_.empty()) return Status::Ok();
    WEIR_ASSIGN_OR_RETURN(const std::vector<size_t> kept, filter_->Take());
    for (const size_t place : kept) show_(std::move(waiting_[place]));
    waiting_.clear();
    return Status::Ok();
  }

 private:
  const TailFlags& flags_;
  RecordFilter* const filter_;
  const std::function<void(Shown)> show_;
  std::vector<Shown> waiting_;
};

// Reads until the ranges end, `stop` says so, or Ctrl-C.
Status Read(TopicReader& reader, Tail& tail, const std::function<bool()>& stop,
            const std::atomic<bool>& interrupted) {
  while (!interrupted && !stop()) {
    TopicRecord record;
    WEIR_ASSIGN_OR_RETURN(const bool found, reader.Next(kWaitMs, &record));
    if (found) WEIR_RETURN_IF_ERROR(tail.Add(record));
    if (found && reader.has_buffered()) continue;
    WEIR_RETURN_IF_ERROR(tail.Flush());
    std::fflush(stdout);
    if (reader.done()) break;
  }
  return tail.Flush();
}

Result<int> Run(const TopicFlags& where, TailFlags flags) {
  if (flags.from.empty() && flags.last < 0) {
    flags.last = flags.follow ? 0 : kLastDefault;
    // As tail of files has it: the newest so many.
    if (!flags.follow && flags.limit >= 0) flags.last = std::min(flags.limit, kLastMax);
  }
  WEIR_ASSIGN_OR_RETURN(const TopicSession session, OpenTopics(where));
  KafkaAdmin& admin = *session.admin;
  WEIR_ASSIGN_OR_RETURN(const auto partitions, PartitionsOf(admin, flags));
  const bool committed = !flags.uncommitted;
  WEIR_ASSIGN_OR_RETURN(const Offsets ends,
                        admin.OffsetsAt(partitions, server::kLatest, committed));
  WEIR_ASSIGN_OR_RETURN(const Offsets begins, Begins(admin, flags, partitions, ends));
  std::unique_ptr<RecordFilter> filter;
  if (!flags.where.empty()) {
    WEIR_ASSIGN_OR_RETURN(filter, RecordFilter::Open(flags.where));
  }

  const std::atomic<bool>& interrupted = CatchInterrupts();
  Printer printer(flags, TerminalWidth(1));
  const auto enough = [&] { return flags.limit >= 0 && printer.printed() >= flags.limit; };
  std::vector<ReadRange> ranges;
  for (const auto& [partition, begin] : begins) {
    ranges.push_back({partition, begin.offset, ends.at(partition).offset});
  }
  if (flags.from.empty()) {
    // The newest of all partitions: each one's newest, in the order of time.
    std::vector<Shown> newest;
    Tail gather(flags, filter.get(), [&](Shown shown) { newest.push_back(std::move(shown)); });
    TopicReader reader(admin, ranges, {.committed = committed});
    WEIR_RETURN_IF_ERROR(Read(
        reader, gather, [] { return false; }, interrupted));
    std::sort(newest.begin(), newest.end(), [](const Shown& a, const Shown& b) {
      return std::tie(a.timestamp, a.partition, a.offset) <
             std::tie(b.timestamp, b.partition, b.offset);
    });
    const auto count = static_cast<int64_t>(newest.size());
    for (int64_t i = std::max<int64_t>(count - flags.last, 0); i < count && !enough(); ++i) {
      printer.Print(newest[static_cast<size_t>(i)]);
    }
    for (ReadRange& range : ranges) range.begin = range.end;
  }
  std::fflush(stdout);
  if (flags.follow) {
    for (ReadRange& range : ranges) range.end = std::numeric_limits<int64_t>::max();
  }
  TopicReader reader(admin, ranges, {.committed = committed});
  Tail tail(flags, filter.get(), [&](Shown shown) {
    if (!enough()) printer.Print(shown);
  });
  WEIR_RETURN_IF_ERROR(Read(reader, tail, enough, interrupted));
  std::fflush(stdout);
  if (interrupted && !flags.follow) return kExitInterrupted;
  if (printer.printed() == 0 && flags.format == "text" && IsTerminal(1)) {
    fmt::print(stderr, "no record of {} there\n", flags.topic);
  }
  return 0;
}

}  // namespace

void AddTopicTailCommand(CLI::App& topic, Outcome& outcome, TopicFlags& where) {
  auto flags = std::make_shared<TailFlags>();
  CLI::App& command =
      AddTopicSubcommand(topic, outcome, where, "tail", "the newest records, or from a place on",
                         &flags->format, [&where, flags] { return Run(where, *flags); });
  command.add_option("topic", flags->topic, "the topic")->required();
  command.add_flag("-f,--follow", flags->follow, "and what comes, until Ctrl-C");
  CLI::Option* from = command.add_option(
      "--from", flags->from, "earliest, latest, an offset, a time (UTC), or how long ago (15m)");
  command.add_option("--last", flags->last, "so many of the newest records (10)")
      ->check(CLI::Range(int64_t{0}, kLastMax))
      ->excludes(from);
  command.add_option("-n,--limit", flags->limit, "stop after so many")
      ->check(CLI::Range(int64_t{0}, int64_t{1'000'000'000'000}));
  command.add_option("--partition", flags->partitions, "only these, as 0,2,4-7");
  command.add_option("--where", flags->where,
                     "SQL condition over partition, \"offset\", timestamp, key, value, headers");
  command.add_flag("--uncommitted,!--committed", flags->uncommitted,
                   "unfinished and aborted transactions too; --committed: not, as without");
  command.add_flag("--full", flags->full, "don't cut lines to the terminal");
  command
      .add_option("--format", flags->format,
                  "text; json: an object a line; raw: the values' bytes, each with a line feed")
      ->check(CLI::IsMember({"text", "json", "raw"}))
      ->capture_default_str();
}

}  // namespace weir::cli
