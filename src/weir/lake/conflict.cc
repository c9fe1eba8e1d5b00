#include "weir/lake/conflict.h"

#include "weir/lake/snapshot.h"

namespace weir::lake {
namespace {

// A commit that says nothing about itself may have read anything.
bool IsBlindAppend(const Commit& commit) {
  return commit.info && commit.info->is_blind_append.value_or(false) && commit.removes.empty();
}

}  // namespace

const char* ConflictName(ConflictKind kind) {
  switch (kind) {
    case ConflictKind::kNone:
      return "none";
    case ConflictKind::kProtocolChanged:
      return "ProtocolChanged";
    case ConflictKind::kMetadataChanged:
      return "MetadataChanged";
    case ConflictKind::kConcurrentTransaction:
      return "ConcurrentTransaction";
    case ConflictKind::kConcurrentAppend:
      return "ConcurrentAppend";
    case ConflictKind::kConcurrentDeleteRead:
      return "ConcurrentDeleteRead";
    case ConflictKind::kConcurrentDeleteDelete:
      return "ConcurrentDeleteDelete";
    case ConflictKind::kDomainChanged:
      return "DomainChanged";
  }
  return "none";
}

Conflict FindConflict(const Commit& ours, const ReadScope& reads, const Commit& winner) {
  if (winner.protocol) return {ConflictKind::kProtocolChanged, ""};
  if (winner.metadata) return {ConflictKind::kMetadataChanged, ""};

  for (const auto& theirs : winner.transactions) {
    for (const auto& transaction : ours.transactions) {
      if (transaction.app_id == theirs.app_id) {
        return {ConflictKind::kConcurrentTransaction, theirs.app_id};
      }
    }
  }

  // Changing the metadata reads all that was written under the old one.
  const bool counts_blind_appends =
      reads.isolation == Isolation::kSerializable || ours.metadata.has_value();
  if (counts_blind_appends || !IsBlindAppend(winner)) {
    for (const auto& add : winner.adds) {
      if (!add.data_change) continue;  // compaction: its rows were there before
      if (reads.whole_table || (reads.may_match && reads.may_match(add))) {
        return {ConflictKind::kConcurrentAppend, add.path};
      }
    }
  }

  std::set<std::string> removed_by_us;
  for (const auto& remove : ours.removes) {
    removed_by_us.insert(FileKey(remove.path, remove.deletion_vector));
  }
  for (const auto& remove : winner.removes) {
    const std::string key = FileKey(remove.path, remove.deletion_vector);
    if (removed_by_us.contains(key)) return {ConflictKind::kConcurrentDeleteDelete, remove.path};
    if (reads.whole_table || reads.files.contains(key)) {
      return {ConflictKind::kConcurrentDeleteRead, remove.path};
    }
  }

  for (const auto& theirs : winner.domains) {
    for (const auto& domain : ours.domains) {
      if (domain.domain == theirs.domain) return {ConflictKind::kDomainChanged, theirs.domain};
    }
  }
  return {};
}

}  // namespace weir::lake
