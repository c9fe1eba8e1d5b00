#include "weir/lake/conflict.h"

#include <gtest/gtest.h>

namespace weir::lake {
namespace {

AddFile Add(const std::string& path, bool data_change = true) {
  AddFile add;
  add.path = path;
  add.data_change = data_change;
  return add;
}
RemoveFile Remove(const std::string& path) {
  RemoveFile remove;
  remove.path = path;
  return remove;
}
Commit BlindAppend(const std::string& path) {
  Commit commit;
  commit.info.emplace();
  commit.info->is_blind_append = true;
  commit.adds.push_back(Add(path));
  return commit;
}
Commit ReadThenAdd(const std::string& path) {
  Commit commit = BlindAppend(path);
  commit.info->is_blind_append = false;
  return commit;
}
ReadScope ReadsAll(Isolation isolation = Isolation::kWriteSerializable) {
  ReadScope reads;
  reads.whole_table = true;
  reads.isolation = isolation;
  return reads;
}
ReadScope ReadsFile(const std::string& path) {
  ReadScope reads;
  reads.files = {path};
  return reads;
}

ConflictKind Kind(const Commit& ours, const ReadScope& reads, const Commit& winner) {
  return FindConflict(ours, reads, winner).kind;
}

TEST(ConflictTest, BlindAppendsNeverMeet) {
  EXPECT_EQ(Kind(BlindAppend("a"), {}, BlindAppend("b")), ConflictKind::kNone);
  EXPECT_EQ(Kind(BlindAppend("a"), {}, ReadThenAdd("b")), ConflictKind::kNone);
  Commit deletes;
  deletes.removes.push_back(Remove("x"));
  EXPECT_EQ(Kind(BlindAppend("a"), {}, deletes), ConflictKind::kNone);
}

TEST(ConflictTest, ProtocolAndMetadataMeetEverything) {
  Commit winner;
  winner.metadata = Metadata{};
  EXPECT_EQ(Kind(BlindAppend("a"), {}, winner), ConflictKind::kMetadataChanged);
  winner.protocol = Protocol{};
  EXPECT_EQ(Kind(BlindAppend("a"), {}, winner), ConflictKind::kProtocolChanged);
}

TEST(ConflictTest, AppendsToWhatWasRead) {
  const Commit ours = ReadThenAdd("new");
  // WriteSerializable lets a blind append take its place after ours.
  EXPECT_EQ(Kind(ours, ReadsAll(), BlindAppend("b")), ConflictKind::kNone);
  EXPECT_EQ(Kind(ours, ReadsAll(), ReadThenAdd("b")), ConflictKind::kConcurrentAppend);
  EXPECT_EQ(Kind(ours, ReadsAll(Isolation::kSerializable), BlindAppend("b")),
            ConflictKind::kConcurrentAppend);
  // A commit that does not say is not blind.
  Commit silent;
  silent.adds.push_back(Add("b"));
  EXPECT_EQ(Kind(ours, ReadsAll(), silent), ConflictKind::kConcurrentAppend);
  // Changing the metadata is a read of everything before it.
  Commit widens = ours;
  widens.metadata = Metadata{};
  EXPECT_EQ(Kind(widens, ReadsAll(), BlindAppend("b")), ConflictKind::kConcurrentAppend);
}

TEST(ConflictTest, OnlyFilesThatMayMatchCount) {
  ReadScope reads;
  reads.isolation = Isolation::kSerializable;
  reads.may_match = [](const AddFile& add) { return add.path == "match"; };
  EXPECT_EQ(Kind(ReadThenAdd("n"), reads, BlindAppend("other")), ConflictKind::kNone);
  EXPECT_EQ(Kind(ReadThenAdd("n"), reads, BlindAppend("match")), ConflictKind::kConcurrentAppend);
}

TEST(ConflictTest, CompactionAddsNothing) {
  Commit compaction;
  compaction.adds.push_back(Add("big", false));
  EXPECT_EQ(Kind(ReadThenAdd("n"), ReadsFile("a"), compaction), ConflictKind::kNone);
  compaction.removes.push_back(Remove("a"));
  EXPECT_EQ(Kind(ReadThenAdd("n"), ReadsFile("a"), compaction),
            ConflictKind::kConcurrentDeleteRead);
}

TEST(ConflictTest, Removals) {
  Commit ours;
  ours.removes.push_back(Remove("a%20b"));
  Commit winner;
  winner.removes.push_back(Remove("a b"));  // the same file, spelled otherwise
  EXPECT_EQ(Kind(ours, {}, winner), ConflictKind::kConcurrentDeleteDelete);
  EXPECT_EQ(Kind(BlindAppend("n"), ReadsFile("a b"), winner), ConflictKind::kConcurrentDeleteRead);
  EXPECT_EQ(Kind(BlindAppend("n"), ReadsFile("c"), winner), ConflictKind::kNone);
  EXPECT_EQ(Kind(BlindAppend("n"), ReadsAll(), winner), ConflictKind::kConcurrentDeleteRead);
}

TEST(ConflictTest, TransactionsAndDomains) {
  Commit ours = BlindAppend("a");
  ours.transactions.push_back({"flow", 3, {}});
  ours.domains.push_back({"mine", "", false});
  Commit winner = BlindAppend("b");
  winner.transactions.push_back({"other", 3, {}});
  winner.domains.push_back({"theirs", "", false});
  EXPECT_EQ(Kind(ours, {}, winner), ConflictKind::kNone);
  winner.domains.push_back({"mine", "x", false});
  EXPECT_EQ(Kind(ours, {}, winner), ConflictKind::kDomainChanged);
  winner.transactions.push_back({"flow", 1, {}});
  EXPECT_EQ(Kind(ours, {}, winner), ConflictKind::kConcurrentTransaction);
}

}  // namespace
}  // namespace weir::lake
