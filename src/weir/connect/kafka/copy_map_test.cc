#include "weir/connect/kafka/copy_map.h"

#include <gtest/gtest.h>

namespace weir::connect {
namespace {

CopyMap Of(const std::vector<std::pair<int64_t, int64_t>>& records) {
  CopyMap map;
  for (const auto& [from, to] : records) EXPECT_TRUE(map.Add(from, to).ok());
  return map;
}

TEST(CopyMapTest, NeighboursAreOneRun) {
  const CopyMap map = Of({{5, 0}, {6, 1}, {7, 2}, {9, 3}, {10, 5}});
  const std::vector<CopyRun> expected = {{5, 0, 3}, {9, 3, 1}, {10, 5, 1}};
  EXPECT_EQ(map.runs(), expected);
  EXPECT_EQ(map.next(), 11);
  EXPECT_EQ(map.copied_end(), 6);
  EXPECT_EQ(map.records(), 5);
}

TEST(CopyMapTest, TranslatesWhatAReaderWouldReadNext) {
  const CopyMap map = Of({{5, 0}, {6, 1}, {9, 3}, {10, 5}});
  EXPECT_EQ(map.Translate(0), 0);  // before what the source still had
  EXPECT_EQ(map.Translate(5), 0);
  EXPECT_EQ(map.Translate(6), 1);
  EXPECT_EQ(map.Translate(7), 3);  // in a gap: the next record
  EXPECT_EQ(map.Translate(9), 3);
  EXPECT_EQ(map.Translate(10), 5);
  EXPECT_EQ(map.Translate(11), 6);  // all read
  EXPECT_EQ(map.Translate(99), 6);
  EXPECT_EQ(CopyMap().Translate(7), 0);
}

TEST(CopyMapTest, RefusesToGoBack) {
  CopyMap map = Of({{5, 7}});
  EXPECT_FALSE(map.Add(5, 8).ok());
  EXPECT_FALSE(map.Add(6, 7).ok());
  EXPECT_FALSE(map.Add(CopyRun{6, 8, 0}).ok());
  EXPECT_TRUE(map.Add(6, 8).ok());
}

TEST(CopyMapTest, AppendedMapsAreOneAgain) {
  CopyMap map = Of({{1, 1}, {2, 2}});
  ASSERT_TRUE(map.Append(Of({{3, 3}, {4, 5}})).ok());
  const std::vector<CopyRun> expected = {{1, 1, 3}, {4, 5, 1}};
  EXPECT_EQ(map.runs(), expected);
  EXPECT_FALSE(map.Append(Of({{4, 6}})).ok());
}

TEST(CopyMapTest, NotesHoldTheMap) {
  CopyMap map;
  for (int64_t i = 0; i < 12'000; ++i) ASSERT_TRUE(map.Add(2 * i, i).ok());
  const CopySource source{"abc", "a \"topic\"", 3};
  const auto notes = WriteCopyNotes(source, map);
  ASSERT_EQ(notes.size(), 3u);
  EXPECT_EQ(notes[1].key, "abc/a \"topic\"/3/00000000000000010000");
  map.SetSeen(30'000);
  CopyMap read;
  for (const CopyNote& note : WriteCopyNotes(source, map)) {
    const auto parsed = ParseCopyNote(note.value);
    ASSERT_TRUE(parsed.ok()) << parsed.error().ToString();
    EXPECT_EQ(parsed->first, source);
    ASSERT_TRUE(read.Append(parsed->second).ok());
  }
  EXPECT_EQ(read.runs(), map.runs());
  EXPECT_EQ(read.seen(), 30'000);
}

TEST(CopyMapTest, WhatWasSeenIsNotedWithoutRecordsToo) {
  CopyMap map;
  EXPECT_EQ(map.seen(), 0);
  map.SetSeen(7);
  const auto notes = WriteCopyNotes({"abc", "t", 0}, map);
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_EQ(notes[0].key, "abc/t/0/seen");
  const auto parsed = ParseCopyNote(notes[0].value);
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(parsed->second.seen(), 7);
  EXPECT_EQ(parsed->second.next(), 0);
  map = Of({{5, 0}, {9, 1}});
  EXPECT_EQ(map.seen(), 10);
}

TEST(CopyMapTest, WhatIsNoNoteIsSaid) {
  for (const char* text : {
           "",
           "[]",
           "{}",
           R"({"cluster":"a","topic":"t","partition":0})",
           R"({"cluster":"a","topic":"t","partition":-1,"seen":9,"runs":[]})",
           R"({"cluster":"a","topic":"t","partition":0,"seen":9,"runs":[[1,2]]})",
           R"({"cluster":"a","topic":"t","partition":0,"seen":9,"runs":[[1,2,"3"]]})",
           R"({"cluster":"a","topic":"t","partition":0,)"
           R"("seen":9,"runs":[[1,2,18446744073709551615]]})",
           R"({"cluster":"a","topic":"t","partition":0,)"
           R"("seen":9,"runs":[[1,2,9223372036854775807]]})",
           R"({"cluster":"a","topic":"t","partition":0,"seen":9,"runs":[[5,2,1],[4,3,1]]})",
       }) {
    EXPECT_FALSE(ParseCopyNote(text).ok()) << text;
  }
}

}  // namespace
}  // namespace weir::connect
