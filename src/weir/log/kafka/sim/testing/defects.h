// Defects of a broker, put between the network and a broker that has none: what the canaries of the
// simulation do to requests. See Wrong.
//
// Thread rule: one thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "weir/log/kafka/messages/end_txn.h"
#include "weir/log/kafka/messages/header.h"
#include "weir/log/kafka/messages/init_producer_id.h"
#include "weir/log/kafka/messages/offset_commit.h"
#include "weir/log/kafka/messages/txn_offset_commit.h"
#include "weir/log/kafka/sim/testing/sim_host.h"
#include "weir/log/kafka/sim/testing/sim_process.h"

namespace weir::log::kafka::sim {

template <typename Message>
struct Asked {
  RequestHeader header;
  Message message;
};

// Nothing, if it is another request.
template <typename Message>
std::optional<Asked<Message>> ReadAs(std::string_view request) {
  Decoder first(request);
  const int16_t key = first.Int16("key");
  const int16_t version = first.Int16("version");
  if (key != Message::kApiKey) return std::nullopt;
  Asked<Message> asked;
  Decoder decoder(request);
  if (!asked.header.Decode(decoder, FindApi(key)->RequestHeaderVersion(version)).ok() ||
      !asked.message.Decode(decoder, version).ok()) {
    return std::nullopt;
  }
  return asked;
}

template <typename Message>
std::string BytesOf(const RequestHeader& header, const Message& message) {
  Encoder encoder;
  const int16_t version = header.request_api_version;
  (void)header.Encode(encoder, FindApi(Message::kApiKey)->RequestHeaderVersion(version));
  (void)message.Encode(encoder, version);
  return std::move(encoder).Finish().ToString();
}

template <typename Message>
void AnswerTo(const RequestHeader& asked, const Message& message, const Call::Send& send) {
  Encoder encoder = Encoder::ForFrame();
  const int16_t version = asked.request_api_version;
  ResponseHeader header;
  header.correlation_id = asked.correlation_id;
  (void)header.Encode(encoder, FindApi(Message::kApiKey)->ResponseHeaderVersion(version));
  (void)message.Encode(encoder, version);
  Response response;
  response.bytes = std::move(encoder).Finish();
  send(std::move(response));
}

// What is to be served instead of the request; nothing, if it was answered here.
inline std::optional<std::string> Spoil(SimContext& context, SimHost& host,
                                        const std::shared_ptr<Session>& session,
                                        std::string_view request, const Call::Send& send) {
  const std::string as_it_is(request);
  if (auto end = ReadAs<EndTxnRequest>(request)) {
    EndTxnRequest& message = end->message;
    if (context.wrong == Wrong::kDropsEndTxn && message.committed && context.loop.OneIn(3)) {
      EndTxnResponse done;
      if (end->header.request_api_version >= 5) {
        done.producer_id = message.producer_id;
        done.producer_epoch = message.producer_epoch;
      }
      AnswerTo(end->header, done, send);
      return std::nullopt;
    }
    if (context.wrong == Wrong::kAbortsInsteadOfCommits && context.loop.OneIn(3)) {
      message.committed = false;
      return BytesOf(end->header, message);
    }
    if (context.wrong == Wrong::kTearsTransactions && message.committed) {
      TransactionCoordinator& transactions = host.broker().transactions();
      const Transaction* known = transactions.Find(message.transactional_id);
      if (known == nullptr || known->partitions.size() < 2) return as_it_is;
      const TopicPartition torn = *known->partitions.begin();
      (void)transactions.WriteMarkers(known->producer, /*commit=*/false, 0, {torn});
      return as_it_is;
    }
    if (context.wrong == Wrong::kAnyEpochEnds) {
      const Transaction* known = host.broker().transactions().Find(message.transactional_id);
      if (known == nullptr) return as_it_is;
      message.producer_id = known->producer.id;
      message.producer_epoch = known->producer.epoch;
      return BytesOf(end->header, message);
    }
    return as_it_is;
  }
  if (context.wrong == Wrong::kSharesIdentity) {
    const auto init = ReadAs<InitProducerIdRequest>(request);
    if (!init) return as_it_is;
    const Transaction* known =
        host.broker().transactions().Find(init->message.transactional_id.value_or(""));
    if (known == nullptr) return as_it_is;
    InitProducerIdResponse same;
    same.producer_id = known->producer.id;
    same.producer_epoch = known->producer.epoch;
    AnswerTo(init->header, same, send);
    return std::nullopt;
  }
  auto offsets = ReadAs<TxnOffsetCommitRequest>(request);
  if (!offsets) return as_it_is;
  const TxnOffsetCommitRequest& message = offsets->message;
  if (context.wrong == Wrong::kForgetsOffsets && context.loop.OneIn(3)) {
    TxnOffsetCommitResponse done;
    for (const auto& topic : message.topics) {
      auto& answered = done.topics.emplace_back();
      answered.name = topic.name;
      for (const auto& partition : topic.partitions) {
        answered.partitions.push_back({partition.partition_index, 0});
      }
    }
    AnswerTo(offsets->header, done, send);
    return std::nullopt;
  }
  if (context.wrong == Wrong::kOffsetsOutside) {
    OffsetCommitRequest plain;
    plain.group_id = message.group_id;
    plain.generation_id_or_member_epoch = message.generation_id;
    plain.member_id = message.member_id;
    for (const auto& topic : message.topics) {
      auto& each = plain.topics.emplace_back();
      each.name = topic.name;
      for (const auto& partition : topic.partitions) {
        each.partitions.emplace_back();
        each.partitions.back().partition_index = partition.partition_index;
        each.partitions.back().committed_offset = partition.committed_offset;
      }
    }
    RequestHeader header = offsets->header;
    header.request_api_key = OffsetCommitRequest::kApiKey;
    header.request_api_version = 9;
    host.Serve(session, BytesOf(header, plain), [](const Response&) {});
  }
  return as_it_is;
}

}  // namespace weir::log::kafka::sim
