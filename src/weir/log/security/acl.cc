#include "weir/log/security/acl.h"

#include "weir/base/byte_codec.h"

namespace weir::log {
namespace {

template <typename Enum>
std::string Number(Enum value) {
  return std::to_string(static_cast<int>(value));
}

}  // namespace

// AclControlManager.validateNewAcl, AclApis.handleCreateAcls.
std::string WrongWithAcl(const Acl& acl) {
  if (acl.type < AclResourceType::kTopic || acl.type > AclResourceType::kUser) {
    return "Invalid resourceType " + Number(acl.type);
  }
  if (acl.pattern != AclPatternType::kLiteral && acl.pattern != AclPatternType::kPrefixed) {
    return "Invalid patternType " + Number(acl.pattern);
  }
  if (acl.operation < AclOperation::kAll || acl.operation > AclOperation::kTwoPhaseCommit) {
    return "Invalid operation " + Number(acl.operation);
  }
  if (acl.permission != AclPermission::kDeny && acl.permission != AclPermission::kAllow) {
    return "Invalid permissionType " + Number(acl.permission);
  }
  if (acl.type == AclResourceType::kCluster && acl.name != kAclCluster) {
    return "The only valid name for the CLUSTER resource is kafka-cluster";
  }
  if (acl.name.empty()) return "Invalid empty resource name";
  if (acl.principal.find(':') == std::string::npos) {
    return "Could not parse principal from `" + acl.principal +
           "` (no colon is present separating the principal type from the principal name)";
  }
  if (acl.host.empty()) return "Invalid empty host";
  return "";
}

bool AclFilter::Means(const Acl& acl) const {
  if (type != AclResourceType::kAny && type != acl.type) return false;
  if (pattern != AclPatternType::kAny && pattern != AclPatternType::kMatch &&
      pattern != acl.pattern) {
    return false;
  }
  if (name && pattern == AclPatternType::kMatch) {
    // All entries that say something of a resource of this name.
    const bool literal = acl.pattern == AclPatternType::kLiteral;
    const bool matches =
        literal ? acl.name == *name || acl.name == kAclWildcard : name->starts_with(acl.name);
    if (!matches) return false;
  } else if (name && *name != acl.name) {
    return false;
  }
  if (principal && *principal != acl.principal) return false;
  if (host && *host != acl.host) return false;
  if (operation != AclOperation::kAny && operation != acl.operation) return false;
  return permission == AclPermission::kAny || permission == acl.permission;
}

std::string AclFilter::Wrong() const {
  if (type <= AclResourceType::kUnknown || type > AclResourceType::kUser ||
      pattern <= AclPatternType::kUnknown || pattern > AclPatternType::kPrefixed ||
      operation <= AclOperation::kUnknown || operation > AclOperation::kTwoPhaseCommit ||
      permission <= AclPermission::kUnknown || permission > AclPermission::kAllow) {
    return "The AclBindingFilter must not contain UNKNOWN elements.";
  }
  return "";
}

// AclEntry.supportedOperations.
int32_t AclOperationsOf(AclResourceType type) {
  using enum AclOperation;
  switch (type) {
    case AclResourceType::kTopic:
      return AclBit(kRead) | AclBit(kWrite) | AclBit(kCreate) | AclBit(kDescribe) |
             AclBit(kDelete) | AclBit(kAlter) | AclBit(kDescribeConfigs) | AclBit(kAlterConfigs);
    case AclResourceType::kGroup:
      return AclBit(kRead) | AclBit(kDescribe) | AclBit(kDelete) | AclBit(kDescribeConfigs) |
             AclBit(kAlterConfigs);
    case AclResourceType::kCluster:
      return AclBit(kCreate) | AclBit(kClusterAction) | AclBit(kDescribeConfigs) |
             AclBit(kAlterConfigs) | AclBit(kIdempotentWrite) | AclBit(kAlter) | AclBit(kDescribe);
    case AclResourceType::kTransactionalId:
      return AclBit(kDescribe) | AclBit(kWrite) | AclBit(kTwoPhaseCommit);
    case AclResourceType::kDelegationToken:
      return AclBit(kDescribe);
    case AclResourceType::kUser:
      return AclBit(kCreateTokens) | AclBit(kDescribeTokens);
    default:
      return 0;
  }
}

std::string EncodeAclKey(const Acl& acl) {
  ByteWriter out;
  out.Raw(kAclRowPrefix);
  out.U8(static_cast<uint8_t>(acl.type));
  out.U8(static_cast<uint8_t>(acl.pattern));
  out.String(acl.name);
  out.String(acl.principal);
  out.String(acl.host);
  out.U8(static_cast<uint8_t>(acl.operation));
  out.U8(static_cast<uint8_t>(acl.permission));
  return out.Take();
}

std::optional<Acl> DecodeAclKey(std::string_view key) {
  const std::string_view prefix = kAclRowPrefix;
  if (!key.starts_with(prefix)) return std::nullopt;
  ByteReader in(key.substr(prefix.size()));
  Acl acl;
  acl.type = static_cast<AclResourceType>(in.U8());
  acl.pattern = static_cast<AclPatternType>(in.U8());
  acl.name = in.String();
  acl.principal = in.String();
  acl.host = in.String();
  acl.operation = static_cast<AclOperation>(in.U8());
  acl.permission = static_cast<AclPermission>(in.U8());
  if (!in.ok() || !in.done() || !WrongWithAcl(acl).empty()) return std::nullopt;
  return acl;
}

}  // namespace weir::log
