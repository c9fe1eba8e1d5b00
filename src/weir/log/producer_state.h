// ProducerStates: what one partition remembers of its idempotent and transactional producers, so
// that a batch sent twice is kept once, a gap is refused and an old incarnation is fenced (KIP-98).
//
//   const ProducerVerdict verdict = producers.Check(header);
//   if (verdict.error == kNone && !verdict.duplicate) { append; producers.Add(header, now); }
//
// Made only from the headers of the partition's batches: reading them again in order gives the
// same. But for what was refused, which is remembered while the process lives: a client has up to
// 5 batches on their way.
//
// Limits: Expire forgets producers that were silent; the caller decides how long. kRefusedMax
// producers with a refused batch.
// Thread rule: one thread.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "weir/base/byte_codec.h"
#include "weir/log/batch_header.h"
#include "weir/log/kafka/errors.h"

namespace weir::log {

struct ProducerVerdict {
  kafka::KafkaError error = kafka::KafkaError::kNone;
  // The batch is there already: at this base offset, with this timestamp.
  bool duplicate = false;
  int64_t base_offset = -1;
  int64_t timestamp = -1;
};

class ProducerStates {
 public:
  // Batches that a producer may have sent and not seen answered: Kafka's clients send no more
  // than 5.
  static constexpr size_t kBatchesKept = 5;

  struct Batch {
    int32_t first_sequence = 0;
    int32_t last_sequence = 0;
    int64_t base_offset = 0;
    int64_t timestamp = 0;
  };
  struct Producer {
    int16_t epoch = -1;
    std::array<Batch, kBatchesKept> batches;  // a ring; the oldest at `next`, once full
    uint8_t count = 0;
    uint8_t next = 0;
    int64_t last_timestamp = 0;  // ms, of the newest batch or marker
    // When that came, or when the log was opened, if it came before: on a clock that nobody sets.
    int64_t heard_ms = 0;
    std::optional<int64_t> transaction_first;  // offset at which its open transaction begins here
    int32_t coordinator_epoch = -1;

    const Batch* newest() const {
      return count == 0 ? nullptr : &batches[(next + kBatchesKept - 1) % kBatchesKept];
    }
  };

  static constexpr size_t kRefusedMax = 1000;

  ProducerVerdict Check(const BatchHeader& header) const;
  // The batch was refused for a reason that passes. Of a producer that is not known any number
  // would do, so what it sent behind this one waits until this one has come: a client takes the
  // acknowledgement of a later batch for that of the earlier ones.
  void Refuse(const BatchHeader& header, int64_t now_ms);
  // The batch was appended; its base offset is final. Here and below: `now_ms` is monotonic.
  void Add(const BatchHeader& header, int64_t now_ms);
  // A marker at this offset ended what the producer had open. Returns where that began.
  std::optional<int64_t> End(int64_t producer_id, int16_t epoch, int64_t timestamp,
                             int32_t coordinator_epoch, int64_t now_ms);

  // Where the oldest open transaction begins.
  std::optional<int64_t> FirstOpen() const {
    return open_.empty() ? std::nullopt : std::optional<int64_t>(*open_.begin());
  }
  // Forgets producers without an open transaction that were not heard since. Returns how many.
  size_t Expire(int64_t heard_before_ms);
  // A start counts as hearing of all.
  void HeardAll(int64_t now_ms);

  const std::map<int64_t, Producer>& producers() const { return producers_; }

  void Encode(ByteWriter& out) const;
  // False for anything that Encode did not write.
  bool Decode(ByteReader& in);

 private:
  struct Refused {
    int16_t epoch = -1;
    int32_t first_sequence = 0;  // the lowest
    int64_t heard_ms = 0;
  };
  std::map<int64_t, Producer> producers_;
  std::map<int64_t, Refused> refused_;
  std::set<int64_t> open_;  // first offsets of open transactions
};

}  // namespace weir::log
