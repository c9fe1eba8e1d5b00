// SimWorld: a broker on a simulated machine, its clients on a simulated network, and what goes
// wrong with all of them, drawn from one seed. Run lets them live, heals everything, waits until
// all is quiet, reads every partition, loses the power and reads again; the checker judges the
// history.
//
// Thread rule: one thread.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "weir/log/kafka/sim/testing/damage.h"
#include "weir/log/kafka/sim/testing/defects.h"
#include "weir/log/kafka/sim/testing/history_checker.h"
#include "weir/log/kafka/sim/testing/sim_clients.h"
#include "weir/log/kafka/sim/testing/sim_host.h"

namespace weir::log::kafka::sim {

class SimWorld {
 public:
  SimWorld(uint64_t seed, Wrong wrong, std::vector<std::string>* story = nullptr)
      : disk_(seed),
        loop_(seed),
        network_(loop_, Network(),
                 [this](const auto& session, std::string_view request, const RequestNote& note,
                        bool orphan, Call::Send send) {
                   Serve(session, request, note, orphan, std::move(send));
                 }),
        context_(loop_, network_, history_),
        host_(loop_, disk_, Host(wrong)) {
    loop_.TellInto(story);
    context_.wrong = wrong;
    // Otherwise nothing would be hit that the checker looks at.
    context_.strange = wrong == Wrong::kNothing && loop_.OneIn(6);
    damages_ = context_.strange;
    context_.crowded = crowded_;
    disasters_ = !loop_.OneIn(10);
    host_.on_gone = [this] { BrokerGone(); };
  }
  ~SimWorld() {
    // Tasks end where they stand, and speak of it to the history.
    for (Client& client : clients_) End(client);
  }
  SimWorld(const SimWorld&) = delete;
  SimWorld& operator=(const SimWorld&) = delete;

  std::vector<Violation> Run() {
    if (Begin()) {
      loop_.After(loop_.Between(0, 3'000'000), [this] { Fault(); });
      Let(loop_.Between(5'000'000, 25'000'000));
      Quiet();
      Finish();
    }
    return HistoryChecker(history_).Check();
  }

  SimEnv& disk() { return disk_; }
  const History& history() const { return history_; }
  uint64_t steps() const { return loop_.steps(); }

  // What happened; a world in which nothing does proves nothing.
  struct Deeds {
    uint64_t starts = 0;
    uint64_t crashes_on_disk = 0;
    uint64_t late_requests = 0;
    uint64_t flips = 0;
    uint64_t jumps = 0;
    uint64_t killed_clients = 0;
  };
  const Deeds& deeds() const { return deeds_; }

 private:
  struct Client {
    ClientPlan plan;
    std::string name;
    int lives = 0;
    bool twin = false;  // fences, and is fenced by, another; gone when it is quiet
    std::unique_ptr<SimProcess> process;
    Task<void> task;
  };

  // --- what the world is like ---
  const NetworkOptions& Network() {
    usual_.delay_us_max = loop_.Between(200, 5'000);
    if (loop_.OneIn(2)) usual_.linger_us_max = loop_.Between(1'000, 10'000'000);
    return usual_;
  }
  HostOptions Host(Wrong wrong) {
    HostOptions options;
    options.segment_bytes = static_cast<uint64_t>(loop_.Between(2'000, 40'000));
    options.flush_us_max = loop_.OneIn(3) ? loop_.Between(1, 100'000) : 2'000;
    crowded_ = loop_.OneIn(4);
    if (crowded_) {
      options.reserve_bytes = static_cast<uint64_t>(loop_.Between(1, 3'000));
      options.buffer_bytes = static_cast<uint64_t>(loop_.Between(2'000, 10'000));
    }
    options.broker.read_ahead_from_bytes = 1;
    options.broker.groups.consumer_session_timeout_ms = 10'000;
    options.broker.groups.initial_rebalance_delay_ms = loop_.OneIn(3) ? 1'000 : 0;
    if (wrong == Wrong::kSegmentsNotSynced) options.lies.files = ".log";
    options.answers_before_durable = wrong == Wrong::kAnswersBeforeDurable;
    return options;
  }

  bool Begin() {
    if (const auto error = host_.Start()) {
      history_.Wrong("open", error->ToString());
      return false;
    }
    for (const char* name : {"a", "b"}) {
      SimTopic topic;
      topic.name = name;
      topic.partitions = static_cast<int32_t>(loop_.Between(1, 3));
      topic.first = context_.topics.empty() ? 0 : context_.topics[0].partitions;
      Position end = 0;
      std::string message;
      const KafkaError error = host_.broker().CreateTopic(name, topic.partitions,
                                                          {{"retention.ms", "-1"}}, &end, &message);
      if (error != KafkaError::kNone) {
        history_.Wrong("open", message);
        return false;
      }
      const Topic& made = *host_.log().topics().Find(name);
      topic.id = made.id;
      for (int32_t i = 0; i < topic.partitions; ++i) {
        partition_of_[made.partitions[static_cast<size_t>(i)]] = topic.first + i;
      }
      context_.topics.push_back(topic);
    }
    (void)host_.log().journal().Flush();
    host_.log().Advance(host_.log().journal().durable());
    network_.BrokerStarted();
    Plan();
    for (Client& client : clients_) StartClient(client);
    return true;
  }

  Protocol AnyTransactions() {
    const bool first = context_.wrong == Wrong::kLateEndCounts || loop_.OneIn(2);
    return first ? Protocol::kTransactions1 : Protocol::kTransactions2;
  }
  Membership AnyMembership() { return static_cast<Membership>(loop_.Below(3)); }
  void Plan() {
    const auto add = [this](ClientPlan plan, const std::string& name) {
      clients_.emplace_back();
      clients_.back().plan = std::move(plan);
      clients_.back().name = name;
    };
    const int32_t timeout_ms = static_cast<int32_t>(loop_.Between(3'000, 15'000));
    for (uint64_t i = 0, n = 1 + loop_.Below(2); i < n; ++i) {
      add({}, "p" + std::to_string(i));
    }
    const bool shared = loop_.OneIn(3);  // a transactional id: they fence one another
    for (uint64_t i = 0, n = 1 + loop_.Below(2); i < n; ++i) {
      ClientPlan plan;
      plan.protocol = AnyTransactions();
      plan.transactional_id = shared ? "t" : "t" + std::to_string(i);
      plan.transaction_timeout_ms = timeout_ms;
      add(plan, "t" + std::to_string(i));
    }
    const bool ring = context_.wrong == Wrong::kReadsUncommitted || loop_.OneIn(2);
    for (size_t direction = 0; direction < (ring ? 2u : 1u); ++direction) {
      ClientPlan plan;
      plan.kind = ClientPlan::Kind::kPipeline;
      plan.group = direction == 0 ? "forth" : "back";
      plan.from = direction;
      plan.to = 1 - direction;
      plan.transaction_timeout_ms = timeout_ms;
      plan.membership = AnyMembership();
      const bool twins = loop_.OneIn(2);
      for (int i = 0; i < (twins ? 2 : 1); ++i) {
        plan.protocol = AnyTransactions();
        // Without a group to fence them, the transactional id must.
        plan.transactional_id =
            plan.group + (plan.membership == Membership::kAssigned ? "" : std::to_string(i));
        add(plan, plan.group + std::to_string(i));
        clients_.back().twin = i > 0 && plan.membership == Membership::kAssigned;
      }
      History::Pipeline& pipeline = history_.pipelines[plan.group];
      const SimTopic& from = context_.topics[plan.from];
      for (int32_t i = 0; i < from.partitions; ++i) pipeline.sources.insert(from.first + i);
    }
    const Membership membership = AnyMembership();
    for (uint64_t i = 0, n = 1 + loop_.Below(3); i < n; ++i) {
      ClientPlan plan;
      plan.kind = ClientPlan::Kind::kConsumer;
      plan.committed = loop_.OneIn(2);
      plan.membership = membership;
      // Nobody shares out the partitions of those that assign theirs: a group each.
      plan.group = membership == Membership::kAssigned ? "watch" + std::to_string(i) : "watch";
      plan.from = loop_.Below(2);
      if (membership != Membership::kAssigned) plan.from = 0;
      add(plan, "c" + std::to_string(i));
    }
  }

  // --- clients ---
  void StartClient(Client& client) {
    if (client.twin && context_.quiet) return;
    client.lives += 1;
    client.process = std::make_unique<SimProcess>(context_, next_process_++,
                                                  client.name + "." + std::to_string(client.lives));
    client.task = RunClient(*client.process, client.plan);
    loop_.After(loop_.Between(0, 500'000), [&client, life = client.lives] {
      if (client.process && client.lives == life) client.task.Start();
    });
  }
  static void End(Client& client) {
    client.task = Task<void>();
    client.process.reset();
  }
  void KillClient(Client& client) {
    if (!client.process) return;
    deeds_.killed_clients += 1;
    client.process->Tell("killed");
    End(client);
    loop_.After(loop_.Between(10'000, 5'000'000), [this, &client] {
      if (!client.process && !ended_) StartClient(client);
    });
  }

  // --- requests ---
  void Serve(const std::shared_ptr<Session>& session, std::string_view request,
             const RequestNote& note, bool orphan, Call::Send send) {
    if (orphan) Late(request, note);
    if (context_.wrong < Wrong::kDropsEndTxn) return host_.Serve(session, request, std::move(send));
    const auto spoiled = Spoil(context_, host_, session, request, send);
    if (spoiled) host_.Serve(session, *spoiled, std::move(send));
  }

  // A request whose sender has given it up arrives all the same. Without an epoch of each
  // transaction nobody can tell that it is late: Kafka's protocol 1, and plain commits of offsets.
  void Late(std::string_view request, const RequestNote& note) {
    deeds_.late_requests += 1;
    Decoder decoder(request);
    const int16_t key = decoder.Int16("key");
    const int16_t version = decoder.Int16("version");
    if (loop_.telling()) {
      loop_.Tell("network", "a late " + std::string(FindApi(key)->name) + " v" +
                                std::to_string(version) + " of transaction " +
                                std::to_string(note.transaction));
    }
    if (context_.wrong == Wrong::kLateEndCounts) return;
    if (key == OffsetCommitRequest::kApiKey) history_.flawed_groups.insert(note.name);
    const bool ends = key == EndTxnRequest::kApiKey && version < 5;
    const bool stages = key == TxnOffsetCommitRequest::kApiKey && version < 5;
    if (!ends && !stages) return;
    const TransactionOp& late = history_.transactions.at(note.transaction);
    TransactionOp& hit = history_.transactions.at(context_.newest.at(late.name));
    if (hit.id == late.id && hit.ended == 0) return;
    if (stages) history_.flawed_groups.insert(note.name);
    if (hit.ended != 0 || hit.producer_id != late.producer_id || hit.epoch != late.epoch) return;
    hit.flawed = true;
    if (!hit.group.empty()) history_.flawed_groups.insert(hit.group);
  }

  // --- the broker ---
  void BrokerGone() {
    network_.BrokerDied();
    loop_.After(loop_.Between(1'000, 2'000'000), [this] { StartBroker(); });
  }
  void StartBroker() {
    if (host_.up()) return;
    const bool power = loop_.OneIn(2);
    loop_.Tell("broker", power ? "the power was lost" : "the machine went on");
    disk_.Restart(power ? SimEnv::CrashKind::kPowerLost : SimEnv::CrashKind::kProcessKilled);
    disk_.CrashAtOperation(0);
    disk_.SetIoErrorProbability(0);
    disk_.SetCapacity(kCapacity);
    if (damages_ && !context_.quiet && loop_.OneIn(2)) Flip();
    if (disasters_ && !context_.quiet && loop_.OneIn(4)) {
      disk_.CrashAtOperation(1 + loop_.Below(40));
    }
    if (const auto error = host_.Start()) {
      history_.Wrong("open", "it does not start: " + error->ToString());
      over_ = true;
      return;
    }
    deeds_.starts += 1;
    if (!host_.up()) {
      deeds_.crashes_on_disk += 1;
      loop_.Tell("broker", "crashed while it started");
      return BrokerGone();
    }
    network_.BrokerStarted();
    for (const SimTopic& topic : context_.topics) {
      if (host_.log().topics().Find(topic.name) != nullptr) continue;
      history_.Wrong("lost-write", "topic " + topic.name + " is gone");
      over_ = true;
    }
  }
  void Flip() {
    const auto hit = FlipBit(loop_, disk_, host_.folder());
    if (!hit) return;
    deeds_.flips += 1;
    const int partition = partition_of_.at(hit->partition);
    loop_.Tell("disk", "a bit flips in partition " + std::to_string(partition) + " at " +
                           std::to_string(hit->first_offset) + " to " +
                           std::to_string(hit->last_offset));
    for (int64_t offset = hit->first_offset; offset <= hit->last_offset; ++offset) {
      history_.damaged[partition].insert(offset);
    }
  }

  // --- what goes wrong ---
  void Fault() {
    if (context_.quiet || over_) return;
    loop_.After(loop_.Between(100'000, 4'000'000), [this] { Fault(); });
    Client& client = clients_[loop_.Below(clients_.size())];
    switch (loop_.Below(14)) {
      case 0:
      case 1:
        if (!host_.up() || !disasters_) return;
        deeds_.crashes_on_disk += 1;
        return disk_.CrashAtOperation(1 + loop_.Below(60));
      case 2:
        if (disasters_) host_.Kill();
        return;
      case 3:
        return host_.Stop();
      case 4:
      case 5:
        if (client.process) client.process->Reset();
        return;
      case 6:
        return network_.ResetAll();
      case 7:
        return KillClient(client);
      case 8: {
        NetworkOptions slow = usual_;
        slow.delay_us_max = loop_.Between(100'000, 4'000'000);
        network_.SetOptions(slow);
        loop_.Tell("network", "is slow");
        loop_.After(loop_.Between(100'000, 5'000'000), [this] { network_.SetOptions(usual_); });
        return;
      }
      case 9: {
        if (jumps_ == kJumpsMax) return;
        jumps_ += 1;
        deeds_.jumps += 1;
        const int64_t us = loop_.Between(-3'600'000'000, int64_t{36} * 3'600'000'000);
        loop_.Tell("clock", "jumps by " + std::to_string(us / 1'000'000) + " s");
        return host_.clock().Jump(us);
      }
      case 10: {
        if (!crowded_ || !host_.up()) return;
        const auto free = disk_.FreeDiskBytes("/");
        if (!free.ok()) return;
        disk_.SetCapacity(kCapacity - *free + loop_.Below(6'000));
        loop_.Tell("disk", "is nearly full");
        loop_.After(loop_.Between(100'000, 4'000'000), [this] { disk_.SetCapacity(kCapacity); });
        return;
      }
      case 11:
        if (!disasters_ || damages_) return;
        disk_.SetIoErrorProbability(0.2);
        loop_.Tell("disk", "fails");
        loop_.After(loop_.Between(1'000, 300'000), [this] { disk_.SetIoErrorProbability(0); });
        return;
      default:
        if (client.process) client.process->Reset();
    }
  }

  // After a week offsets of groups without members go, and transactional ids.
  static constexpr int kJumpsMax = 4;
  static constexpr uint64_t kCapacity = uint64_t{1} << 36;

  // --- the end ---
  void Let(int64_t us) {
    loop_.RunUntil(loop_.NowUs() + us, [this] { return over_; });
  }

  void Quiet() {
    loop_.Tell("world", "is quiet from now on");
    context_.quiet = true;
    disk_.CrashAtOperation(0);
    disk_.SetIoErrorProbability(0);
    disk_.SetCapacity(kCapacity);
    usual_ = NetworkOptions();
    network_.SetOptions(usual_);
    for (Client& client : clients_) {
      if (client.twin) End(client);
      if (!client.process && client.plan.kind != ClientPlan::Kind::kProducer) StartClient(client);
    }
    context_.think_us = 150'000;
    std::string unfinished;
    for (int i = 0; i < (context_.strange ? 100 : 400) && !over_; ++i) {
      Let(500'000);
      unfinished = Unfinished();
      if (unfinished.empty()) {
        for (auto& [name, pipeline] : history_.pipelines) pipeline.drained = true;
        break;
      }
    }
    // A group can't come past damage that has nothing behind it.
    if (!over_ && !unfinished.empty() && !context_.strange) history_.Wrong("stuck", unfinished);
    ended_ = true;
    for (Client& client : clients_) End(client);
  }

  // What is still to happen; nothing, if all is done.
  std::string Unfinished() {
    if (!host_.up()) return "the broker is down";
    for (const Client& client : clients_) {
      if (client.plan.kind == ClientPlan::Kind::kProducer && client.process &&
          !client.task.done()) {
        return client.name + " is not done";
      }
    }
    for (const auto& [number, partition] : partition_of_) {
      const PartitionLog* log = host_.log().FindPartition(number);
      if (log == nullptr) return "a partition is gone";
      if (log->last_stable_offset() < log->next_offset()) {
        return "partition " + std::to_string(partition) + " is stable up to " +
               std::to_string(log->last_stable_offset()) + " of " +
               std::to_string(log->next_offset());
      }
      const SimTopic& topic = context_.TopicOf(partition);
      for (const auto& [group, pipeline] : history_.pipelines) {
        if (pipeline.sources.count(partition) == 0 || log->next_offset() == 0) continue;
        const CommittedOffset* read =
            host_.broker().groups().offsets().Find(group, {topic.id, partition - topic.first});
        const int64_t at = read == nullptr ? -1 : read->offset;
        if (at < log->next_offset()) {
          return group + " is at " + std::to_string(at) + " of " +
                 std::to_string(log->next_offset()) + " in partition " + std::to_string(partition);
        }
      }
    }
    return "";
  }

  void Finish() {
    if (over_) return;
    if (!ReadAll()) return;
    const std::map<int, FinalPartition> first = history_.final;
    if (host_.damage() == 0) CheckNothingIsMissing();
    host_.Kill();
    Let(3'000'000);
    if (!host_.up() || !ReadAll()) return;
    for (const auto& [partition, final] : first) {
      const FinalPartition& now = history_.final[partition];
      if (now.all != final.all || now.committed != final.committed) {
        history_.Wrong("phantom-read", "partition " + std::to_string(partition) +
                                           " is another after the last start");
      }
    }
  }

  // Damage is said; where nothing was said, nothing is missing. (What was hit may have been moved
  // to a settled segment before.)
  void CheckNothingIsMissing() {
    for (const auto& [partition, offsets] : history_.damaged) {
      const FinalPartition& final = history_.final[partition];
      for (const int64_t offset : offsets) {
        const auto found =
            std::lower_bound(final.all.begin(), final.all.end(), std::pair(offset, Value{0}));
        if (found != final.all.end() && found->first == offset) continue;
        history_.Wrong("unreported", "partition " + std::to_string(partition) + " misses offset " +
                                         std::to_string(offset) + ", and nothing was said");
      }
    }
  }

  // Every partition from its beginning, with both isolations.
  bool ReadAll() {
    history_.final.clear();
    for (const bool committed : {false, true}) {
      SimProcess process(context_, next_process_++, committed ? "reader" : "reader of all");
      Task<bool> task = ReadAll(process, committed);
      loop_.After(0, [&task] { task.Start(); });
      loop_.RunUntil(loop_.NowUs() + 300'000'000, [&task] { return task.done(); });
      if (!task.done()) {
        history_.Wrong("stuck", process.name() + " does not come to the end");
        return false;
      }
    }
    return true;
  }
  Task<bool> ReadAll(SimProcess& process, bool committed) {
    SimFetcher fetcher(process, committed);
    for (const auto& [number, partition] : partition_of_) fetcher.positions[partition] = 0;
    int in_vain = 0;
    while (true) {
      std::vector<Got> got;
      const std::map<int, int64_t> before = fetcher.positions;
      co_await fetcher.Poll(0, &got);
      for (const Got& each : got) {
        FinalPartition& final = history_.final[each.partition];
        (committed ? final.committed : final.all).emplace_back(each.offset, each.value);
      }
      bool done = true;
      for (const auto& [partition, position] : fetcher.positions) {
        const auto end = fetcher.ends().find(partition);
        done = done && end != fetcher.ends().end() && position >= end->second;
        if (end != fetcher.ends().end()) history_.final[partition].end = end->second;
      }
      if (done) co_return true;
      in_vain = before == fetcher.positions ? in_vain + 1 : 0;
      if (in_vain < 20) continue;
      // Damage at the very end has nothing behind it to go on with.
      if (context_.strange) co_return true;
      history_.Wrong("stuck", process.name() + " gets nothing more before the end");
      co_return true;
    }
  }

  bool crowded_ = false;  // little room, in memory and on the disk
  SimEnv disk_;
  SimLoop loop_;
  NetworkOptions usual_;
  History history_;
  SimNetwork network_;
  SimContext context_;
  SimHost host_;
  bool damages_ = false;
  bool disasters_ = true;
  int jumps_ = 0;
  bool over_ = false;   // it can't go on
  bool ended_ = false;  // for clients
  int next_process_ = 1;
  std::map<uint32_t, int> partition_of_;  // number in the log -> in the history
  std::deque<Client> clients_;
  Deeds deeds_;
};

}  // namespace weir::log::kafka::sim
