#include "weir/log/security/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

namespace weir::log {
namespace {

const EVP_MD* Algorithm(HashKind kind) {
  return kind == HashKind::kSha256 ? EVP_sha256() : EVP_sha512();
}

unsigned char* Bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }
const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace

size_t HashBytes(HashKind kind) { return kind == HashKind::kSha256 ? 32 : 64; }

std::string Hash(HashKind kind, std::string_view data) {
  std::string digest(HashBytes(kind), '\0');
  unsigned int size = 0;
  if (EVP_Digest(data.data(), data.size(), Bytes(digest), &size, Algorithm(kind), nullptr) != 1) {
    return {};
  }
  return digest;
}

std::string Hmac(HashKind kind, std::string_view key, std::string_view data) {
  std::string digest(HashBytes(kind), '\0');
  unsigned int size = 0;
  if (HMAC(Algorithm(kind), key.data(), static_cast<int>(key.size()), Bytes(data), data.size(),
           Bytes(digest), &size) == nullptr) {
    return {};
  }
  return digest;
}

std::string Pbkdf2(HashKind kind, std::string_view password, std::string_view salt,
                   int32_t iterations) {
  std::string key(HashBytes(kind), '\0');
  if (PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), Bytes(salt),
                        static_cast<int>(salt.size()), iterations, Algorithm(kind),
                        static_cast<int>(key.size()), Bytes(key)) != 1) {
    return {};
  }
  return key;
}

bool EqualInConstantTime(std::string_view a, std::string_view b) {
  return !a.empty() && a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string SecretBytes(size_t count) {
  std::string bytes(count, '\0');
  if (RAND_bytes(Bytes(bytes), static_cast<int>(count)) != 1) return {};
  return bytes;
}

void Wipe(std::string* secret) {
  OPENSSL_cleanse(secret->data(), secret->size());
  secret->clear();
}

std::string ToBase64(std::string_view bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');  // the library ends it with a zero
  const int size = EVP_EncodeBlock(Bytes(text), Bytes(bytes), static_cast<int>(bytes.size()));
  text.resize(static_cast<size_t>(size));
  return text;
}

std::optional<std::string> FromBase64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::string bytes(text.size() / 4 * 3, '\0');
  const int size = EVP_DecodeBlock(Bytes(bytes), Bytes(text), static_cast<int>(text.size()));
  if (size < 0) return std::nullopt;
  size_t padding = 0;
  while (padding < text.size() && text[text.size() - 1 - padding] == '=') padding += 1;
  if (padding > 2) return std::nullopt;
  bytes.resize(static_cast<size_t>(size) - padding);
  // The library takes spaces around and bits behind the end, too.
  if (ToBase64(bytes) != text) return std::nullopt;
  return bytes;
}

}  // namespace weir::log
