// KeyOffsets: the newest offset of each key, in bounded memory: 24 bytes a key and a third of that
// for air. Keys are told apart by 128 bits of seeded hash.
//
// Thread rule: one thread at a time.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "weir/base/checksum.h"

namespace weir::log {

class KeyOffsets {
 public:
  KeyOffsets(uint64_t seed, uint64_t memory_bytes) : seed_(seed), memory_bytes_(memory_bytes) {}

  // Forgets all, and makes room for this many keys, or as many as the memory allows.
  void Reset(uint64_t keys) {
    const uint64_t slots = std::min(memory_bytes_ / sizeof(Slot), keys + keys / 2 + 16);
    Allocate(std::max<uint64_t>(slots, 16));
  }
  bool Fits(uint64_t more) const { return size_ + more <= max_; }
  bool empty() const { return size_ == 0; }
  uint64_t size() const { return size_; }
  // One batch must fit, whatever the memory.
  void ResetFor(uint64_t keys) { Allocate(keys + keys / 2 + 16); }

  void Put(std::string_view key, int64_t offset) {
    Slot& slot = Find(key);
    if (slot.offset < 0) ++size_;
    slot = {high_, low_, std::max(slot.offset, offset)};
  }
  std::optional<int64_t> Get(std::string_view key) {
    if (size_ == 0) return std::nullopt;
    const Slot& slot = Find(key);
    return slot.offset < 0 ? std::nullopt : std::optional(slot.offset);
  }

 private:
  struct Slot {
    uint64_t high = 0;
    uint64_t low = 0;
    int64_t offset = -1;  // -1: empty
  };

  void Allocate(uint64_t slots) {
    slots_.assign(slots, Slot());
    if (slots_.capacity() > 2 * slots) slots_.shrink_to_fit();
    max_ = slots - slots / 4;
    size_ = 0;
  }
  Slot& Find(std::string_view key) {
    high_ = Xxh3(key, seed_);
    low_ = Xxh3(key, ~seed_);
    auto at = static_cast<uint64_t>(static_cast<unsigned __int128>(high_) * slots_.size() >> 64);
    while (slots_[at].offset >= 0 && (slots_[at].high != high_ || slots_[at].low != low_)) {
      at = at + 1 == slots_.size() ? 0 : at + 1;
    }
    return slots_[at];
  }

  const uint64_t seed_;
  const uint64_t memory_bytes_;
  std::vector<Slot> slots_;
  uint64_t max_ = 0;
  uint64_t size_ = 0;
  uint64_t high_ = 0;  // of the key found last
  uint64_t low_ = 0;
};

}  // namespace weir::log
