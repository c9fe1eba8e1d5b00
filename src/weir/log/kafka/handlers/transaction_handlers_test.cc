// Transactions over the wire: the old protocol, in which partitions are added first, and the new
// one, in which every transaction has an epoch of its own (KIP-890).
#include "gmock/gmock.h"
#include "weir/log/kafka/handlers/handlers.h"
#include "weir/log/kafka/messages/add_offsets_to_txn.h"
#include "weir/log/kafka/messages/add_partitions_to_txn.h"
#include "weir/log/kafka/messages/describe_transactions.h"
#include "weir/log/kafka/messages/end_txn.h"
#include "weir/log/kafka/messages/fetch.h"
#include "weir/log/kafka/messages/init_producer_id.h"
#include "weir/log/kafka/messages/list_transactions.h"
#include "weir/log/kafka/messages/offset_fetch.h"
#include "weir/log/kafka/messages/produce.h"
#include "weir/log/kafka/messages/txn_offset_commit.h"
#include "weir/log/kafka/messages/write_txn_markers.h"
#include "weir/log/kafka/testing/broker_fixture.h"

namespace weir::log::kafka {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class TransactionHandlersTest : public testing::BrokerFixture {
 protected:
  static int16_t Code(KafkaError error) { return static_cast<int16_t>(error); }

  ProducerIdentity Init(const std::string& id, int16_t version = 5, ProducerIdentity known = {}) {
    InitProducerIdRequest request;
    request.transactional_id = id;
    request.transaction_timeout_ms = 60'000;
    if (version >= 3) {
      request.producer_id = known.id;
      request.producer_epoch = known.epoch;
    }
    const auto response = Ask<InitProducerIdRequest, InitProducerIdResponse>(request, version);
    EXPECT_EQ(response.error_code, 0);
    return {response.producer_id, response.producer_epoch};
  }
  int16_t AddPartition(const std::string& id, ProducerIdentity producer, int16_t version = 3) {
    AddPartitionsToTxnRequest request;
    if (version < 4) {
      request.v3_and_below_transactional_id = id;
      request.v3_and_below_producer_id = producer.id;
      request.v3_and_below_producer_epoch = producer.epoch;
      request.v3_and_below_topics.push_back({"t", {0}});
      const auto response =
          Ask<AddPartitionsToTxnRequest, AddPartitionsToTxnResponse>(request, version);
      return response.results_by_topic_v3_and_below.at(0)
          .results_by_partition.at(0)
          .partition_error_code;
    }
    request.transactions.push_back({id, producer.id, producer.epoch, false, {{"t", {0}}}});
    const auto response =
        Ask<AddPartitionsToTxnRequest, AddPartitionsToTxnResponse>(request, version);
    return response.results_by_transaction.at(0)
        .topic_results.at(0)
        .results_by_partition.at(0)
        .partition_error_code;
  }
  int16_t Produce(ProducerIdentity producer, int32_t sequence, const std::string& value,
                  int16_t version) {
    BatchOptions options;
    options.producer_id = producer.id;
    options.producer_epoch = producer.epoch;
    options.base_sequence = sequence;
    options.transactional = true;
    const std::string batch = Batch({value}, options);
    ProduceRequest request;
    request.acks = -1;
    request.transactional_id = "app";
    request.topic_data.resize(1);
    request.topic_data[0].name = "t";
    request.topic_data[0].partition_data.resize(1);
    request.topic_data[0].partition_data[0].records = Records(batch);
    return Ask<ProduceRequest, ProduceResponse>(request, version)
        .responses.at(0)
        .partition_responses.at(0)
        .error_code;
  }
  EndTxnResponse End(const std::string& id, ProducerIdentity producer, bool commit,
                     int16_t version) {
    EndTxnRequest request{id, producer.id, producer.epoch, commit};
    return Ask<EndTxnRequest, EndTxnResponse>(request, version);
  }

  // Values that a consumer sees; with read_committed without those of aborted transactions.
  std::vector<std::string> Values(bool committed) {
    FetchRequest request;
    request.max_bytes = 1 << 20;
    request.isolation_level = committed ? 1 : 0;
    request.topics.resize(1);
    request.topics[0].topic = "t";
    request.topics[0].partitions.resize(1);
    request.topics[0].partitions[0].partition_max_bytes = 1 << 20;
    const auto pending = Send<FetchRequest, FetchResponse>(request, 12);
    const FetchResponse response = pending.Get();
    const auto& data = response.responses.at(0).partitions.at(0);
    stable_ = data.last_stable_offset;
    std::string bytes;
    data.records->ForEachPiece([&](std::string_view piece) { bytes.append(piece); });
    std::vector<std::string> values;
    std::set<int64_t> aborted;
    auto next = data.aborted_transactions ? data.aborted_transactions->begin()
                                          : decltype(data.aborted_transactions->begin())();
    BatchCursor cursor(bytes);
    while (cursor.Next()) {
      const BatchHeader& header = cursor.header();
      if (data.aborted_transactions) {
        while (next != data.aborted_transactions->end() &&
               next->first_offset <= header.base_offset) {
          aborted.insert((next++)->producer_id);
        }
      }
      if (header.control()) {
        aborted.erase(header.producer_id);
        continue;
      }
      if (aborted.count(header.producer_id) > 0) continue;
      RecordReader reader;
      EXPECT_TRUE(reader.Open(cursor.bytes()).ok());
      for (Record record; reader.Next(record);) values.emplace_back(*record.value);
    }
    return values;
  }
  int64_t stable_ = -1;
};

TEST_F(TransactionHandlersTest, ProducerIdsAreGivenOnceInEachVersion) {
  std::set<int64_t> seen;
  for (int16_t version = 0; version <= kInitProducerIdHandler.max_version; ++version) {
    InitProducerIdRequest request;
    request.transactional_id.reset();
    const auto response = Ask<InitProducerIdRequest, InitProducerIdResponse>(request, version);
    EXPECT_EQ(response.error_code, 0);
    EXPECT_EQ(response.producer_epoch, 0);
    EXPECT_TRUE(seen.insert(response.producer_id).second);
  }
  Start();
  InitProducerIdRequest request;
  request.transactional_id.reset();
  EXPECT_TRUE(
      seen.insert(Ask<InitProducerIdRequest, InitProducerIdResponse>(request, 4).producer_id)
          .second);
}

TEST_F(TransactionHandlersTest, CommittedAndAbortedInTheOldProtocol) {
  MakeTopic("t");
  for (int16_t version = 0; version <= 4; ++version) {
    const ProducerIdentity producer = Init("app", version);
    EXPECT_EQ(producer.epoch, version);
    EXPECT_EQ(Produce(producer, 0, "early", 11), Code(KafkaError::kInvalidTxnState));
    EXPECT_EQ(AddPartition("app", producer, std::min<int16_t>(version, 3)), 0);
    EXPECT_EQ(Produce(producer, 0, "yes" + std::to_string(version), 11), 0);
    EXPECT_EQ(End("app", producer, true, version).error_code, 0);
    EXPECT_EQ(End("app", producer, true, version).error_code, 0);  // again: the same
    EXPECT_EQ(End("app", producer, false, version).error_code, Code(KafkaError::kInvalidTxnState));
    EXPECT_EQ(AddPartition("app", producer, 5), 0);
    EXPECT_EQ(Produce(producer, 1, "no", 11), 0);
    EXPECT_EQ(End("app", producer, false, version).error_code, 0);
  }
  EXPECT_THAT(Values(true), ElementsAre("yes0", "yes1", "yes2", "yes3", "yes4"));
  EXPECT_EQ(Values(false).size(), 10u);
}

TEST_F(TransactionHandlersTest, AnOpenTransactionHoldsReadersOfCommittedRecords) {
  MakeTopic("t");
  const ProducerIdentity producer = Init("app");
  EXPECT_EQ(Produce(producer, 0, "one", 12), 0);
  EXPECT_THAT(Values(true), IsEmpty());
  EXPECT_EQ(stable_, 0);
  EXPECT_THAT(Values(false), ElementsAre("one"));
  // The marker is written but not durable: it could still be lost.
  EndTxnRequest request{"app", producer.id, producer.epoch, true};
  const auto ended = Send<EndTxnRequest, EndTxnResponse>(request, 5);
  EXPECT_FALSE(ended.done());
  EXPECT_THAT(Values(true), IsEmpty());
  Flush();
  EXPECT_EQ(ended.Get().error_code, 0);
  EXPECT_THAT(Values(true), ElementsAre("one"));
  EXPECT_EQ(stable_, 2);
}

TEST_F(TransactionHandlersTest, EveryTransactionHasItsEpochInTheNewProtocol) {
  MakeTopic("t");
  ProducerIdentity producer = Init("app");
  EXPECT_EQ(Produce(producer, 0, "one", 12), 0);
  const auto first = End("app", producer, true, 5);
  EXPECT_EQ(first.producer_epoch, producer.epoch + 1);
  // The answer was lost: the same one. The other outcome is refused.
  EXPECT_EQ(End("app", producer, true, 5).producer_epoch, producer.epoch + 1);
  EXPECT_EQ(End("app", producer, false, 5).error_code, Code(KafkaError::kInvalidTxnState));
  const ProducerIdentity next{first.producer_id, first.producer_epoch};
  EXPECT_EQ(Produce(producer, 1, "late", 12), Code(KafkaError::kInvalidProducerEpoch));
  EXPECT_EQ(Produce(next, 0, "two", 12), 0);
  // A commit of the first transaction that was on its way does not reach the second.
  EXPECT_THAT(Values(true), ElementsAre("one"));
  EXPECT_EQ(End("app", next, false, 5).error_code, 0);
  EXPECT_THAT(Values(true), ElementsAre("one"));
  EXPECT_EQ(End("app", {next.id, static_cast<int16_t>(next.epoch + 1)}, true, 5).error_code,
            Code(KafkaError::kInvalidTxnState));  // nothing was added
}

TEST_F(TransactionHandlersTest, ANewIncarnationFencesTheOldAndAbortsWhatItHadOpen) {
  MakeTopic("t");
  const ProducerIdentity old = Init("app");
  EXPECT_EQ(Produce(old, 0, "one", 12), 0);
  const ProducerIdentity now = Init("app");
  EXPECT_EQ(now.id, old.id);
  EXPECT_GT(now.epoch, old.epoch);
  EXPECT_THAT(Values(true), IsEmpty());
  EXPECT_EQ(stable_, 2);
  EXPECT_EQ(Produce(old, 1, "two", 12), Code(KafkaError::kInvalidProducerEpoch));
  EXPECT_EQ(AddPartition("app", old), Code(KafkaError::kProducerFenced));
  EXPECT_EQ(End("app", old, true, 4).error_code, Code(KafkaError::kProducerFenced));
  EXPECT_EQ(End("app", old, true, 1).error_code, Code(KafkaError::kInvalidProducerEpoch));
  EXPECT_EQ(Produce(now, 0, "three", 12), 0);
  EXPECT_EQ(End("app", now, true, 5).error_code, 0);
  EXPECT_THAT(Values(true), ElementsAre("three"));
}

TEST_F(TransactionHandlersTest, AFencedProducerGetsNoIdentityOfAnother) {
  const ProducerIdentity old = Init("app");
  // Asked again with what it was: the answer was lost, the same one comes.
  const ProducerIdentity next = Init("app", 5, old);
  EXPECT_EQ(Init("app", 5, old), next);
  // Another one begins; the one before is not taken for it.
  const ProducerIdentity other = Init("app");
  EXPECT_GT(other.epoch, next.epoch);
  InitProducerIdRequest request;
  request.transactional_id = "app";
  request.transaction_timeout_ms = 60'000;
  request.producer_id = next.id;
  request.producer_epoch = next.epoch;
  const auto response = Ask<InitProducerIdRequest, InitProducerIdResponse>(request, 5);
  EXPECT_EQ(response.error_code, Code(KafkaError::kProducerFenced));
}

TEST_F(TransactionHandlersTest, ATransactionOpenTooLongIsAborted) {
  MakeTopic("t");
  const ProducerIdentity producer = Init("app");
  EXPECT_EQ(Produce(producer, 0, "one", 12), 0);
  Pass(59'000);
  EXPECT_EQ(stable_ = -1, -1);
  EXPECT_THAT(Values(true), IsEmpty());
  EXPECT_EQ(stable_, 0);
  Pass(1'000);
  Flush();
  EXPECT_THAT(Values(true), IsEmpty());
  EXPECT_EQ(stable_, 2);
  EXPECT_EQ(End("app", producer, true, 4).error_code, Code(KafkaError::kProducerFenced));
  // KIP-588: the producer comes back with what it knew.
  const ProducerIdentity again = Init("app", 5, producer);
  EXPECT_GT(again.epoch, producer.epoch);
  EXPECT_EQ(Produce(again, 0, "two", 12), 0);
}

TEST_F(TransactionHandlersTest, TransactionsGoOnAfterARestart) {
  MakeTopic("t");
  const ProducerIdentity producer = Init("app");
  EXPECT_EQ(Produce(producer, 0, "one", 12), 0);
  Start();
  EXPECT_THAT(Values(true), IsEmpty());
  EXPECT_EQ(Produce(producer, 1, "two", 12), 0);
  EXPECT_EQ(End("app", producer, true, 5).error_code, 0);
  Start();
  EXPECT_THAT(Values(true), ElementsAre("one", "two"));
}

TEST_F(TransactionHandlersTest, OffsetsCountWhenTheTransactionDoes) {
  MakeTopic("t");
  const auto committed = [&](bool stable) {
    OffsetFetchRequest fetch;
    fetch.require_stable = stable;
    fetch.groups.resize(1);
    fetch.groups[0].group_id = "g";
    fetch.groups[0].topics->push_back({"t", {}, {0}});
    const auto fetched = Ask<OffsetFetchRequest, OffsetFetchResponse>(fetch, 8);
    return fetched.groups.at(0).topics.at(0).partitions.at(0);
  };
  for (int16_t version = 0; version <= kTxnOffsetCommitHandler.max_version; ++version) {
    const ProducerIdentity producer = Init("app");
    if (version < 5) {
      AddOffsetsToTxnRequest add{"app", producer.id, producer.epoch, "g"};
      EXPECT_EQ(
          (Ask<AddOffsetsToTxnRequest, AddOffsetsToTxnResponse>(add, std::min<int16_t>(version, 4))
               .error_code),
          0);
    }
    TxnOffsetCommitRequest commit;
    commit.transactional_id = "app";
    commit.group_id = "g";
    commit.producer_id = producer.id;
    commit.producer_epoch = producer.epoch;
    commit.topics.push_back({"t", {{0, 10 + version, -1, "note"}}});
    const auto staged = Ask<TxnOffsetCommitRequest, TxnOffsetCommitResponse>(commit, version);
    EXPECT_EQ(staged.topics.at(0).partitions.at(0).error_code, 0) << version;
    EXPECT_EQ(committed(false).committed_offset, version == 0 ? -1 : 10 + version - 1);
    EXPECT_EQ(committed(true).error_code, Code(KafkaError::kUnstableOffsetCommit));
    EXPECT_EQ(End("app", producer, true, version < 5 ? 4 : 5).error_code, 0);
    EXPECT_EQ(committed(true).committed_offset, 10 + version);
  }
}

TEST_F(TransactionHandlersTest, TransactionsAreShownAndFreedByHand) {
  MakeTopic("t");
  const ProducerIdentity producer = Init("app");
  Init("other");
  EXPECT_EQ(Produce(producer, 0, "one", 12), 0);
  for (int16_t version = 0; version <= kListTransactionsHandler.max_version; ++version) {
    ListTransactionsRequest list;
    list.state_filters = {"Ongoing", "Unheard"};
    if (version >= 2) list.transactional_id_pattern = "a.*";
    const auto listed = Ask<ListTransactionsRequest, ListTransactionsResponse>(list, version);
    ASSERT_EQ(listed.transaction_states.size(), 1u);
    EXPECT_EQ(listed.transaction_states[0].transactional_id, "app");
    EXPECT_THAT(listed.unknown_state_filters, ElementsAre("Unheard"));
  }
  DescribeTransactionsRequest describe{{"app", "absent"}};
  const auto described =
      Ask<DescribeTransactionsRequest, DescribeTransactionsResponse>(describe, 0);
  EXPECT_EQ(described.transaction_states.at(0).transaction_state, "Ongoing");
  EXPECT_EQ(described.transaction_states.at(0).topics.at(0).topic, "t");
  EXPECT_EQ(described.transaction_states.at(1).error_code,
            Code(KafkaError::kTransactionalIdNotFound));
  for (int16_t version = 1; version <= kWriteTxnMarkersHandler.max_version; ++version) {
    WriteTxnMarkersRequest free;
    free.markers.resize(1);
    free.markers[0].producer_id = producer.id;
    free.markers[0].producer_epoch = producer.epoch;
    free.markers[0].topics.push_back({"t", {0, 7}});
    const auto freed = Ask<WriteTxnMarkersRequest, WriteTxnMarkersResponse>(free, version);
    EXPECT_EQ(freed.markers.at(0).topics.at(0).partitions.at(0).error_code, 0);
    EXPECT_EQ(freed.markers.at(0).topics.at(0).partitions.at(1).error_code,
              Code(KafkaError::kUnknownTopicOrPartition));
  }
  Values(true);
  EXPECT_EQ(stable_, 3);
}

}  // namespace
}  // namespace weir::log::kafka
