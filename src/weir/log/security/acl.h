// Access control lists, in Kafka's terms: an entry allows or denies a principal from a host an
// operation on a resource, which is named or is all whose names begin so.
//
// Codes are the protocol's (KIP-133, KIP-290).
// Thread rule: values.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weir::log {

enum class AclOperation : int8_t {
  kUnknown = 0,
  kAny = 1,
  kAll = 2,
  kRead = 3,
  kWrite = 4,
  kCreate = 5,
  kDelete = 6,
  kAlter = 7,
  kDescribe = 8,
  kClusterAction = 9,
  kDescribeConfigs = 10,
  kAlterConfigs = 11,
  kIdempotentWrite = 12,
  kCreateTokens = 13,
  kDescribeTokens = 14,
  kTwoPhaseCommit = 15,
};

enum class AclResourceType : int8_t {
  kUnknown = 0,
  kAny = 1,
  kTopic = 2,
  kGroup = 3,
  kCluster = 4,
  kTransactionalId = 5,
  kDelegationToken = 6,
  kUser = 7,
};

enum class AclPatternType : int8_t {
  kUnknown = 0,
  kAny = 1,
  kMatch = 2,
  kLiteral = 3,
  kPrefixed = 4,
};

enum class AclPermission : int8_t { kUnknown = 0, kAny = 1, kDeny = 2, kAllow = 3 };

constexpr std::string_view kAclCluster = "kafka-cluster";  // the only resource of its type
constexpr std::string_view kAclWildcard = "*";

struct Acl {
  AclResourceType type = AclResourceType::kUnknown;
  std::string name;
  AclPatternType pattern = AclPatternType::kLiteral;
  std::string principal;  // "User:alice"
  std::string host;       // "*" or an address
  AclOperation operation = AclOperation::kUnknown;
  AclPermission permission = AclPermission::kUnknown;

  auto operator<=>(const Acl&) const = default;
};

// "" or what is wrong with it as an entry, in Kafka's words.
std::string WrongWithAcl(const Acl& acl);

// Which entries are meant; what is not said means all.
struct AclFilter {
  AclResourceType type = AclResourceType::kAny;
  std::optional<std::string> name;
  AclPatternType pattern = AclPatternType::kAny;
  std::optional<std::string> principal;
  std::optional<std::string> host;
  AclOperation operation = AclOperation::kAny;
  AclPermission permission = AclPermission::kAny;

  bool Means(const Acl& acl) const;
  // "" or what is wrong: a code that nobody knows.
  std::string Wrong() const;
};

// The bit of every operation that makes sense for such a resource.
int32_t AclOperationsOf(AclResourceType type);
constexpr int32_t AclBit(AclOperation operation) { return 1 << static_cast<int>(operation); }

// As a row of the state store: the key says it all.
constexpr const char* kAclRowPrefix = "a";
std::string EncodeAclKey(const Acl& acl);
std::optional<Acl> DecodeAclKey(std::string_view key);

}  // namespace weir::log
