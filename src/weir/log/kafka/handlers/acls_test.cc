// Access control: what each request needs, and what it tells who lacks it.
//
// The table is Kafka's "Operations and Resources on Protocols" (documentation, 7.4), with the error
// codes of KafkaApis and ControllerApis.
#include <functional>
#include <set>

#include "gmock/gmock.h"
#include "weir/log/kafka/handlers/handlers.h"
#include "weir/log/kafka/messages/all_messages.h"
#include "weir/log/kafka/testing/broker_fixture.h"
#include "weir/log/security/users.h"

namespace weir::log::kafka {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using enum AclOperation;

struct Need {
  AclOperation operation;
  AclResourceType type;
  std::string name;
  KafkaError denied;  // what who lacks it is told
};
Need Topic(AclOperation operation, const std::string& name = "t") {
  return {operation, AclResourceType::kTopic, name, KafkaError::kTopicAuthorizationFailed};
}
Need Group(AclOperation operation) {
  return {operation, AclResourceType::kGroup, "g", KafkaError::kGroupAuthorizationFailed};
}
Need Id(AclOperation operation) {
  return {operation, AclResourceType::kTransactionalId, "x",
          KafkaError::kTransactionalIdAuthorizationFailed};
}
Need Cluster(AclOperation operation, KafkaError denied = KafkaError::kClusterAuthorizationFailed) {
  return {operation, AclResourceType::kCluster, std::string(kAclCluster), denied};
}

// A request that needs all of `needs`, looked at in this order; `ask` tells its error.
struct Case {
  ApiKey key;
  std::vector<Need> needs;
  std::function<int16_t()> ask;
};

class AclsTest : public testing::BrokerFixture {
 protected:
  void SetUp() override {
    broker_options_.acls = {.enabled = true, .super_users = {"User:root"}};
    Start();
    MakeTopic("t");
    session_->principal = "User:alice";
    session_->client_host = "10.0.0.1";
  }
  const log::Topic& FindTopic(const std::string& name) { return *log_->topics().Find(name); }

  static Acl AclOf(const Need& need, AclPermission permission = AclPermission::kAllow) {
    return {need.type,      need.name, AclPatternType::kLiteral, "User:alice", "*",
            need.operation, permission};
  }
  void Grant(const Need& need) { broker_->authorizer().Add(AclOf(need)); }
  void Deny(const Need& need) { broker_->authorizer().Add(AclOf(need, AclPermission::kDeny)); }
  void ForgetAll() {
    const std::set<Acl> all = broker_->authorizer().all();
    for (const Acl& acl : all) broker_->authorizer().Remove(acl);
  }

  // With all that is needed for the answer: the disk, and time.
  template <typename Request, typename Answer>
  Answer Run(const Request& request, int16_t version) {
    const auto pending = Send<Request, Answer>(request, version);
    if (!pending.done()) Flush();
    if (!pending.done()) Pass(60'000);
    return pending.Get();
  }

  ProduceRequest Producing(bool transactional) {
    ProduceRequest request;
    request.acks = -1;
    BatchOptions options;
    if (transactional) {
      request.transactional_id = "x";
      options.producer_id = 7;
      options.producer_epoch = 0;
      options.base_sequence = 0;
      options.transactional = true;
    }
    batch_ = Batch({"v"}, options);
    request.topic_data.resize(1);
    request.topic_data[0].topic_id = FindTopic("t").id;
    request.topic_data[0].partition_data.resize(1);
    request.topic_data[0].partition_data[0].records = Records(batch_);
    return request;
  }
  std::vector<Case> Cases();

  std::string batch_;
};

std::vector<Case> AclsTest::Cases() {
  std::vector<Case> cases;
  const auto add = [&](ApiKey key, std::vector<Need> needs, std::function<int16_t()> ask) {
    cases.push_back({key, std::move(needs), std::move(ask)});
  };
  add(ApiKey::kProduce, {Topic(kWrite)}, [this] {
    return Run<ProduceRequest, ProduceResponse>(Producing(false), 13)
        .responses.at(0)
        .partition_responses.at(0)
        .error_code;
  });
  add(ApiKey::kProduce, {Id(kWrite), Topic(kWrite)}, [this] {
    return Run<ProduceRequest, ProduceResponse>(Producing(true), 13)
        .responses.at(0)
        .partition_responses.at(0)
        .error_code;
  });
  add(ApiKey::kFetch, {Topic(kRead)}, [this] {
    FetchRequest request;
    request.max_bytes = 1000;
    request.topics.resize(1);
    request.topics[0].topic_id = FindTopic("t").id;
    request.topics[0].partitions.resize(1);
    return Run<FetchRequest, FetchResponse>(request, 16)
        .responses.at(0)
        .partitions.at(0)
        .error_code;
  });
  add(ApiKey::kListOffsets, {Topic(kDescribe)}, [this] {
    ListOffsetsRequest request;
    request.topics = {{"t", {{0, -1, -1}}}};
    return Run<ListOffsetsRequest, ListOffsetsResponse>(request, 9)
        .topics.at(0)
        .partitions.at(0)
        .error_code;
  });
  for (const bool by_id : {false, true}) {
    add(ApiKey::kMetadata, {Topic(kDescribe)}, [this, by_id] {
      MetadataRequest request;
      request.topics.emplace(1);
      if (by_id) {
        request.topics->at(0).name.reset();
        request.topics->at(0).topic_id = FindTopic("t").id;
      } else {
        request.topics->at(0).name = "t";
      }
      return Run<MetadataRequest, MetadataResponse>(request, 12).topics.at(0).error_code;
    });
  }
  const auto first_use = [this](const std::string& name) {
    MetadataRequest request;
    request.topics.emplace(1);
    request.topics->at(0).name = name;
    const int16_t error =
        Run<MetadataRequest, MetadataResponse>(request, 12).topics.at(0).error_code;
    Position end = 0;
    std::string message;
    if (error == 0) broker_->DeleteTopic(name, &end, &message);  // for the next try
    Flush();
    return error;
  };
  add(ApiKey::kMetadata, {Topic(kDescribe, "n"), Topic(kCreate, "n")},
      [first_use] { return first_use("n"); });
  add(ApiKey::kMetadata,
      {Topic(kDescribe, "n"), Cluster(kCreate, KafkaError::kTopicAuthorizationFailed)},
      [first_use] { return first_use("n"); });
  for (const int16_t version : {int16_t{9}, int16_t{10}}) {
    add(ApiKey::kOffsetCommit, {Group(kRead), Topic(kRead)}, [this, version] {
      OffsetCommitRequest request;
      request.group_id = "g";
      request.topics.resize(1);
      if (version >= 10) {
        request.topics[0].topic_id = FindTopic("t").id;
      } else {
        request.topics[0].name = "t";
      }
      request.topics[0].partitions = {{0, 0, -1, ""}};
      return Run<OffsetCommitRequest, OffsetCommitResponse>(request, version)
          .topics.at(0)
          .partitions.at(0)
          .error_code;
    });
  }
  add(ApiKey::kOffsetFetch, {Group(kDescribe), Topic(kDescribe)}, [this] {
    OffsetFetchRequest request;
    request.group_id = "g";
    request.topics = {{{"t", {0}}}};
    const auto response = Run<OffsetFetchRequest, OffsetFetchResponse>(request, 7);
    return response.error_code != 0 ? response.error_code
                                    : response.topics.at(0).partitions.at(0).error_code;
  });
  add(ApiKey::kOffsetFetch, {Group(kDescribe), Topic(kDescribe)}, [this] {
    OffsetFetchRequest request;
    request.groups.resize(1);
    request.groups[0].group_id = "g";
    request.groups[0].topics.emplace(1);
    request.groups[0].topics->at(0).topic_id = FindTopic("t").id;
    request.groups[0].topics->at(0).partition_indexes = {0};
    const auto group = Run<OffsetFetchRequest, OffsetFetchResponse>(request, 10).groups.at(0);
    return group.error_code != 0 ? group.error_code
                                 : group.topics.at(0).partitions.at(0).error_code;
  });
  for (const int16_t version : {int16_t{3}, int16_t{6}}) {
    for (const int8_t type : {int8_t{0}, int8_t{1}}) {
      add(ApiKey::kFindCoordinator, {type == 0 ? Group(kDescribe) : Id(kDescribe)},
          [this, version, type] {
            FindCoordinatorRequest request;
            request.key_type = type;
            const std::string key = type == 0 ? "g" : "x";
            if (version >= 4) {
              request.coordinator_keys = {key};
            } else {
              request.key = key;
            }
            const auto response =
                Run<FindCoordinatorRequest, FindCoordinatorResponse>(request, version);
            return version >= 4 ? response.coordinators.at(0).error_code : response.error_code;
          });
    }
  }
  add(ApiKey::kJoinGroup, {Group(kRead)}, [this] {
    JoinGroupRequest request;
    request.group_id = "g";
    request.session_timeout_ms = 10'000;
    request.protocol_type = "consumer";
    request.protocols = {{"range", ""}};
    return Run<JoinGroupRequest, JoinGroupResponse>(request, 9).error_code;
  });
  add(ApiKey::kHeartbeat, {Group(kRead)}, [this] {
    HeartbeatRequest request;
    request.group_id = "g";
    return Run<HeartbeatRequest, HeartbeatResponse>(request, 4).error_code;
  });
  add(ApiKey::kLeaveGroup, {Group(kRead)}, [this] {
    LeaveGroupRequest request;
    request.group_id = "g";
    return Run<LeaveGroupRequest, LeaveGroupResponse>(request, 5).error_code;
  });
  add(ApiKey::kSyncGroup, {Group(kRead)}, [this] {
    SyncGroupRequest request;
    request.group_id = "g";
    return Run<SyncGroupRequest, SyncGroupResponse>(request, 5).error_code;
  });
  add(ApiKey::kDescribeGroups, {Group(kDescribe)}, [this] {
    DescribeGroupsRequest request;
    request.groups = {"g"};
    return Run<DescribeGroupsRequest, DescribeGroupsResponse>(request, 6).groups.at(0).error_code;
  });
  add(ApiKey::kDeleteGroups, {Group(kDelete)}, [this] {
    DeleteGroupsRequest request;
    request.groups_names = {"g"};
    return Run<DeleteGroupsRequest, DeleteGroupsResponse>(request, 2).results.at(0).error_code;
  });
  add(ApiKey::kConsumerGroupHeartbeat, {Group(kRead), Topic(kDescribe)}, [this] {
    ConsumerGroupHeartbeatRequest request;
    request.group_id = "g";
    request.member_id = "AAAAAAAAAAAAAAAAAAAAAA";
    request.rebalance_timeout_ms = 1000;
    request.subscribed_topic_names.emplace(1, "t");
    request.topic_partitions.emplace();
    return Run<ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse>(request, 1)
        .error_code;
  });
  // Of the member that came with the heartbeat.
  add(ApiKey::kConsumerGroupDescribe, {Group(kDescribe), Topic(kDescribe)}, [this] {
    ConsumerGroupDescribeRequest request;
    request.group_ids = {"g"};
    return Run<ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse>(request, 1)
        .groups.at(0)
        .error_code;
  });
  const auto create = [this](const std::string& name) {
    CreateTopicsRequest request;
    request.topics.resize(1);
    request.topics[0].name = name;
    request.topics[0].num_partitions = 1;
    request.topics[0].replication_factor = 1;
    request.validate_only = true;
    return Run<CreateTopicsRequest, CreateTopicsResponse>(request, 7).topics.at(0).error_code;
  };
  add(ApiKey::kCreateTopics, {Topic(kCreate, "n")}, [create] { return create("n"); });
  add(ApiKey::kCreateTopics, {Cluster(kCreate, KafkaError::kTopicAuthorizationFailed)},
      [create] { return create("n"); });
  // Describe comes with Delete.
  for (const bool by_id : {false, true}) {
    add(ApiKey::kDeleteTopics, {Topic(kDelete)}, [this, by_id] {
      DeleteTopicsRequest request;
      request.topics.resize(1);
      if (by_id) {
        request.topics[0].topic_id = FindTopic("t").id;
      } else {
        request.topics[0].name = "t";
      }
      const int16_t error =
          Run<DeleteTopicsRequest, DeleteTopicsResponse>(request, 6).responses.at(0).error_code;
      if (error == 0) MakeTopic("t");
      return error;
    });
  }
  add(ApiKey::kDeleteRecords, {Topic(kDelete)}, [this] {
    DeleteRecordsRequest request;
    request.topics = {{"t", {{0, 0}}}};
    return Run<DeleteRecordsRequest, DeleteRecordsResponse>(request, 2)
        .topics.at(0)
        .partitions.at(0)
        .error_code;
  });
  add(ApiKey::kCreatePartitions, {Topic(kAlter)}, [this] {
    CreatePartitionsRequest request;
    request.topics.resize(1);
    request.topics[0].name = "t";
    request.topics[0].count = 5;
    request.topics[0].assignments.reset();
    request.validate_only = true;
    return Run<CreatePartitionsRequest, CreatePartitionsResponse>(request, 3)
        .results.at(0)
        .error_code;
  });
  add(ApiKey::kDescribeTopicPartitions, {Topic(kDescribe)}, [this] {
    DescribeTopicPartitionsRequest request;
    request.topics = {{"t"}};
    return Run<DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse>(request, 0)
        .topics.at(0)
        .error_code;
  });
  add(ApiKey::kOffsetForLeaderEpoch, {Topic(kDescribe)}, [this] {
    OffsetForLeaderEpochRequest request;
    request.topics = {{"t", {{0, -1, 0}}}};
    return Run<OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse>(request, 4)
        .topics.at(0)
        .partitions.at(0)
        .error_code;
  });
  add(ApiKey::kDescribeProducers, {Topic(kRead)}, [this] {
    DescribeProducersRequest request;
    request.topics = {{"t", {0}}};
    return Run<DescribeProducersRequest, DescribeProducersResponse>(request, 0)
        .topics.at(0)
        .partitions.at(0)
        .error_code;
  });
  add(ApiKey::kOffsetDelete, {Group(kDelete), Topic(kRead)}, [this] {
    OffsetDeleteRequest request;
    request.group_id = "g";
    request.topics = {{"t", {{0}}}};
    const auto response = Run<OffsetDeleteRequest, OffsetDeleteResponse>(request, 0);
    return response.error_code != 0 || response.topics.empty()
               ? response.error_code
               : response.topics.at(0).partitions.at(0).error_code;
  });
  add(ApiKey::kInitProducerId, {Id(kWrite)}, [this] {
    InitProducerIdRequest request;
    request.transactional_id = "x";
    request.transaction_timeout_ms = 1000;
    return Run<InitProducerIdRequest, InitProducerIdResponse>(request, 5).error_code;
  });
  for (const Need& need :
       {Cluster(kIdempotentWrite),
        Need{kWrite, AclResourceType::kTopic, "any", KafkaError::kClusterAuthorizationFailed}}) {
    add(ApiKey::kInitProducerId, {need}, [this] {
      InitProducerIdRequest request;
      request.transactional_id.reset();
      return Run<InitProducerIdRequest, InitProducerIdResponse>(request, 5).error_code;
    });
  }
  add(ApiKey::kAddPartitionsToTxn, {Id(kWrite), Topic(kWrite)}, [this] {
    AddPartitionsToTxnRequest request;
    request.v3_and_below_transactional_id = "x";
    request.v3_and_below_topics = {{"t", {0}}};
    return Run<AddPartitionsToTxnRequest, AddPartitionsToTxnResponse>(request, 3)
        .results_by_topic_v3_and_below.at(0)
        .results_by_partition.at(0)
        .partition_error_code;
  });
  add(ApiKey::kAddPartitionsToTxn, {Cluster(kClusterAction)}, [this] {
    AddPartitionsToTxnRequest request;
    request.transactions = {{"x", 1, 0, true, {{"t", {0}}}}};
    return Run<AddPartitionsToTxnRequest, AddPartitionsToTxnResponse>(request, 5).error_code;
  });
  add(ApiKey::kAddOffsetsToTxn, {Id(kWrite), Group(kRead)}, [this] {
    AddOffsetsToTxnRequest request;
    request.transactional_id = "x";
    request.group_id = "g";
    return Run<AddOffsetsToTxnRequest, AddOffsetsToTxnResponse>(request, 4).error_code;
  });
  add(ApiKey::kEndTxn, {Id(kWrite)}, [this] {
    EndTxnRequest request;
    request.transactional_id = "x";
    return Run<EndTxnRequest, EndTxnResponse>(request, 5).error_code;
  });
  add(ApiKey::kTxnOffsetCommit, {Id(kWrite), Group(kRead), Topic(kRead)}, [this] {
    TxnOffsetCommitRequest request;
    request.transactional_id = "x";
    request.group_id = "g";
    request.topics = {{"t", {{0, 0, -1, ""}}}};
    return Run<TxnOffsetCommitRequest, TxnOffsetCommitResponse>(request, 5)
        .topics.at(0)
        .partitions.at(0)
        .error_code;
  });
  for (const AclOperation operation : {kAlter, kClusterAction}) {
    add(ApiKey::kWriteTxnMarkers, {Cluster(operation)}, [this] {
      WriteTxnMarkersRequest request;
      request.markers.resize(1);
      request.markers[0].topics = {{"t", {0}}};
      return Run<WriteTxnMarkersRequest, WriteTxnMarkersResponse>(request, 1)
          .markers.at(0)
          .topics.at(0)
          .partitions.at(0)
          .error_code;
    });
  }
  add(ApiKey::kDescribeTransactions, {Id(kDescribe)}, [this] {
    DescribeTransactionsRequest request;
    request.transactional_ids = {"x"};
    return Run<DescribeTransactionsRequest, DescribeTransactionsResponse>(request, 0)
        .transaction_states.at(0)
        .error_code;
  });
  constexpr int8_t kTopicConfig = 2;
  constexpr int8_t kBrokerConfig = 4;
  constexpr int8_t kGroupConfig = 32;
  const std::pair<int8_t, Need> resources[] = {{kTopicConfig, Topic(kDescribeConfigs)},
                                               {kBrokerConfig, Cluster(kDescribeConfigs)},
                                               {kGroupConfig, Group(kDescribeConfigs)}};
  for (const auto& [type, need] : resources) {
    const std::string name = type == kTopicConfig ? "t" : type == kGroupConfig ? "g" : "1";
    add(ApiKey::kDescribeConfigs, {need}, [this, type = type, name] {
      DescribeConfigsRequest request;
      request.resources.resize(1);
      request.resources[0].resource_type = type;
      request.resources[0].resource_name = name;
      request.resources[0].configuration_keys.reset();
      return Run<DescribeConfigsRequest, DescribeConfigsResponse>(request, 4)
          .results.at(0)
          .error_code;
    });
    Need alters = need;
    alters.operation = kAlterConfigs;
    add(ApiKey::kAlterConfigs, {alters}, [this, type = type, name] {
      AlterConfigsRequest request;
      request.resources.resize(1);
      request.resources[0].resource_type = type;
      request.resources[0].resource_name = name;
      return Run<AlterConfigsRequest, AlterConfigsResponse>(request, 2).responses.at(0).error_code;
    });
    add(ApiKey::kIncrementalAlterConfigs, {alters}, [this, type = type, name] {
      IncrementalAlterConfigsRequest request;
      request.resources.resize(1);
      request.resources[0].resource_type = type;
      request.resources[0].resource_name = name;
      return Run<IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse>(request, 1)
          .responses.at(0)
          .error_code;
    });
  }
  add(ApiKey::kListConfigResources, {Cluster(kDescribeConfigs)}, [this] {
    return Run<ListConfigResourcesRequest, ListConfigResourcesResponse>({}, 1).error_code;
  });
  add(ApiKey::kDescribeClientQuotas, {Cluster(kDescribeConfigs)}, [this] {
    return Run<DescribeClientQuotasRequest, DescribeClientQuotasResponse>({}, 1).error_code;
  });
  add(ApiKey::kAlterClientQuotas, {Cluster(kAlterConfigs)}, [this] {
    AlterClientQuotasRequest request;
    request.entries.resize(1);
    return Run<AlterClientQuotasRequest, AlterClientQuotasResponse>(request, 1)
        .entries.at(0)
        .error_code;
  });
  add(ApiKey::kDescribeLogDirs, {Cluster(kDescribe)},
      [this] { return Run<DescribeLogDirsRequest, DescribeLogDirsResponse>({}, 4).error_code; });
  add(ApiKey::kAlterReplicaLogDirs, {Cluster(kAlter)}, [this] {
    AlterReplicaLogDirsRequest request;
    request.dirs = {{"/log", {{"t", {0}}}}};
    return Run<AlterReplicaLogDirsRequest, AlterReplicaLogDirsResponse>(request, 2)
        .results.at(0)
        .partitions.at(0)
        .error_code;
  });
  add(ApiKey::kElectLeaders, {Cluster(kAlter)}, [this] {
    ElectLeadersRequest request;
    request.topic_partitions.reset();
    return Run<ElectLeadersRequest, ElectLeadersResponse>(request, 2).error_code;
  });
  add(ApiKey::kAlterPartitionReassignments, {Cluster(kAlter)}, [this] {
    return Run<AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse>({}, 1)
        .error_code;
  });
  add(ApiKey::kListPartitionReassignments, {Cluster(kDescribe)}, [this] {
    return Run<ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse>({}, 0)
        .error_code;
  });
  add(ApiKey::kDescribeQuorum, {Cluster(kDescribe)},
      [this] { return Run<DescribeQuorumRequest, DescribeQuorumResponse>({}, 2).error_code; });
  add(ApiKey::kDescribeUserScramCredentials, {Cluster(kDescribe)}, [this] {
    return Run<DescribeUserScramCredentialsRequest, DescribeUserScramCredentialsResponse>({}, 0)
        .error_code;
  });
  add(ApiKey::kAlterUserScramCredentials, {Cluster(kAlter)}, [this] {
    AlterUserScramCredentialsRequest request;
    request.deletions = {{"nobody", 1}};
    return Run<AlterUserScramCredentialsRequest, AlterUserScramCredentialsResponse>(request, 0)
        .results.at(0)
        .error_code;
  });
  add(ApiKey::kDescribeAcls, {Cluster(kDescribe)}, [this] {
    DescribeAclsRequest request;
    request.resource_type_filter = request.operation = request.permission_type = 1;
    return Run<DescribeAclsRequest, DescribeAclsResponse>(request, 3).error_code;
  });
  add(ApiKey::kCreateAcls, {Cluster(kAlter)}, [this] {
    CreateAclsRequest request;
    request.creations = {{2, "other", 3, "User:bob", "*", 3, 3}};
    return Run<CreateAclsRequest, CreateAclsResponse>(request, 3).results.at(0).error_code;
  });
  add(ApiKey::kDeleteAcls, {Cluster(kAlter)}, [this] {
    DeleteAclsRequest request;
    request.filters = {{2, "other", 3, "User:bob", "*", 3, 3}};
    return Run<DeleteAclsRequest, DeleteAclsResponse>(request, 3).filter_results.at(0).error_code;
  });
  return cases;
}

bool IsDenial(int16_t code) {
  return code == Code(KafkaError::kTopicAuthorizationFailed) ||
         code == Code(KafkaError::kGroupAuthorizationFailed) ||
         code == Code(KafkaError::kClusterAuthorizationFailed) ||
         code == Code(KafkaError::kTransactionalIdAuthorizationFailed);
}

TEST_F(AclsTest, EveryRequestNeedsWhatKafkaSays) {
  for (const Case& one : Cases()) {
    const std::string name(FindApi(static_cast<int16_t>(one.key))->name);
    SCOPED_TRACE(name);
    ForgetAll();
    for (const Need& need : one.needs) {
      EXPECT_EQ(one.ask(), Code(need.denied)) << "without " << int(need.operation);
      Grant(need);
    }
    EXPECT_FALSE(IsDenial(one.ask())) << "with all it needs";
    for (const Need& need : one.needs) {
      Deny(need);
      EXPECT_EQ(one.ask(), Code(need.denied)) << "denied " << int(need.operation);
      broker_->authorizer().Remove(AclOf(need, AclPermission::kDeny));
    }
    session_->principal = "User:root";
    ForgetAll();
    EXPECT_FALSE(IsDenial(one.ask())) << "a super user";
    session_->principal = "User:alice";
  }
}

// Without topics nothing is refused by name; the group is not added for that.
TEST_F(AclsTest, OffsetsOfNothingBeginNoTransactionOfAnother) {
  const auto begun = broker_->transactions().InitProducer("x", 60'000, {}, 5);
  TxnOffsetCommitRequest request;
  request.transactional_id = "x";
  request.group_id = "g";
  request.producer_id = begun.producer.id;
  request.producer_epoch = begun.producer.epoch;
  Run<TxnOffsetCommitRequest, TxnOffsetCommitResponse>(request, 5);
  EXPECT_EQ(broker_->transactions().Find("x")->state, TransactionState::kEmpty);
  Grant(Id(kWrite));
  Run<TxnOffsetCommitRequest, TxnOffsetCommitResponse>(request, 5);
  EXPECT_EQ(broker_->transactions().Find("x")->state, TransactionState::kEmpty);
  Grant(Group(kRead));
  Run<TxnOffsetCommitRequest, TxnOffsetCommitResponse>(request, 5);
  EXPECT_EQ(broker_->transactions().Find("x")->state, TransactionState::kOngoing);
}

// Who may write with one transactional id writes nothing to the transaction of another.
TEST_F(AclsTest, ABatchBelongsToTheTransactionalIdThatTheRequestNames) {
  Grant(Id(kWrite));
  Grant(Topic(kWrite));
  const auto own = broker_->transactions().InitProducer("x", 60'000, {}, 5);
  const auto other = broker_->transactions().InitProducer("y", 60'000, {}, 5);
  const auto produce = [&](const ProducerIdentity& producer) {
    BatchOptions options;
    options.producer_id = producer.id;
    options.producer_epoch = producer.epoch;
    options.base_sequence = 0;
    options.transactional = true;
    ProduceRequest request = Producing(true);
    batch_ = Batch({"v"}, options);
    request.topic_data[0].partition_data[0].records = Records(batch_);
    return Run<ProduceRequest, ProduceResponse>(request, 13)
        .responses.at(0)
        .partition_responses.at(0)
        .error_code;
  };
  EXPECT_EQ(produce(other.producer), Code(KafkaError::kInvalidProducerIdMapping));
  EXPECT_EQ(broker_->transactions().Find("y")->state, TransactionState::kEmpty);
  EXPECT_EQ(produce(own.producer), 0);
}

TEST_F(AclsTest, NoRequestIsForgotten) {
  std::set<ApiKey> known;
  for (const Case& one : Cases()) known.insert(one.key);
  // These answer everybody: the first three are about coming in, DescribeCluster tells the
  // addresses that clients need; the others leave out what may not be known (below).
  known.insert({ApiKey::kApiVersions, ApiKey::kSaslHandshake, ApiKey::kSaslAuthenticate,
                ApiKey::kDescribeCluster, ApiKey::kListGroups, ApiKey::kListTransactions});
  for (const Handler* handler : Handlers()) {
    EXPECT_EQ(known.count(handler->key), 1u)
        << FindApi(static_cast<int16_t>(handler->key))->name << " needs a row in the table";
  }
}

TEST_F(AclsTest, ListsLeaveOutWhatMayNotBeKnown) {
  MakeTopic("u");
  MakeTopic("v");
  const auto topics = [this] {
    MetadataRequest request;
    request.topics.reset();
    std::vector<std::string> names;
    for (const auto& topic : Run<MetadataRequest, MetadataResponse>(request, 12).topics) {
      names.push_back(*topic.name);
    }
    DescribeTopicPartitionsRequest pages;
    std::vector<std::string> paged;
    for (const auto& topic :
         Run<DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse>(pages, 0).topics) {
      paged.push_back(*topic.name);
    }
    EXPECT_EQ(names, paged);
    return names;
  };
  EXPECT_THAT(topics(), IsEmpty());
  Grant(Topic(kRead, "u"));
  Grant(Topic(kDescribe, "v"));
  EXPECT_THAT(topics(), ElementsAre("u", "v"));

  session_->principal = "User:root";
  for (const char* group : {"g", "other"}) {
    OffsetCommitRequest commit;
    commit.group_id = group;
    commit.topics.resize(2);
    commit.topics[0].name = "t";
    commit.topics[0].partitions = {{0, 0, -1, ""}};
    commit.topics[1].name = "u";
    commit.topics[1].partitions = {{0, 0, -1, ""}};
    Run<OffsetCommitRequest, OffsetCommitResponse>(commit, 9);
  }
  for (const char* id : {"x", "y"}) {
    InitProducerIdRequest init;
    init.transactional_id = id;
    init.transaction_timeout_ms = 1000;
    EXPECT_EQ((Run<InitProducerIdRequest, InitProducerIdResponse>(init, 5)).error_code, 0);
  }
  session_->principal = "User:alice";
  const auto groups = [this] {
    std::vector<std::string> names;
    for (const auto& group : Run<ListGroupsRequest, ListGroupsResponse>({}, 5).groups) {
      names.push_back(group.group_id);
    }
    return names;
  };
  EXPECT_THAT(groups(), IsEmpty());
  Grant(Group(kDescribe));
  EXPECT_THAT(groups(), ElementsAre("g"));
  OffsetFetchRequest all;
  all.groups.resize(1);
  all.groups[0].group_id = "g";
  all.groups[0].topics.reset();
  const auto fetched = Run<OffsetFetchRequest, OffsetFetchResponse>(all, 9).groups.at(0);
  ASSERT_EQ(fetched.topics.size(), 1u);
  EXPECT_EQ(fetched.topics[0].name, "u");
  Grant(Cluster(kDescribe));
  EXPECT_THAT(groups(), UnorderedElementsAre("g", "other"));

  const auto transactions = [this] {
    std::vector<std::string> ids;
    for (const auto& state :
         Run<ListTransactionsRequest, ListTransactionsResponse>({}, 2).transaction_states) {
      ids.push_back(state.transactional_id);
    }
    return ids;
  };
  EXPECT_THAT(transactions(), IsEmpty());
  Grant(Id(kDescribe));
  EXPECT_THAT(transactions(), ElementsAre("x"));
}

TEST_F(AclsTest, ExpressionsMatchWhatOneMayDescribe) {
  MakeTopic("logs-a");
  MakeTopic("logs-b");
  Grant(Group(kRead));
  Grant(Topic(kDescribe, "logs-b"));
  int32_t epoch = 0;
  const auto beat = [&] {
    ConsumerGroupHeartbeatRequest request;
    request.group_id = "g";
    request.member_id = "AAAAAAAAAAAAAAAAAAAAAA";
    request.member_epoch = epoch;
    if (epoch == 0) {
      request.rebalance_timeout_ms = 60'000;
      request.subscribed_topic_regex = "logs-.*";
      request.topic_partitions.emplace();
    }
    const auto response =
        Run<ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse>(request, 1);
    EXPECT_EQ(response.error_code, 0) << response.error_message.value_or("");
    epoch = response.member_epoch;
    std::vector<Uuid> assigned;
    if (response.assignment) {
      for (const auto& topic : response.assignment->topic_partitions) {
        assigned.push_back(topic.topic_id);
      }
    }
    return assigned;
  };
  EXPECT_THAT(beat(), IsEmpty()) << "resolved by the next";
  EXPECT_THAT(beat(), ElementsAre(FindTopic("logs-b").id));
  Start();
  Grant(Group(kRead));
  Grant(Topic(kDescribe, "logs-b"));
  Pass(1'000);
  EXPECT_THAT(beat(), IsEmpty()) << "nothing new";
  Grant(Topic(kDescribe, "logs-a"));
  Pass(1'000);
  EXPECT_THAT(beat(), UnorderedElementsAre(FindTopic("logs-a").id, FindTopic("logs-b").id));
}

// Nobody learns from an error whether a topic exists that they may not describe.
TEST_F(AclsTest, HiddenTopicsLookLikeNone) {
  for (const char* name : {"t", "there-is-none"}) {
    MetadataRequest metadata;
    metadata.topics.emplace(1);
    metadata.topics->at(0).name = name;
    const auto described = Run<MetadataRequest, MetadataResponse>(metadata, 12).topics.at(0);
    EXPECT_EQ(described.error_code, Code(KafkaError::kTopicAuthorizationFailed));
    EXPECT_TRUE(described.topic_id.IsZero());
    EXPECT_THAT(described.partitions, IsEmpty());
    DeleteTopicsRequest remove;
    remove.topics.resize(1);
    remove.topics[0].name = name;
    const auto removed = Run<DeleteTopicsRequest, DeleteTopicsResponse>(remove, 6).responses.at(0);
    EXPECT_EQ(removed.error_code, Code(KafkaError::kTopicAuthorizationFailed));
    EXPECT_TRUE(removed.topic_id.IsZero());
    CreatePartitionsRequest grow;
    grow.topics.resize(1);
    grow.topics[0].name = name;
    grow.topics[0].count = 3;
    grow.topics[0].assignments.reset();
    EXPECT_EQ(
        (Run<CreatePartitionsRequest, CreatePartitionsResponse>(grow, 3)).results.at(0).error_code,
        Code(KafkaError::kTopicAuthorizationFailed));
  }
  DeleteTopicsRequest by_id;
  by_id.topics.resize(1);
  by_id.topics[0].topic_id = FindTopic("t").id;
  EXPECT_FALSE((Run<DeleteTopicsRequest, DeleteTopicsResponse>(by_id, 6)).responses.at(0).name);
}

TEST_F(AclsTest, CreatedTopicsKeepTheirSettingsToThemselves) {
  Grant(Topic(kCreate, "n"));
  CreateTopicsRequest request;
  request.topics.resize(1);
  request.topics[0].name = "n";
  request.topics[0].num_partitions = 2;
  request.topics[0].replication_factor = 1;
  const auto created = Run<CreateTopicsRequest, CreateTopicsResponse>(request, 7).topics.at(0);
  EXPECT_EQ(created.error_code, 0);
  EXPECT_EQ(created.topic_config_error_code, Code(KafkaError::kTopicAuthorizationFailed));
  EXPECT_EQ(created.num_partitions, -1);
  EXPECT_FALSE(created.configs);
}

TEST_F(AclsTest, WhatOneMayIsTold) {
  Grant(Topic(kRead));
  MetadataRequest request;
  request.topics.emplace(1);
  request.topics->at(0).name = "t";
  request.include_topic_authorized_operations = true;
  request.include_cluster_authorized_operations = true;
  const auto response = Run<MetadataRequest, MetadataResponse>(request, 9);
  EXPECT_EQ(response.topics.at(0).topic_authorized_operations, AclBit(kRead) | AclBit(kDescribe));
  EXPECT_EQ(response.cluster_authorized_operations, 0);
}

TEST_F(AclsTest, EntriesAreMadeFoundAndTakenAway) {
  session_->principal = "User:root";
  CreateAclsRequest create;
  create.creations = {
      {2, "logs-", 4, "User:alice", "*", 3, 3},     // READ of topics logs-*
      {2, "logs-", 4, "User:alice", "*", 3, 3},     // once more
      {2, "t", 3, "User:alice", "10.0.0.1", 4, 2},  // no WRITE from there
      {4, "cluster", 3, "User:alice", "*", 7, 3},   // no such cluster
      {2, "", 3, "User:alice", "*", 3, 3},         {2, "t", 3, "alice", "*", 3, 3},
  };
  std::vector<int16_t> errors;
  for (const auto& result : Run<CreateAclsRequest, CreateAclsResponse>(create, 3).results) {
    errors.push_back(result.error_code);
  }
  const int16_t bad = Code(KafkaError::kInvalidRequest);
  EXPECT_THAT(errors, ElementsAre(0, 0, 0, bad, bad, bad));
  Start();  // what was answered is durable
  EXPECT_EQ(broker_->authorizer().all().size(), 2u);
  EXPECT_TRUE(
      broker_->authorizer().Allows({"User:alice", ""}, kRead, AclResourceType::kTopic, "logs-web"));

  DescribeAclsRequest describe;
  describe.resource_type_filter = 2;
  describe.resource_name_filter = "logs-web";
  describe.pattern_type_filter = static_cast<int8_t>(AclPatternType::kMatch);
  describe.principal_filter.reset();
  describe.host_filter.reset();
  describe.operation = describe.permission_type = 1;
  auto described = Run<DescribeAclsRequest, DescribeAclsResponse>(describe, 3);
  ASSERT_EQ(described.resources.size(), 1u);
  EXPECT_EQ(described.resources[0].resource_name, "logs-");
  EXPECT_EQ(described.resources[0].pattern_type, 4);
  ASSERT_EQ(described.resources[0].acls.size(), 1u);
  EXPECT_EQ(described.resources[0].acls[0].principal, "User:alice");
  EXPECT_EQ(described.resources[0].acls[0].operation, 3);
  EXPECT_EQ(described.resources[0].acls[0].permission_type, 3);

  DeleteAclsRequest remove;
  remove.filters.resize(2);
  remove.filters[0] = {2, std::nullopt, 1, "User:alice", std::nullopt, 1, 1};
  remove.filters[1] = {2, "t", 3, std::nullopt, std::nullopt, 1, 0};  // a permission UNKNOWN
  const auto removed = Run<DeleteAclsRequest, DeleteAclsResponse>(remove, 3);
  EXPECT_EQ(removed.filter_results.at(0).matching_acls.size(), 2u);
  EXPECT_EQ(removed.filter_results.at(1).error_code, bad);
  Start();
  EXPECT_THAT(broker_->authorizer().all(), IsEmpty());
}

TEST_F(AclsTest, WithoutAccessControlThereAreNoEntries) {
  broker_options_.acls = {};
  Start();
  DescribeAclsRequest describe;
  describe.resource_type_filter = describe.operation = describe.permission_type = 1;
  const int16_t disabled = Code(KafkaError::kSecurityDisabled);
  EXPECT_EQ((Run<DescribeAclsRequest, DescribeAclsResponse>(describe, 3)).error_code, disabled);
  CreateAclsRequest create;
  create.creations = {{2, "t", 3, "User:alice", "*", 3, 3}};
  EXPECT_EQ((Run<CreateAclsRequest, CreateAclsResponse>(create, 3)).results.at(0).error_code,
            disabled);
  DeleteAclsRequest remove;
  remove.filters.resize(1);
  EXPECT_EQ((Run<DeleteAclsRequest, DeleteAclsResponse>(remove, 3)).filter_results.at(0).error_code,
            disabled);
}

}  // namespace
}  // namespace weir::log::kafka
