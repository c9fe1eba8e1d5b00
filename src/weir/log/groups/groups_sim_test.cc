// Groups of both protocols under clients that come, go, crash, fall asleep and lose connections,
// and a broker that crashes with what was not durable.
//
//   - Of one generation, no two members are told to own a partition; of a consumer group, no two
//     that are members own one at the same time.
//   - An acknowledged offset does not go back, and does not vanish, whether it was committed
//   plainly
//     or in a transaction; a transaction that ended leaves nothing pending.
//   - When it is quiet, the group becomes stable and every partition has one owner.
//
// More seeds: WEIR_SIM_SEEDS=10000; one again: WEIR_SIM_SEED=17.
#include <algorithm>
#include <deque>
#include <set>

#include "gtest/gtest.h"
#include "weir/base/sim_env.h"
#include "weir/base/testing/forgetful_env.h"
#include "weir/log/groups/group_coordinator.h"
#include "weir/log/testing/manual_timers.h"

namespace weir::log {
namespace {

using kafka::KafkaError;

enum class Protocol { kClassic, kConsumer };

enum class Wrong {
  kNothing,
  kSegmentsNotSynced,
  kLeaderAssignsTwice,
  kKeepsWhatItGaveUp,
  kForgetsToFetch,
};

constexpr int64_t kSessionMs = 10'000;
constexpr int64_t kHeartbeatMs = 2'000;
constexpr int32_t kRebalanceMs = 15'000;
constexpr int64_t kRequestTimeoutMs = 40'000;

class World;

// A consumer as it could be: one request at a time; what it owns it may commit for.
class Client {
 public:
  Client(World& world, size_t number, std::optional<std::string> instance)
      : world_(world), number_(number), instance_(std::move(instance)) {}

  void Step();
  void Start() { life_.running = true; }
  void Crash() {
    Reset();
    life_ = Life();
  }
  // Says goodbye, if it is a member.
  void Stop();
  void Reset() {  // of its connection
    connection_ += 1;
    awaiting_ = false;
    out_ = nullptr;
    in_.clear();
    life_.full = true;
  }
  void BrokerRestarted() {
    Reset();
    // The end of the last one may not have been durable.
    life_.transaction = true;
    life_.staged = false;
  }
  void Deliver() {
    if (out_) std::exchange(out_, nullptr)();
  }

  const std::string& member_id() const { return life_.member_id; }
  const std::map<int32_t, int64_t>& owned() const { return life_.owned; }
  std::string identity() const { return instance_.value_or(life_.member_id); }

 private:
  // Sends a request; `then` runs when the client looks at the answer, if the connection holds.
  template <typename Response>
  void Ask(std::function<void(std::function<void(Response)>)> send,
           std::function<void(const Response&)> then);

  void Join();
  void Sync();
  void ClassicHeartbeat();
  void ConsumerHeartbeat();
  void Fetch();
  OffsetCommitRequest NextCommit();
  void Commit();
  void Stage();
  void EndTransaction();
  void Lost(KafkaError error);
  void Own(const std::set<int32_t>& partitions);

  int64_t ProducerId() const { return static_cast<int64_t>(number_); }

  World& world_;
  const size_t number_;
  const std::optional<std::string> instance_;
  uint64_t connection_ = 0;
  bool awaiting_ = false;
  int64_t asked_ms_ = 0;
  int64_t beats_ms_ = 0;  // when the next heartbeat is due
  std::function<void()> out_;
  std::deque<std::function<void()>> in_;

  // What a process loses when it crashes.
  struct Life {
    bool running = false;
    bool joined = false;  // knows its generation, or epoch
    bool syncs = false;   // classic: wants its assignment
    bool full = true;     // consumer: its next heartbeat says everything
    std::string member_id;
    int32_t epoch = 0;  // or generation
    std::vector<SyncGroupRequest::Assignment> plan;
    std::map<int32_t, int64_t> owned;  // partition -> position; -1: to be fetched
    std::set<int32_t> told;            // consumer: the assignment
    bool fetch = false;
    // A transaction of its own, or of the life before it, may be open.
    bool transaction = true;
    bool staged = false;  // and was answered: may be committed
  };
  Life life_;
};

class World {
 public:
  World(uint64_t seed, Protocol protocol, Wrong wrong)
      : sim_(seed), env_(sim_, Lies(wrong)), protocol_(protocol), wrong_(wrong) {
    options_.initial_rebalance_delay_ms = Below(2) == 0 ? 0 : 3'000;
    options_.consumer_session_timeout_ms = kSessionMs;
    partitions_ = 1 + static_cast<int32_t>(Below(6));
    Open();
    Topic topic;
    topic.name = "t";
    topic.id.bytes[0] = 1;
    std::vector<StateChange> changes;
    topic.partitions = log_->NewPartitionNumbers(static_cast<size_t>(partitions_), &changes);
    changes.push_back(Topics::Put(topic));
    if (!log_->Commit({}, changes, nullptr).ok()) Break("no topic");
    Flush();
    const uint64_t clients = 1 + Below(4);
    for (size_t i = 0; i < clients; ++i) {
      std::optional<std::string> instance;
      if (Below(3) == 0) instance = "i" + std::to_string(i);
      clients_.push_back(std::make_unique<Client>(*this, i, instance));
      clients_.back()->Start();
    }
  }

  void Run() {
    for (int i = 0; i < 600 && broken_.empty(); ++i) {
      Client& client = *clients_[Below(clients_.size())];
      switch (Below(100)) {
        case 0:
          client.Crash();
          if (Below(2) == 0) client.Start();
          break;
        case 1:
          client.Stop();
          break;
        case 2:
          client.Start();
          break;
        case 3:
          client.Reset();
          break;
        case 4:
          Restart();
          break;
        case 5:
          // The transaction's time is over.
          EndTransaction(static_cast<int64_t>(Below(clients_.size())), false);
          break;
        case 6:
          Pass(static_cast<int64_t>(Below(20'000)));
          break;
        default:
          client.Step();
          if (Below(4) > 0) client.Deliver();
          if (Below(2) == 0) Flush();
          Pass(static_cast<int64_t>(Below(500)));
      }
      Check();
    }
    Quiet();
  }

  void Quiet() {
    quiet_ = true;
    for (auto& client : clients_) client->Start();
    for (int i = 0; i < 200 && broken_.empty(); ++i) {
      for (auto& client : clients_) {
        client->Step();
        client->Deliver();
        Flush();
      }
      Pass(1'000);
      Check();
    }
    if (!broken_.empty()) return;
    if (groups_->offsets().pending() != 0) Break("offsets are pending when it is quiet");
    if (State() != "Stable") Break("the group is " + State() + " when it is quiet");
    for (int32_t partition = 0; partition < partitions_; ++partition) {
      const auto owners = std::count_if(clients_.begin(), clients_.end(), [&](const auto& client) {
        return client->owned().count(partition) != 0;
      });
      if (owners != 1) {
        Break("partition " + std::to_string(partition) + " has " + std::to_string(owners) +
              " owners when it is quiet");
      }
    }
  }

  // --- for clients ---
  GroupCoordinator& groups() { return *groups_; }
  Protocol protocol() const { return protocol_; }
  Wrong wrong() const { return wrong_; }
  bool quiet() const { return quiet_; }
  int32_t partitions() const { return partitions_; }
  int64_t NowMs() { return timers_.NowUs() / 1000; }
  uint64_t Below(uint64_t n) { return sim_.RandomU64() % n; }
  TopicId topic() const { return log_->topics().Find("t")->id; }
  int64_t acked(int32_t partition) { return acked_[partition]; }

  void Claimed(int32_t generation, int32_t partition, const std::string& who) {
    const auto [claim, first] = claims_.try_emplace({generation, partition}, who);
    if (!first && claim->second != who) {
      Break("in generation " + std::to_string(generation) + " partition " +
            std::to_string(partition) + " is " + claim->second + "'s and " + who + "'s");
    }
  }
  void Acked(int32_t partition, int64_t offset) {
    int64_t& acked = acked_[partition];
    if (offset < acked) {
      Break("partition " + std::to_string(partition) + " went back from " + std::to_string(acked) +
            " to " + std::to_string(offset));
    }
    acked = offset;
    deeds_.acked += 1;
  }
  // What happened; a world in which nothing does proves nothing.
  struct Deeds {
    uint64_t acked = 0;
    uint64_t handed_over = 0;  // partitions, to another member than before
    uint64_t restarts = 0;
    uint64_t transactions = 0;  // committed
  };
  const Deeds& deeds() const { return deeds_; }
  void Owns(int32_t partition, const std::string& who) {
    std::string& owner = last_owner_[partition];
    if (owner != who) deeds_.handed_over += 1;
    owner = who;
  }
  // What a producer sent to be staged, and may have been.
  void Staged(int64_t producer_id, const std::vector<OffsetCommitPartition>& partitions) {
    staged_[producer_id] = partitions;
  }
  void EndTransaction(int64_t producer_id, bool committed) {
    const auto rows = groups_->EndTransaction(producer_id, committed);
    const std::vector<OffsetCommitPartition> staged = std::exchange(staged_[producer_id], {});
    if (rows.empty()) return;
    const auto end = log_->Commit({}, rows, nullptr);
    if (!end.ok()) return Break("end of a transaction: " + end.error().ToString());
    groups_->Apply(rows, *end);
    if (!committed) return;
    log_->WhenDurable(*end, [this, staged] {
      for (const OffsetCommitPartition& each : staged) Acked(each.index, each.offset);
      deeds_.transactions += 1;
    });
  }
  void Break(const std::string& what) {
    if (broken_.empty()) broken_ = what;
  }
  const std::string& broken() const { return broken_; }

 private:
  static weir::testing::ForgetfulEnv::Lies Lies(Wrong wrong) {
    weir::testing::ForgetfulEnv::Lies lies;
    if (wrong == Wrong::kSegmentsNotSynced) lies.files = ".log";
    return lies;
  }

  void Open() {
    EventLogOptions options;
    options.journal.folder = "/log";
    options.journal.segment_bytes = 8'192;
    EventLogRecovery recovery;
    auto opened = EventLog::Open(env_, metrics_, options, &recovery);
    if (!opened.ok()) return Break("open: " + opened.error().ToString());
    log_ = std::move(opened).value();
    groups_ = std::make_unique<GroupCoordinator>(env_, metrics_, *log_, timers_, options_);
  }
  void Flush() {
    if (!log_->journal().Flush().ok()) return Break("flush failed");
    log_->Advance(log_->journal().durable());
  }
  void Restart() {
    deeds_.restarts += 1;
    sim_.Crash();
    groups_.reset();
    log_.reset();
    sim_.Restart(Below(2) == 0 ? SimEnv::CrashKind::kPowerLost : SimEnv::CrashKind::kProcessKilled);
    for (auto& client : clients_) client->BrokerRestarted();
    Open();
    if (broken_.empty() && log_->topics().Find("t") == nullptr) Break("the topic is gone");
  }
  void Pass(int64_t ms) {
    if (!broken_.empty()) return;
    sim_.SleepMicros(ms * 1000);
    timers_.Pass(ms * 1000);
  }
  std::string State() {
    return protocol_ == Protocol::kClassic ? groups_->DescribeGroups({"g"})[0].state
                                           : groups_->DescribeConsumerGroups({"g"})[0].state;
  }

  void Check() {
    if (!broken_.empty() || protocol_ == Protocol::kClassic) return;
    const auto described = groups_->DescribeConsumerGroups({"g"})[0];
    std::map<int32_t, std::string> assigned;
    std::set<std::string> members;
    for (const auto& member : described.members) {
      members.insert(member.member_id);
      for (const auto& [topic, indexes] : member.assignment) {
        for (const int32_t index : indexes) {
          if (!assigned.try_emplace(index, member.member_id).second) Break("assigned twice");
        }
      }
    }
    std::map<int32_t, std::string> owners;
    for (const auto& client : clients_) {
      if (members.count(client->member_id()) == 0) continue;  // fenced, and does not know yet
      for (const auto& [partition, position] : client->owned()) {
        const auto [owner, first] = owners.try_emplace(partition, client->member_id());
        if (!first) {
          Break("partition " + std::to_string(partition) + " is owned by " + owner->second +
                " and " + client->member_id());
        }
      }
    }
  }

  SimEnv sim_;
  weir::testing::ForgetfulEnv env_;
  const Protocol protocol_;
  const Wrong wrong_;
  MetricRegistry metrics_;
  testing::ManualTimers timers_;
  GroupOptions options_;
  int32_t partitions_ = 0;
  bool quiet_ = false;
  std::unique_ptr<EventLog> log_;
  std::unique_ptr<GroupCoordinator> groups_;
  std::vector<std::unique_ptr<Client>> clients_;

  std::map<std::pair<int32_t, int32_t>, std::string> claims_;  // generation, partition -> whose
  std::map<int32_t, int64_t> acked_;
  std::map<int64_t, std::vector<OffsetCommitPartition>> staged_;
  std::map<int32_t, std::string> last_owner_;
  Deeds deeds_;
  std::string broken_;
};

// --- the client ---

template <typename Response>
void Client::Ask(std::function<void(std::function<void(Response)>)> send,
                 std::function<void(const Response&)> then) {
  awaiting_ = true;
  asked_ms_ = world_.NowMs();
  out_ = [this, send = std::move(send), then = std::move(then), connection = connection_] {
    send([this, then, connection](Response response) {
      if (connection != connection_) return;
      in_.push_back([this, then, response = std::move(response)] {
        awaiting_ = false;
        then(response);
      });
    });
  };
}

void Client::Step() {
  if (!life_.running) return;
  while (!in_.empty()) {
    const auto next = std::move(in_.front());
    in_.pop_front();
    next();
  }
  if (awaiting_) {
    if (world_.NowMs() - asked_ms_ > kRequestTimeoutMs) Reset();
    return;
  }
  if (world_.protocol() == Protocol::kConsumer) {
    if (!life_.joined || world_.NowMs() >= beats_ms_) return ConsumerHeartbeat();
  } else {
    if (life_.syncs) return Sync();
    if (!life_.joined) return Join();
    if (world_.NowMs() >= beats_ms_) return ClassicHeartbeat();
  }
  if (life_.transaction && world_.Below(3) == 0) return EndTransaction();
  if (!world_.quiet() && world_.Below(50) == 0) return Lost(KafkaError::kRebalanceInProgress);
  if (life_.fetch) return Fetch();
  if (world_.Below(2) == 0 && !life_.owned.empty() && !life_.transaction) {
    return !world_.quiet() && world_.Below(2) == 0 ? Stage() : Commit();
  }
}

void Client::Lost(KafkaError error) {
  life_.owned.clear();
  life_.fetch = false;
  life_.joined = false;
  life_.syncs = false;
  if (error == KafkaError::kUnknownMemberId && world_.protocol() == Protocol::kClassic) {
    life_.member_id.clear();
  }
  if (error == KafkaError::kFencedInstanceId) {
    // Another life of this instance is there; this one ends, and its supervisor starts it again.
    life_.member_id.clear();
  }
  life_.epoch = 0;
}

void Client::Own(const std::set<int32_t>& partitions) {
  life_.told = partitions;
  if (world_.wrong() != Wrong::kKeepsWhatItGaveUp) {
    std::erase_if(life_.owned,
                  [&](const auto& entry) { return partitions.count(entry.first) == 0; });
  }
  for (const int32_t partition : partitions) {
    world_.Owns(partition, identity());
    if (life_.owned.try_emplace(partition, -1).second) life_.fetch = true;
  }
  if (world_.wrong() == Wrong::kForgetsToFetch && life_.fetch) {
    for (auto& [partition, position] : life_.owned) position = std::max<int64_t>(position, 0);
    life_.fetch = false;
  }
}

void Client::Join() {
  JoinGroupRequest request;
  request.group_id = "g";
  request.session_timeout_ms = kSessionMs;
  request.rebalance_timeout_ms = kRebalanceMs;
  request.member_id = life_.member_id;
  request.instance_id = instance_;
  request.protocol_type = "consumer";
  request.protocols = {{"range", ""}};
  Ask<JoinGroupResponse>(
      [this, request](auto done) {
        world_.groups().JoinGroup({9, "c" + std::to_string(number_), ""}, request, done);
      },
      [this](const JoinGroupResponse& response) {
        if (response.error == KafkaError::kMemberIdRequired) {
          life_.member_id = response.member_id;
        } else if (response.error != KafkaError::kNone) {
          Lost(response.error);
        } else {
          life_.member_id = response.member_id;
          life_.epoch = response.generation_id;
          life_.syncs = true;
          life_.plan.clear();
          if (response.skip_assignment) return;
          for (size_t i = 0; i < response.members.size(); ++i) {
            SyncGroupRequest::Assignment& each = life_.plan.emplace_back();
            each.member_id = response.members[i].member_id;
            for (int32_t p = 0; p < world_.partitions(); ++p) {
              const bool twice = world_.wrong() == Wrong::kLeaderAssignsTwice && p == 0;
              if (twice || static_cast<size_t>(p) % response.members.size() == i) {
                each.assignment += static_cast<char>(p);
              }
            }
          }
        }
      });
}

void Client::Sync() {
  SyncGroupRequest request;
  request.group_id = "g";
  request.generation_id = life_.epoch;
  request.member_id = life_.member_id;
  request.instance_id = instance_;
  request.protocol_type = "consumer";
  request.assignments = life_.plan;
  Ask<SyncGroupResponse>(
      [this, request](auto done) { world_.groups().SyncGroup({}, request, done); },
      [this](const SyncGroupResponse& response) {
        life_.syncs = false;
        if (response.error != KafkaError::kNone) return Lost(response.error);
        life_.joined = true;
        std::set<int32_t> partitions;
        for (const char p : response.assignment) {
          partitions.insert(p);
          world_.Claimed(life_.epoch, p, identity());
        }
        Own(partitions);
      });
}

void Client::ClassicHeartbeat() {
  beats_ms_ = world_.NowMs() + kHeartbeatMs;
  const HeartbeatRequest request{"g", life_.epoch, life_.member_id, instance_};
  Ask<KafkaError>([this, request](auto done) { world_.groups().Heartbeat({}, request, done); },
                  [this](KafkaError error) {
                    if (error != KafkaError::kNone) Lost(error);
                  });
}

void Client::ConsumerHeartbeat() {
  beats_ms_ = world_.NowMs() + kHeartbeatMs;
  if (life_.member_id.empty()) {
    life_.member_id =
        "m" + std::to_string(number_) + "-" + std::to_string(world_.Below(1'000'000'000));
  }
  ConsumerGroupHeartbeatRequest request;
  request.group_id = "g";
  request.member_id = life_.member_id;
  request.member_epoch = life_.epoch;
  request.instance_id = instance_;
  request.owned.emplace();
  for (const auto& [partition, position] : life_.owned) {
    if (life_.told.count(partition) != 0) Insert(&*request.owned, world_.topic(), partition);
  }
  if (!life_.joined || life_.full) {
    life_.full = false;
    request.rebalance_timeout_ms = kRebalanceMs;
    if (number_ % 2 == 0) {
      request.subscribed_topics = {{"t"}};
    } else {
      request.subscribed_regex = "t";
    }
  }
  Ask<ConsumerGroupHeartbeatResponse>(
      [this, request](auto done) {
        world_.groups().ConsumerHeartbeat({1, "c", ""}, request, done);
      },
      [this](const ConsumerGroupHeartbeatResponse& response) {
        if (response.error == KafkaError::kCoordinatorNotAvailable) return;
        if (response.error != KafkaError::kNone) return Lost(response.error);
        life_.joined = true;
        life_.epoch = response.member_epoch;
        if (!response.assignment) return;
        std::set<int32_t> partitions;
        for (const auto& [topic, indexes] : *response.assignment) partitions = indexes;
        Own(partitions);
      });
}

void Client::Fetch() {
  OffsetFetchRequest request;
  request.group_id = "g";
  request.topics.emplace();
  request.topics->push_back({"t", {}, {}});
  request.require_stable = true;
  std::map<int32_t, int64_t> acked;
  for (const auto& [partition, position] : life_.owned) {
    request.topics->front().partitions.push_back(partition);
    acked[partition] = world_.acked(partition);
  }
  Ask<OffsetFetchResponse>(
      [this, request](auto done) { world_.groups().FetchOffsets(request, done); },
      [this, acked](const OffsetFetchResponse& response) {
        life_.fetch = false;
        for (const FetchedOffset& fetched : response.topics.at(0).partitions) {
          if (fetched.error == KafkaError::kUnstableOffsetCommit) {
            life_.fetch = true;
            continue;
          }
          if (fetched.offset < acked.at(fetched.index) && acked.at(fetched.index) > 0) {
            world_.Break("partition " + std::to_string(fetched.index) + " is at " +
                         std::to_string(fetched.offset) + ", acknowledged was " +
                         std::to_string(acked.at(fetched.index)));
          }
          const auto owned = life_.owned.find(fetched.index);
          if (owned == life_.owned.end()) continue;
          if (owned->second < 0) owned->second = std::max<int64_t>(fetched.offset, 0);
        }
      });
}

OffsetCommitRequest Client::NextCommit() {
  OffsetCommitRequest request;
  request.group_id = "g";
  request.generation_or_epoch = life_.epoch;
  request.member_id = life_.member_id;
  request.instance_id = instance_;
  request.topics.push_back({"t", {}, {}});
  for (auto& [partition, position] : life_.owned) {
    if (position < 0) continue;
    position += 1 + static_cast<int64_t>(world_.Below(5));
    request.topics[0].partitions.push_back({partition, position, -1, std::nullopt});
  }
  return request;
}

void Client::Stage() {
  const OffsetCommitRequest request = NextCommit();
  life_.transaction = true;
  life_.staged = false;
  Ask<OffsetCommitResponse>(
      [this, request](auto done) {
        world_.Staged(ProducerId(), request.topics[0].partitions);
        world_.groups().TxnCommitOffsets({5, "c", ""}, {request, ProducerId(), 0}, done);
      },
      [this](const OffsetCommitResponse& response) {
        life_.staged = true;
        for (const PartitionError& partition : response.topics[0].partitions) {
          if (partition.error != KafkaError::kNone) life_.staged = false;
        }
      });
}

void Client::EndTransaction() {
  world_.EndTransaction(ProducerId(), life_.staged && world_.Below(3) > 0);
  life_.transaction = false;
  life_.staged = false;
}

void Client::Commit() {
  const OffsetCommitRequest request = NextCommit();
  Ask<OffsetCommitResponse>(
      [this, request](auto done) {
        world_.groups().CommitOffsets({9, "c", ""}, request, [this, request, done](auto response) {
          // Acknowledged, whether or not the client is there to see it.
          const auto& asked = request.topics[0].partitions;
          for (size_t i = 0; i < asked.size(); ++i) {
            if (response.topics[0].partitions[i].error == KafkaError::kNone) {
              world_.Acked(asked[i].index, asked[i].offset);
            }
          }
          done(response);
        });
      },
      [this](const OffsetCommitResponse& response) {
        for (const PartitionError& partition : response.topics[0].partitions) {
          // A consumer learns of a newer epoch from its next heartbeat.
          if (partition.error == KafkaError::kNone ||
              partition.error == KafkaError::kStaleMemberEpoch ||
              partition.error == KafkaError::kCoordinatorNotAvailable) {
            continue;
          }
          return Lost(partition.error);
        }
      });
}

void Client::Stop() {
  if (!life_.running) return;
  Reset();
  const std::string member_id = life_.member_id;
  if (member_id.empty()) {
  } else if (world_.protocol() == Protocol::kClassic) {
    world_.groups().LeaveGroup({}, {"g", {{member_id, instance_, ""}}},
                               [](const LeaveGroupResponse&) {});
  } else {
    ConsumerGroupHeartbeatRequest request;
    request.group_id = "g";
    request.member_id = member_id;
    request.instance_id = instance_;
    request.member_epoch = instance_ && world_.Below(2) == 0 ? kLeaveForAWhileEpoch : kLeaveEpoch;
    life_.owned.clear();
    world_.groups().ConsumerHeartbeat({1, "c", ""}, request,
                                      [](const ConsumerGroupHeartbeatResponse&) {});
  }
  Crash();
}

// --- tests ---

std::string RunSeed(uint64_t seed, Protocol protocol, Wrong wrong) {
  World world(seed, protocol, wrong);
  if (world.broken().empty()) world.Run();
  return world.broken();
}

// Or one of them may be missing without notice.
TEST(GroupsSimWorldTest, ThingsHappen) {
  for (const Protocol protocol : {Protocol::kClassic, Protocol::kConsumer}) {
    World::Deeds all;
    for (uint64_t seed = 0; seed < 20; ++seed) {
      World world(seed, protocol, Wrong::kNothing);
      world.Run();
      all.acked += world.deeds().acked;
      all.handed_over += world.deeds().handed_over;
      all.restarts += world.deeds().restarts;
      all.transactions += world.deeds().transactions;
    }
    EXPECT_GT(all.acked, 2'000u);
    EXPECT_GT(all.handed_over, 100u);
    EXPECT_GT(all.restarts, 50u);
    EXPECT_GT(all.transactions, 30u);
  }
}

class GroupsSimTest : public ::testing::TestWithParam<Protocol> {};

TEST_P(GroupsSimTest, OneOwnerAndNoOffsetLost) {
  const SimSeeds seeds(100);
  for (uint64_t seed = seeds.first; seed < seeds.end; ++seed) {
    ASSERT_EQ(RunSeed(seed, GetParam(), Wrong::kNothing), "") << "WEIR_SIM_SEED=" << seed;
  }
}

INSTANTIATE_TEST_SUITE_P(Protocols, GroupsSimTest,
                         ::testing::Values(Protocol::kClassic, Protocol::kConsumer),
                         [](const auto& info) {
                           return info.param == Protocol::kClassic ? "Classic" : "Consumer";
                         });

struct Canary {
  const char* name;
  Protocol protocol;
  Wrong wrong;
};

class GroupsSimCanaryTest : public ::testing::TestWithParam<Canary> {};

TEST_P(GroupsSimCanaryTest, IsFoundOut) {
  for (uint64_t seed = 0; seed < 500; ++seed) {
    if (!RunSeed(seed, GetParam().protocol, GetParam().wrong).empty()) return;
  }
  FAIL() << "500 seeds did not find it";
}

INSTANTIATE_TEST_SUITE_P(
    Wrongs, GroupsSimCanaryTest,
    ::testing::Values(Canary{"SegmentsNotSynced", Protocol::kClassic, Wrong::kSegmentsNotSynced},
                      Canary{"SegmentsNotSyncedConsumer", Protocol::kConsumer,
                             Wrong::kSegmentsNotSynced},
                      Canary{"LeaderAssignsTwice", Protocol::kClassic, Wrong::kLeaderAssignsTwice},
                      Canary{"KeepsWhatItGaveUp", Protocol::kConsumer, Wrong::kKeepsWhatItGaveUp},
                      Canary{"ForgetsToFetch", Protocol::kClassic, Wrong::kForgetsToFetch}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace weir::log
