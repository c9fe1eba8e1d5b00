// Checksums of what we persist and identities of what we read: XXH3 (64 and 128 bits) and XXH64
// over libxxhash, CRC-32C over ISA-L where a format asks for it (Kafka's record batches). Fast
// (several GB/s) and not cryptographic.
//
// The text form is fixed: lower-case hex of the canonical (big-endian) value, 16 or 32 digits.
//
// Thread rule: free functions; a Checksum belongs to one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace weir {

uint64_t Xxh3(std::string_view bytes, uint64_t seed = 0);
uint64_t Xxh64(std::string_view bytes, uint64_t seed = 0);
// For names and content hashes, where 64 bits are too few: 32 hex digits.
std::string Xxh3Hex128(std::string_view bytes);

// CRC-32C (Castagnoli; "123456789" is 0xe3069283). Of bytes that come in pieces: give the checksum
// of those before.
uint32_t Crc32c(std::string_view bytes, uint32_t before = 0);

// Hex64(255) = "00000000000000ff"
std::string Hex64(uint64_t value);
// Exactly 16 lower-case hex digits, or nullopt.
std::optional<uint64_t> ParseHex64(std::string_view text);

// XXH3 of bytes that come in pieces; the same value as Xxh3 of all of them.
class Checksum {
 public:
  Checksum();
  ~Checksum();
  Checksum(const Checksum&) = delete;
  Checksum& operator=(const Checksum&) = delete;

  void Add(std::string_view bytes);
  uint64_t value() const;  // of what was added so far

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace weir
