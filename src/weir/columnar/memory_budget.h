// MemoryBudget: what our own readers and writers may hold, beside DuckDB. The process has one
// budget (EngineOptions::memory_bytes): DuckDB's buffers get 60 % of it, this object hands out the
// rest. What is buffered inside DuckDB (ParquetWriter's rows) counts there, not here.
//
//   WEIR_ASSIGN_OR_RETURN(MemoryReservation buffer, budget.Reserve(8 << 20, "read of orders.csv"));
//   WEIR_RETURN_IF_ERROR(buffer.Resize(32 << 20));   // a long line: more, or kLimit
//   ...                                              // given back when `buffer` goes
//
// Thread rule: MemoryBudget is thread-safe; a reservation belongs to one thread at a time.
// Invariant: the sum of all reservations never exceeds limit_bytes().
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>

#include "weir/base/result.h"

namespace weir {
class Gauge;
class MetricRegistry;
}  // namespace weir

namespace weir::columnar {

class MemoryBudget;

// Movable; gives its bytes back when destroyed. Must not outlive the budget.
class MemoryReservation {
 public:
  MemoryReservation() = default;
  MemoryReservation(MemoryReservation&& other) noexcept { *this = std::move(other); }
  MemoryReservation& operator=(MemoryReservation&& other) noexcept;
  ~MemoryReservation() { Release(); }

  uint64_t bytes() const { return bytes_; }
  // To `bytes` in all. Growing fails with kLimit and changes nothing if that much is not free.
  Status Resize(uint64_t bytes);
  void Release();

 private:
  friend class MemoryBudget;
  MemoryReservation(MemoryBudget* budget, uint64_t bytes, std::string who)
      : budget_(budget), bytes_(bytes), who_(std::move(who)) {}

  MemoryBudget* budget_ = nullptr;
  uint64_t bytes_ = 0;
  std::string who_;
};

class MemoryBudget {
 public:
  // With a registry: gauges weir_memory_limit_bytes and weir_memory_reserved_bytes.
  explicit MemoryBudget(uint64_t limit_bytes, MetricRegistry* metrics = nullptr);

  // At once, or kLimit (operator) that says who wanted how much. `who` is for that message.
  Result<MemoryReservation> Reserve(uint64_t bytes, const std::string& who);
  // Waits until that much is free; kLimit if it never can be. A caller that holds a reservation
  // must not wait for another: two of them could wait for each other.
  Result<MemoryReservation> WaitAndReserve(uint64_t bytes, const std::string& who);

  uint64_t limit_bytes() const { return limit_bytes_; }
  uint64_t used_bytes() const;
  uint64_t peak_bytes() const;

 private:
  friend class MemoryReservation;

  bool TryAdd(uint64_t bytes);  // needs mutex_
  void Give(uint64_t bytes);    // takes mutex_
  Error Full(uint64_t bytes, const std::string& who, uint64_t used) const;

  const uint64_t limit_bytes_;
  Gauge* reserved_ = nullptr;  // may be null
  mutable std::mutex mutex_;
  std::condition_variable freed_;
  uint64_t used_bytes_ = 0;
  uint64_t peak_bytes_ = 0;
};

}  // namespace weir::columnar
