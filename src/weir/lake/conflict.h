// Decides whether a commit conflicts with one that was put before it. This is the only place where
// that is decided.
//
// A commit that lost the race for a version is compared with every commit that won since the
// snapshot it was planned on. Without a conflict it is put again unchanged, one version later; with
// one it must be planned again on the newest snapshot, or fails.
//
//   the winner ...                                         and ours ...            then
//   changed the protocol                                   anything                kProtocolChanged
//   changed the metadata (schema, properties)              anything                kMetadataChanged
//   has a txn of our appId                                 has that txn kConcurrentTransaction
//   added files that may hold rows we read (without        read them kConcurrentAppend
//     Serializable: only if it read before it wrote)
//   removed a file we read, or any if we read all          read it kConcurrentDeleteRead removed a
//   file that we remove                          removes it              kConcurrentDeleteDelete
//   changed a metadata domain                              changes the same one    kDomainChanged
//
// Thread rule: pure functions.
#pragma once

#include <functional>
#include <set>
#include <string>

#include "weir/lake/actions.h"

namespace weir::lake {

enum class ConflictKind {
  kNone,
  kProtocolChanged,
  kMetadataChanged,
  kConcurrentTransaction,
  kConcurrentAppend,
  kConcurrentDeleteRead,
  kConcurrentDeleteDelete,
  kDomainChanged,
};
const char* ConflictName(ConflictKind kind);  // "ConcurrentAppend", as other engines say

// WriteSerializable lets a blind append (one that read nothing) take its place after us, although
// it was put before; Serializable does not.
enum class Isolation { kWriteSerializable, kSerializable };

// What a commit depends on.
struct ReadScope {
  bool whole_table = false;     // every live file
  std::set<std::string> files;  // keys (FileKey) of single files
  // May this added file hold rows that would have been read? Null: it may not (a blind append).
  std::function<bool(const AddFile&)> may_match;
  Isolation isolation = Isolation::kWriteSerializable;

  bool Blind() const { return !whole_table && files.empty() && !may_match; }
};

struct Conflict {
  ConflictKind kind = ConflictKind::kNone;
  std::string subject;  // the file, application or domain in conflict

  bool Any() const { return kind != ConflictKind::kNone; }
};

Conflict FindConflict(const Commit& ours, const ReadScope& reads, const Commit& winner);

}  // namespace weir::lake
