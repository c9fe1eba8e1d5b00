// The programs that run against the simulated broker, each from top to bottom: producers, consumers
// and a pipeline that makes one record of each that it reads, exactly once.
//
// Thread rule: one thread.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "weir/log/kafka/sim/testing/sim_member.h"

namespace weir::log::kafka::sim {

struct ClientPlan {
  enum class Kind { kProducer, kConsumer, kPipeline };
  Kind kind = Kind::kProducer;
  Protocol protocol = Protocol::kIdempotent;
  std::string transactional_id;
  int32_t transaction_timeout_ms = 10'000;
  bool committed = true;  // reads
  Membership membership = Membership::kAssigned;
  std::string group;
  size_t from = 0;  // topics
  size_t to = 0;
};

// A record of some partition, and one in ten times several.
inline void AddRecords(SimProcess& process, SimProducer& producer, size_t batches) {
  SimContext& context = process.context();
  for (size_t i = 0; i < batches; ++i) {
    const SimTopic& topic = context.topics[context.loop.Below(context.topics.size())];
    const int partition =
        topic.first + static_cast<int>(context.loop.Below(static_cast<uint64_t>(topic.partitions)));
    std::vector<std::pair<Value, Value>> records;
    const size_t count = 1 + context.loop.Below(3);
    for (size_t k = 0; k < count; ++k) {
      records.emplace_back(producer.NewValue(partition), Value{0});
    }
    producer.Add(partition, records);
  }
}

inline Task<void> RunProducer(SimProcess& process, const ClientPlan plan) {
  SimProducer producer(process, plan.protocol, plan.transactional_id, plan.transaction_timeout_ms);
  while (!process.context().quiet) {
    if (!producer.ready()) {
      const Outcome started = co_await producer.Init(false);
      if (started != Outcome::kOk) {
        co_await process.BackOff();
        continue;
      }
    }
    if (plan.protocol == Protocol::kIdempotent) {
      AddRecords(process, producer, 1 + process.loop().Below(8));
      const Outcome sent = co_await producer.Send();
      // What is in doubt is given up: as another producer, lest its numbers have a gap.
      if (sent != Outcome::kOk) co_await producer.Init(false);
      co_await process.Think();
      continue;
    }
    producer.Begin();
    Outcome outcome = Outcome::kOk;
    const size_t parts = 1 + process.loop().Below(3);
    for (size_t i = 0; i < parts && outcome == Outcome::kOk; ++i) {
      AddRecords(process, producer, 1 + process.loop().Below(4));
      outcome = co_await producer.Send();
      if (process.loop().OneIn(3)) co_await process.Think();
    }
    if (outcome == Outcome::kOk && !process.loop().OneIn(5)) {
      co_await producer.End(true);
    } else if (outcome != Outcome::kFatal) {
      co_await producer.Abort();
    }
    producer.Abandon();
    co_await process.Think();
  }
}

inline Task<void> RunConsumer(SimProcess& process, const ClientPlan plan) {
  SimFetcher fetcher(process, plan.committed);
  SimMember member(process, fetcher, plan.membership, plan.group,
                   process.context().topics[plan.from]);
  while (true) {
    const bool well = co_await member.Tick();
    if (well) {
      std::vector<Got> got;
      co_await fetcher.Poll(0, &got);
      if (process.loop().OneIn(4)) co_await member.Commit();
    }
    co_await process.Think();
  }
}

// Of each record of one topic, read committed, one in another: with the offsets in the transaction.
inline Task<void> RunPipeline(SimProcess& process, const ClientPlan plan) {
  SimContext& context = process.context();
  SimFetcher fetcher(process, /*committed=*/true);
  SimMember member(process, fetcher, plan.membership, plan.group, context.topics[plan.from]);
  SimProducer producer(process, plan.protocol, plan.transactional_id, plan.transaction_timeout_ms);
  const SimTopic to = context.topics[plan.to];
  while (true) {
    if (!producer.ready()) {
      const Outcome started = co_await producer.Init(false);
      member.Rewind();
      if (started != Outcome::kOk) {
        co_await process.BackOff();
        continue;
      }
    }
    const bool well = co_await member.Tick();
    if (!well || !producer.ready()) {
      co_await process.BackOff();
      continue;
    }
    producer.Begin();
    const uint64_t transaction = producer.transaction();
    context.history.transactions.at(transaction).group = plan.group;
    const std::map<int, int64_t> before = fetcher.positions;
    const GroupIdentity identity = member.identity();
    Outcome outcome = Outcome::kOk;
    const bool slow = context.wrong == Wrong::kReadsUncommitted;  // to meet another half-way
    const size_t polls = slow ? 4 : 1 + process.loop().Below(3);
    for (size_t i = 0; i < polls && outcome == Outcome::kOk; ++i) {
      std::vector<Got> got;
      co_await fetcher.Poll(transaction, &got);
      std::map<int, std::vector<std::pair<Value, Value>>> out;
      for (const Got& each : got) {
        if (context.history.ends.count(each.value) > 0) continue;
        const int partition =
            to.first + static_cast<int>(each.value % static_cast<Value>(to.partitions));
        const Value made = producer.NewValue(partition, each.value, plan.group);
        // What was made of a made record goes no further.
        const auto origin = context.history.writes.find(each.value);
        if (origin != context.history.writes.end() && origin->second.origin != 0) {
          context.history.ends.insert(made);
        }
        out[partition].emplace_back(made, each.value);
      }
      for (const auto& [partition, records] : out) producer.Add(partition, records);
      if (!out.empty()) outcome = co_await producer.Send();
      if (slow || process.loop().OneIn(4)) co_await process.Think();
    }
    std::map<int, int64_t> moved;
    for (const auto& [partition, position] : fetcher.positions) {
      const auto was = before.find(partition);
      if (was == before.end() || was->second != position) moved[partition] = position;
    }
    const uint64_t asked = context.history.Tick();
    if (outcome == Outcome::kOk && !moved.empty()) {
      outcome = co_await producer.SendOffsets(identity, moved);
    }
    if (outcome == Outcome::kOk && (context.quiet || !process.loop().OneIn(8))) {
      const Outcome ended = co_await producer.End(true);
      if (ended == Outcome::kOk) {
        for (const auto& [partition, position] : moved)
          member.Committed(partition, position, asked);
      } else {
        member.Rewind();
      }
    } else {
      if (outcome != Outcome::kFatal) co_await producer.Abort();
      member.Rewind();
    }
    producer.Abandon();
    co_await process.Think();
  }
}

inline Task<void> RunClient(SimProcess& process, const ClientPlan& plan) {
  switch (plan.kind) {
    case ClientPlan::Kind::kProducer:
      return RunProducer(process, plan);
    case ClientPlan::Kind::kConsumer:
      return RunConsumer(process, plan);
    case ClientPlan::Kind::kPipeline:
      break;
  }
  return RunPipeline(process, plan);
}

}  // namespace weir::log::kafka::sim
