#include "weir/lake/actions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir::lake {
namespace {

using ::testing::HasSubstr;

TEST(ActionsTest, ReadsWhatSparkWrites) {
  auto commit = ParseCommit(
      R"({"commitInfo":{"timestamp":12,"operation":"WRITE","operationParameters":{"mode":"A"},)"
      R"("isBlindAppend":true,"operationMetrics":{"numFiles":"1"},"txnId":"t-1"}})"
      "\n"
      R"({"protocol":{"minReaderVersion":3,"minWriterVersion":7,)"
      R"("readerFeatures":["timestampNtz"],"writerFeatures":["timestampNtz","appendOnly"]}})"
      "\n"
      R"({"metaData":{"id":"m","format":{"provider":"parquet","options":{}},"schemaString":"{}",)"
      R"("partitionColumns":["p"],"configuration":{"delta.appendOnly":"true"},"createdTime":5}})"
      "\n\n"
      R"({"txn":{"appId":"app","version":7,"lastUpdated":9}})"
      "\n"
      R"({"add":{"path":"p=a%20b/x.parquet","partitionValues":{"p":"a b"},"size":3,)"
      R"("modificationTime":4,"dataChange":true,"stats":"{\"numRecords\":1}","tags":null,)"
      R"("unknown":{"a":[1]}}})"
      "\n"
      R"({"remove":{"path":"y.parquet","deletionTimestamp":8,"dataChange":false,)"
      R"("extendedFileMetadata":true,"partitionValues":{"p":null},"size":2,)"
      R"("deletionVector":{"storageType":"u","pathOrInlineDv":"ab","offset":1,"sizeInBytes":3,)"
      R"("cardinality":4}}})"
      "\n"
      R"({"cdc":{"path":"c"}})"
      "\n"
      R"({"somethingNew":{"a":1}})"
      "\n");
  ASSERT_TRUE(commit.ok()) << commit.error().ToString();
  EXPECT_EQ(commit->info->operation, "WRITE");
  EXPECT_EQ(commit->info->txn_id, "t-1");
  EXPECT_EQ(commit->info->is_blind_append, true);
  EXPECT_EQ(commit->protocol->writer_features.size(), 2u);
  EXPECT_EQ(commit->metadata->configuration.at("delta.appendOnly"), "true");
  EXPECT_EQ(commit->transactions.at(0).version, 7);
  EXPECT_EQ(commit->adds.at(0).path, "p=a%20b/x.parquet");
  EXPECT_EQ(commit->adds.at(0).partition_values.at("p"), "a b");
  EXPECT_EQ(commit->removes.at(0).partition_values.at("p"), std::nullopt);
  EXPECT_EQ(commit->removes.at(0).deletion_vector->cardinality, 4);
  EXPECT_FALSE(commit->removes.at(0).data_change);
  EXPECT_EQ(commit->cdc_files, 1);
}

TEST(ActionsTest, WritesWhatItReads) {
  Commit commit;
  commit.info.emplace();
  commit.info->operation = "WRITE";
  commit.info->txn_id = "id";
  commit.adds.emplace_back();
  commit.adds[0].path = "a%25";
  commit.adds[0].partition_values = {{"p", "\n\"\x01ü"}, {"q", std::nullopt}};
  commit.removes.emplace_back();
  commit.removes[0].path = "b";
  commit.removes[0].deletion_timestamp_ms = 3;
  commit.transactions.push_back({"flow", 4, 5});
  commit.domains.push_back({"d", "{}", true});
  const std::string text = WriteCommit(commit);
  auto again = ParseCommit(text);
  ASSERT_TRUE(again.ok()) << again.error().ToString();
  EXPECT_EQ(WriteCommit(*again), text);
  EXPECT_EQ(again->adds.at(0).partition_values, commit.adds.at(0).partition_values);
  EXPECT_TRUE(again->domains.at(0).removed);
}

TEST(ActionsTest, BytesThatAreNotUtf8StillMakeJson) {
  Commit commit;
  commit.adds.emplace_back();
  commit.adds[0].path = "a\xFF\xC3(";
  EXPECT_TRUE(ParseCommit(WriteCommit(commit)).ok());
}

TEST(ActionsTest, DamagedEntriesNameTheirLine) {
  const auto error = [](const char* text) {
    auto commit = ParseCommit(text);
    return commit.ok() ? std::string() : commit.error().message();
  };
  EXPECT_THAT(error("{\"add\":{\"path\":\"x\"}}\n{\"add\":{\"pa"), HasSubstr("line 2"));
  EXPECT_THAT(error("{\"add\":{\"size\":1}}"), HasSubstr("add.path is missing"));
  EXPECT_THAT(error("{\"add\":{\"path\":\"x\",\"size\":\"1\"}}"), HasSubstr("add.size"));
  EXPECT_THAT(error("{\"add\":[]}"), HasSubstr("'add' is not an object"));
  EXPECT_THAT(error("[1]"), HasSubstr("not an action"));
  EXPECT_THAT(error("{\"protocol\":{}}\n{\"protocol\":{}}"), HasSubstr("two protocol"));
  EXPECT_EQ(error("\n \r\n"), "");
}

}  // namespace
}  // namespace weir::lake
