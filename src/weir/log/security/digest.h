// Digests and keys of OpenSSL: what SCRAM and passwords need, and nothing else of that library.
//
// Should the library fail (it does so when memory is gone), the answer is empty, and nothing is
// equal to an empty digest.
//
// Thread rule: functions, from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weir::log {

enum class HashKind { kSha256, kSha512 };

size_t HashBytes(HashKind kind);  // 32 or 64
std::string Hash(HashKind kind, std::string_view data);
std::string Hmac(HashKind kind, std::string_view key, std::string_view data);
// PBKDF2 with HMAC (RFC 8018), as long as the hash: Hi() of RFC 5802.
std::string Pbkdf2(HashKind kind, std::string_view password, std::string_view salt,
                   int32_t iterations);

// In a time that says nothing of where they differ. False if they are empty.
bool EqualInConstantTime(std::string_view a, std::string_view b);
// Bytes that nobody can guess, for nonces, salts and keys.
std::string SecretBytes(size_t count);
// The memory of a secret that is not needed any more.
void Wipe(std::string* secret);

// RFC 4648 with padding; nothing for a text that is not exactly that.
std::string ToBase64(std::string_view bytes);
std::optional<std::string> FromBase64(std::string_view text);

}  // namespace weir::log
