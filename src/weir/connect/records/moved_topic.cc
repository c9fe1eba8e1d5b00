#include "weir/connect/records/moved_topic.h"

#include <fmt/format.h>

#include <map>
#include <memory>
#include <vector>

#include "weir/connect/kafka/copy_map.h"

namespace weir::connect {

namespace {

constexpr size_t kNotesAtOnce = 500;

// By partition of this topic of that cluster.
Result<std::map<int32_t, CopyMap>> ReadCopyMaps(RecordLog& log, const RecordPosition& of) {
  std::map<int32_t, CopyMap> maps;
  WEIR_ASSIGN_OR_RETURN(const auto notes, log.Other(kCopiesTopic));
  const auto ends = notes->Ends();
  if (!ends.ok()) {
    if (ends.error().code() == ErrorCode::kNotFound) return maps;
    return ends.error();
  }
  for (const PartitionEnds& partition : ends->partitions) {
    if (partition.begin >= partition.end) continue;
    WEIR_ASSIGN_OR_RETURN(const auto reader, notes->Read(partition.partition, partition.begin,
                                                         partition.end, /*with_headers=*/false));
    std::vector<LogRecord> records;
    do {
      WEIR_RETURN_IF_ERROR(reader->Next(kNotesAtOnce, &records));
      for (const LogRecord& record : records) {
        if (!record.value) continue;
        WEIR_ASSIGN_OR_RETURN(const auto note, ParseCopyNote(*record.value));
        if (note.first.cluster != of.cluster || note.first.topic != of.topic) continue;
        WEIR_RETURN_IF_ERROR(maps[note.first.partition].Append(note.second));
      }
    } while (!records.empty());
  }
  return maps;
}

}  // namespace

Result<RecordPosition> PositionInCopy(RecordLog& log, const RecordPosition& before,
                                      const TopicEnds& ends) {
  WEIR_ASSIGN_OR_RETURN(const auto maps, ReadCopyMaps(log, before));
  if (maps.empty()) {
    return Error::User(
               ErrorCode::kConflict,
               fmt::format("topic '{}' was read in another cluster ({}), and this one ({}) has no "
                           "copy of it from there",
                           before.topic, before.cluster, ends.cluster))
        .Fix(
            "copy it with 'weir topic copy', or read this one from its beginning with "
            "--full-refresh");
  }
  RecordPosition position;
  position.cluster = ends.cluster;
  position.topic = before.topic;
  position.id = ends.id;
  for (const auto& [partition, next] : before.partitions) {
    const auto map = maps.find(partition);
    const int64_t seen = map == maps.end() ? 0 : map->second.seen();
    if (next > seen) {
      return Error::User(ErrorCode::kConflict,
                         fmt::format("{}/{} was read up to offset {}, and copied up to {}",
                                     before.topic, partition, next, seen))
          .Fix("run 'weir topic copy' again, to its end");
    }
    position.partitions[partition] = map == maps.end() ? 0 : map->second.Translate(next);
  }
  return position;
}

}  // namespace weir::connect
