// Fetch (1): record batches of partitions from given offsets on, as they were written. Waits for
// new ones if there are too few. Whole batches only, the first even if it is larger than asked
// (KIP-74); topics by id from version 13 on (KIP-516).
#include <algorithm>

#include "weir/log/kafka/fetch_sessions.h"
#include "weir/log/kafka/handlers/handlers.h"
#include "weir/log/kafka/messages/fetch.h"

namespace weir::log::kafka {
namespace {

constexpr int8_t kReadCommitted = 1;
// Who waits is kept until then, its connection may be gone: not for the weeks one may ask for.
constexpr int32_t kWaitMsMax = 60'000;

// One request while it waits for records.
class Fetching : public std::enable_shared_from_this<Fetching> {
 public:
  Fetching(CallPtr call, FetchRequest request)
      : call_(std::move(call)), request_(std::move(request)) {}

  void Begin() {
    const int32_t wait_ms = std::min(request_.max_wait_ms, kWaitMsMax);
    deadline_us_ = broker().timers().NowUs() + int64_t{wait_ms} * 1000;
    session_ =
        broker().fetch_sessions().Begin(request_, call_->version(), call_->session().principal);
    // The session's partitions are what counts; this may wait for long.
    request_.topics = {};
    request_.forgotten_topics_data = {};
    if (session_.error != KafkaError::kNone) {
      FetchResponse refused;
      refused.error_code = static_cast<int16_t>(session_.error);
      return call_->Respond(refused);
    }
    Try();
  }

 private:
  Broker& broker() { return call_->broker(); }

  void Try() {
    FetchResponse response;
    std::vector<std::shared_ptr<std::string>> kept;
    const bool enough = Read(&response, &kept);
    const int64_t left_us = deadline_us_ - broker().timers().NowUs();
    if (enough || left_us <= 0) {
      broker().fetch_sessions().End(session_, &response);
      call_->Respond(response, std::move(kept));
      return broker().read_ahead().Plan(next_);
    }
    Wait(left_us);
  }

  void Wait(int64_t left_us) {
    waiter_ = std::make_shared<FetchWaiters::Waiter>();
    for (const auto& wanted : session_.partitions) {
      if (PartitionLog* partition = Find(wanted))
        waiter_->partitions.push_back(partition->number());
    }
    const auto self = shared_from_this();
    timer_ = broker().timers().After(left_us, [self] {
      self->broker().fetch_waiters().Remove(self->waiter_);
      self->Try();
    });
    waiter_->wake = [self] {
      self->broker().timers().Cancel(self->timer_);
      self->Try();
    };
    broker().fetch_waiters().Add(waiter_);
  }

  const Topic* FindTopic(const FetchPartitionKey& key) {
    const Topics& topics = broker().log().topics();
    return call_->version() >= 13 ? topics.Find(key.topic_id) : topics.Find(key.topic);
  }
  PartitionLog* Find(const FetchSessionPartition& wanted) {
    return broker().FindPartition(FindTopic(wanted.key), wanted.key.partition);
  }

  // True if it is to be answered now.
  bool Read(FetchResponse* response, std::vector<std::shared_ptr<std::string>>* kept) {
    const uint64_t asked = static_cast<uint64_t>(std::max(0, request_.max_bytes));
    room_ = call_->AnswerRoom();
    uint64_t left = std::min({asked, broker().options().fetch_bytes_max, room_});
    uint64_t found = 0;
    next_.clear();
    bool answer = session_.partitions.empty();
    for (const FetchSessionPartition& wanted : session_.partitions) {
      if (response->responses.empty() || response->responses.back().topic != wanted.key.topic ||
          response->responses.back().topic_id != wanted.key.topic_id) {
        FetchResponse::FetchableTopicResponse topic;
        topic.topic = wanted.key.topic;
        topic.topic_id = wanted.key.topic_id;
        response->responses.push_back(std::move(topic));
      }
      FetchResponse::PartitionData& data = response->responses.back().partitions.emplace_back();
      data.partition_index = wanted.key.partition;
      data.records = Records();
      answer |= !ReadOne(wanted, found == 0, &left, &found, &data, kept);
    }
    // With nothing left there is no use in waiting for more.
    answer |= found > 0 && left == 0;
    return answer || found >= static_cast<uint64_t>(std::max(0, request_.min_bytes));
  }

  bool ReadOne(const FetchSessionPartition& wanted, bool first, uint64_t* left, uint64_t* found,
               FetchResponse::PartitionData* data,
               std::vector<std::shared_ptr<std::string>>* kept) {
    const auto fail = [&](KafkaError error) {
      data->error_code = static_cast<int16_t>(error);
      data->high_watermark = -1;
      return false;
    };
    const Topic* topic = FindTopic(wanted.key);
    if (topic == nullptr && call_->version() >= 13) return fail(KafkaError::kUnknownTopicId);
    if (!call_->AllowsTopic(AclOperation::kRead,
                            topic != nullptr ? topic->name : wanted.key.topic)) {
      return fail(KafkaError::kTopicAuthorizationFailed);
    }
    PartitionLog* partition = broker().FindPartition(topic, wanted.key.partition);
    if (partition == nullptr) return fail(KafkaError::kUnknownTopicOrPartition);
    if (wanted.current_leader_epoch > 0) return fail(KafkaError::kUnknownLeaderEpoch);
    const bool committed = request_.isolation_level == kReadCommitted;
    const int64_t end = committed ? partition->last_stable_offset() : partition->durable_end();
    if (wanted.fetch_offset < partition->start_offset() ||
        wanted.fetch_offset > partition->durable_end()) {
      return fail(KafkaError::kOffsetOutOfRange);
    }
    data->high_watermark = partition->durable_end();
    data->last_stable_offset = partition->last_stable_offset();
    data->log_start_offset = partition->start_offset();
    data->aborted_transactions.reset();
    if (committed) data->aborted_transactions.emplace();
    if (wanted.fetch_offset >= end) return true;
    // The client has enough that it did not take: what is here it can ask for then.
    if (room_ == 0) return false;
    ReadOptions options;
    options.max_bytes =
        std::min<uint64_t>(*left, static_cast<uint64_t>(std::max(0, wanted.max_bytes)));
    options.at_least_one = first;
    options.end_offset = end;
    if (options.max_bytes == 0 && !first) return true;
    FetchedBatches read =
        broker().read_ahead().Read(partition->number(), wanted.fetch_offset, options);
    if (read.error != KafkaError::kNone) return fail(read.error);
    uint64_t bytes = 0;
    for (const std::string_view batch : read.batches) {
      data->records->Append(batch);
      bytes += batch.size();
    }
    const int64_t to = read.batches.empty()
                           ? wanted.fetch_offset
                           : ReadBatchHeader(read.batches.back())->last_offset() + 1;
    // Who got as much as it asked for, and is not at the end, goes on there.
    if (bytes >= broker().options().read_ahead_from_bytes && bytes >= options.max_bytes / 2 &&
        to < end) {
      next_.push_back({partition->number(), to, options});
    }
    if (committed && !read.batches.empty()) {
      for (const AbortedTransaction& aborted : partition->AbortedBetween(wanted.fetch_offset, to)) {
        data->aborted_transactions->push_back({aborted.producer_id, aborted.first_offset});
      }
    }
    *left -= std::min(*left, bytes);
    *found += bytes;
    kept->insert(kept->end(), read.buffers.begin(), read.buffers.end());
    return true;
  }

  CallPtr call_;
  FetchRequest request_;
  FetchSessionView session_;
  uint64_t room_ = 0;  // for records, see Session
  std::vector<ReadAhead::Next> next_;
  int64_t deadline_us_ = 0;
  Timers::Id timer_ = 0;
  std::shared_ptr<FetchWaiters::Waiter> waiter_;
};

void Handle(const CallPtr& call) {
  FetchRequest request;
  if (!call->Decode(&request)) return;
  std::make_shared<Fetching>(call, std::move(request))->Begin();
}

}  // namespace

const Handler kFetchHandler = {ApiKey::kFetch, 4, 16, &Handle};

}  // namespace weir::log::kafka
