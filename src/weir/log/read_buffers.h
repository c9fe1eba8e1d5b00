// ReadBuffers: memory that segments are read into, used again when the answers that hold it are
// sent. A new buffer of a mebibyte costs as much as reading into it: its pages come from the kernel
// one by one, and are filled with zeros twice.
//
// Limit: kept_bytes_max in buffers that nobody holds; more are freed, and so are small ones.
// Thread rule: one thread, the log's; that of the holders too. Holders may outlive the pool.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace weir::log {

class ReadBuffers {
 public:
  explicit ReadBuffers(uint64_t kept_bytes_max)
      : free_(std::make_shared<Free>(Free{kept_bytes_max, 0, {}})) {}

  // Buffers are made in multiples of this. Smaller ones are not worth keeping.
  static constexpr size_t kStep = 256 << 10;
  static constexpr size_t kSmall = 64 << 10;

  // At least this long; holds anything.
  std::shared_ptr<std::string> Take(size_t bytes) {
    if (bytes < kSmall) return std::make_shared<std::string>(bytes, '\0');
    std::unique_ptr<std::string> buffer;
    // The last one that came back is warm.
    for (size_t i = free_->buffers.size(); i > 0 && !buffer; --i) {
      auto& candidate = free_->buffers[i - 1];
      if (candidate->size() < bytes) continue;
      free_->bytes -= candidate->size();
      buffer = std::move(candidate);
      free_->buffers.erase(free_->buffers.begin() + static_cast<std::ptrdiff_t>(i - 1));
    }
    if (!buffer) buffer = std::make_unique<std::string>((bytes + kStep - 1) / kStep * kStep, '\0');
    return {buffer.release(), [home = std::weak_ptr<Free>(free_)](std::string* returned) {
              std::unique_ptr<std::string> owned(returned);
              const auto pool = home.lock();
              if (!pool || pool->bytes + owned->size() > pool->bytes_max) return;
              pool->bytes += owned->size();
              pool->buffers.push_back(std::move(owned));
            }};
  }

  uint64_t kept_bytes() const { return free_->bytes; }

 private:
  struct Free {
    uint64_t bytes_max;
    uint64_t bytes;
    std::vector<std::unique_ptr<std::string>> buffers;
  };
  std::shared_ptr<Free> free_;
};

}  // namespace weir::log
