#include "weir/connect/kafka/copy_map.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <span>

#include "weir/base/json.h"

namespace weir::connect {

namespace {

// Some 300 kB of text: below what any topic takes as one record.
constexpr size_t kRunsPerNote = 5'000;

Error NoNote(std::string_view what) {
  return Error::Operator(ErrorCode::kCorrupt, fmt::format("a record of {}: {}", kCopiesTopic, what))
      .Fix("another program wrote to this topic; remove its records");
}

CopyNote NoteOf(const CopySource& source, std::span<const CopyRun> runs, int64_t seen) {
  OrderedJson list = OrderedJson::array();
  for (const CopyRun& run : runs) list.push_back({run.first, run.to, run.count});
  CopyNote note;
  note.key = fmt::format("{}/{}/{}/", source.cluster, source.topic, source.partition);
  note.key += runs.empty() ? "seen" : fmt::format("{:020}", runs.front().first);
  note.value = ToText(OrderedJson{{"cluster", source.cluster},
                                  {"topic", source.topic},
                                  {"partition", source.partition},
                                  {"runs", std::move(list)},
                                  {"seen", seen}});
  return note;
}

}  // namespace

Status CopyMap::Add(int64_t offset, int64_t to) {
  if (!runs_.empty()) {
    CopyRun& last = runs_.back();
    if (offset == last.first + last.count && to == last.to + last.count) {
      last.count += 1;
      return Status::Ok();
    }
  }
  return Add(CopyRun{offset, to, 1});
}

Status CopyMap::Add(const CopyRun& run) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max() / 2;
  if (run.first < next() || run.to < copied_end() || run.count <= 0 || run.first > kMost ||
      run.to > kMost || run.count > kMost) {
    return NoNote(
        fmt::format("{} records from offset {} copied to {}, but all below {} is at {} already",
                    run.count, run.first, run.to, next(), copied_end()));
  }
  runs_.push_back(run);
  return Status::Ok();
}

Status CopyMap::Append(const CopyMap& later) {
  for (const CopyRun& run : later.runs_) {
    if (!runs_.empty() && run.first == next() && run.to == copied_end()) {
      runs_.back().count += run.count;
    } else {
      WEIR_RETURN_IF_ERROR(Add(run));
    }
  }
  SetSeen(later.seen_);
  return Status::Ok();
}

int64_t CopyMap::records() const {
  int64_t records = 0;
  for (const CopyRun& run : runs_) records += run.count;
  return records;
}

int64_t CopyMap::Translate(int64_t offset) const {
  // The first run that ends above the offset.
  const auto run = std::upper_bound(runs_.begin(), runs_.end(), offset,
                                    [](int64_t wanted, const CopyRun& candidate) {
                                      return wanted < candidate.first + candidate.count;
                                    });
  if (run == runs_.end()) return copied_end();
  return run->to + std::max<int64_t>(0, offset - run->first);
}

std::vector<CopyNote> WriteCopyNotes(const CopySource& source, const CopyMap& map) {
  std::vector<CopyNote> notes;
  const std::span<const CopyRun> runs = map.runs();
  if (runs.empty()) notes.push_back(NoteOf(source, runs, map.seen()));
  for (size_t begin = 0; begin < runs.size(); begin += kRunsPerNote) {
    const auto some = runs.subspan(begin, std::min(kRunsPerNote, runs.size() - begin));
    const bool last = begin + kRunsPerNote >= runs.size();
    notes.push_back(
        NoteOf(source, some, last ? map.seen() : some.back().first + some.back().count));
  }
  return notes;
}

Result<std::pair<CopySource, CopyMap>> ParseCopyNote(std::string_view value) {
  const auto json = ParseJson(value);
  if (!json.ok()) return NoNote(json.error().message());
  if (!json->is_object()) return NoNote("no object");
  std::pair<CopySource, CopyMap> out;
  WEIR_ASSIGN_OR_RETURN(out.first.cluster, StringField(*json, "cluster"));
  WEIR_ASSIGN_OR_RETURN(out.first.topic, StringField(*json, "topic"));
  WEIR_ASSIGN_OR_RETURN(const int64_t partition, Int64Field(*json, "partition"));
  if (partition < 0 || partition > std::numeric_limits<int32_t>::max())
    return NoNote("no partition");
  out.first.partition = static_cast<int32_t>(partition);
  WEIR_ASSIGN_OR_RETURN(const int64_t seen, Int64Field(*json, "seen"));
  if (seen < 0) return NoNote("no offset that was seen");
  out.second.SetSeen(seen);
  const auto runs = json->find("runs");
  if (runs == json->end() || !runs->is_array()) return NoNote("no runs");
  for (const Json& run : *runs) {
    if (!run.is_array() || run.size() != 3) return NoNote("a run of other than three numbers");
    int64_t numbers[3];
    for (size_t i = 0; i < 3; ++i) {
      if (!run[i].is_number_integer() ||
          (run[i].is_number_unsigned() && run[i].get<uint64_t>() >> 63)) {
        return NoNote("a run of other than three numbers");
      }
      numbers[i] = run[i].get<int64_t>();
    }
    WEIR_RETURN_IF_ERROR(out.second.Add(CopyRun{numbers[0], numbers[1], numbers[2]}));
  }
  return out;
}

}  // namespace weir::connect
