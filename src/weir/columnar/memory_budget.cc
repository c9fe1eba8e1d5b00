#include "weir/columnar/memory_budget.h"

#include <algorithm>
#include <utility>

#include "weir/base/metrics.h"

namespace weir::columnar {
namespace {

std::string Mebibytes(uint64_t bytes) {
  const uint64_t tenths = (bytes * 10 + (1 << 19)) >> 20;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " MiB";
}

}  // namespace

MemoryReservation& MemoryReservation::operator=(MemoryReservation&& other) noexcept {
  if (this == &other) return *this;
  Release();
  budget_ = std::exchange(other.budget_, nullptr);
  bytes_ = std::exchange(other.bytes_, 0);
  who_ = std::move(other.who_);
  return *this;
}

Status MemoryReservation::Resize(uint64_t bytes) {
  if (budget_ == nullptr) return Error::Bug("a reservation of no budget was resized");
  if (bytes > bytes_) {
    std::lock_guard<std::mutex> lock(budget_->mutex_);
    if (!budget_->TryAdd(bytes - bytes_)) {
      return budget_->Full(bytes, who_, budget_->used_bytes_ - bytes_);
    }
  } else {
    budget_->Give(bytes_ - bytes);
  }
  bytes_ = bytes;
  return Status::Ok();
}

void MemoryReservation::Release() {
  if (budget_ != nullptr) budget_->Give(bytes_);
  budget_ = nullptr;
  bytes_ = 0;
}

MemoryBudget::MemoryBudget(uint64_t limit_bytes, MetricRegistry* metrics)
    : limit_bytes_(limit_bytes) {
  if (metrics == nullptr) return;
  metrics
      ->GetGauge("weir_memory_limit_bytes",
                 "Memory that readers and writers may hold, beside DuckDB.")
      .Set(static_cast<double>(limit_bytes));
  reserved_ = &metrics->GetGauge("weir_memory_reserved_bytes", "Of it, what they hold.");
}

Result<MemoryReservation> MemoryBudget::Reserve(uint64_t bytes, const std::string& who) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (!TryAdd(bytes)) return Full(bytes, who, used_bytes_);
  return MemoryReservation(this, bytes, who);
}

Result<MemoryReservation> MemoryBudget::WaitAndReserve(uint64_t bytes, const std::string& who) {
  if (bytes > limit_bytes_) return Full(bytes, who, 0);
  std::unique_lock<std::mutex> lock(mutex_);
  freed_.wait(lock, [&] { return TryAdd(bytes); });
  return MemoryReservation(this, bytes, who);
}

uint64_t MemoryBudget::used_bytes() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return used_bytes_;
}

uint64_t MemoryBudget::peak_bytes() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return peak_bytes_;
}

bool MemoryBudget::TryAdd(uint64_t bytes) {
  if (bytes > limit_bytes_ - used_bytes_) return false;
  used_bytes_ += bytes;
  peak_bytes_ = std::max(peak_bytes_, used_bytes_);
  if (reserved_ != nullptr) reserved_->Set(static_cast<double>(used_bytes_));
  return true;
}

void MemoryBudget::Give(uint64_t bytes) {
  if (bytes == 0) return;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    used_bytes_ -= bytes;
    if (reserved_ != nullptr) reserved_->Set(static_cast<double>(used_bytes_));
  }
  freed_.notify_all();
}

Error MemoryBudget::Full(uint64_t bytes, const std::string& who, uint64_t used) const {
  return Error::Operator(ErrorCode::kLimit, who + " needs " + Mebibytes(bytes) +
                                                " of memory; of the " + Mebibytes(limit_bytes_) +
                                                " beside DuckDB's share, others hold " +
                                                Mebibytes(used))
      .Fix("give it more with --memory");
}

}  // namespace weir::columnar
