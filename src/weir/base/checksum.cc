#include "weir/base/checksum.h"

#include <isa-l/crc.h>
#include <xxhash.h>
#ifdef __x86_64__
#include <xxh_x86dispatch.h>  // XXH3 with AVX2 or AVX-512 where the processor has them: 3 x as fast
#endif

#include <cassert>

namespace weir {

struct Checksum::State {
  XXH3_state_t* xxh = nullptr;
};

uint64_t Xxh3(std::string_view bytes, uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

uint64_t Xxh64(std::string_view bytes, uint64_t seed) {
  return XXH64(bytes.data(), bytes.size(), seed);
}

std::string Xxh3Hex128(std::string_view bytes) {
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return Hex64(hash.high64) + Hex64(hash.low64);
}

uint32_t Crc32c(std::string_view bytes, uint32_t before) {
  // ISA-L takes lengths as int and leaves the inversion before and after to the caller.
  constexpr size_t kPieceMax = size_t{1} << 30;
  uint32_t crc = ~before;
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, kPieceMax);
    auto* data = reinterpret_cast<unsigned char*>(const_cast<char*>(piece.data()));  // only read
    crc = crc32_iscsi(data, static_cast<int>(piece.size()), crc);
    bytes.remove_prefix(piece.size());
  }
  return ~crc;
}

std::string Hex64(uint64_t value) {
  std::string text(16, '0');
  for (size_t i = 0; i < 16; ++i) text[15 - i] = "0123456789abcdef"[(value >> (4 * i)) & 15];
  return text;
}

std::optional<uint64_t> ParseHex64(std::string_view text) {
  if (text.size() != 16) return std::nullopt;
  uint64_t value = 0;
  for (const char c : text) {
    uint64_t digit = 0;
    if (c >= '0' && c <= '9') {
      digit = static_cast<uint64_t>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      digit = static_cast<uint64_t>(c - 'a') + 10;
    } else {
      return std::nullopt;
    }
    value = value << 4 | digit;
  }
  return value;
}

Checksum::Checksum() : state_(std::make_unique<State>()) {
  state_->xxh = XXH3_createState();
  assert(state_->xxh != nullptr);
  XXH3_64bits_reset(state_->xxh);
}

Checksum::~Checksum() { XXH3_freeState(state_->xxh); }

void Checksum::Add(std::string_view bytes) {
  XXH3_64bits_update(state_->xxh, bytes.data(), bytes.size());
}

uint64_t Checksum::value() const { return XXH3_64bits_digest(state_->xxh); }

}  // namespace weir
