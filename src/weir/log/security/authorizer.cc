#include "weir/log/security/authorizer.h"

#include <algorithm>

namespace weir::log {
namespace {

bool IsOf(const Acl& acl, const Caller& caller) {
  return (acl.principal == caller.principal || acl.principal == "User:*") &&
         (acl.host == kAclWildcard || acl.host == caller.host);
}

bool Covers(const Acl& acl, AclOperation asked) {
  using enum AclOperation;
  if (acl.operation == kAll || acl.operation == asked) return true;
  if (acl.permission == AclPermission::kDeny) return false;
  if (asked == kDescribe) {
    return acl.operation == kRead || acl.operation == kWrite || acl.operation == kDelete ||
           acl.operation == kAlter;
  }
  return asked == kDescribeConfigs && acl.operation == kAlterConfigs;
}

}  // namespace

Authorizer::Authorizer(const StateStore& state, AuthorizerOptions options)
    : options_(std::move(options)) {
  state.ForEach(kAclRowPrefix, [this](const std::string& key, const std::string&) {
    if (const auto acl = DecodeAclKey(key)) Add(*acl);
  });
}

Authorizer::Entries* Authorizer::EntriesOf(const Acl& acl) {
  TypeEntries& entries = by_type_[acl.type];
  return acl.pattern == AclPatternType::kLiteral ? &entries.literal[acl.name]
                                                 : &entries.prefixed[acl.name.size()][acl.name];
}

void Authorizer::Add(const Acl& acl) {
  if (!acls_.insert(acl).second) return;
  EntriesOf(acl)->push_back(acl);
  known_.clear();
}

void Authorizer::Remove(const Acl& acl) {
  if (acls_.erase(acl) == 0) return;
  known_.clear();
  Entries* entries = EntriesOf(acl);
  std::erase(*entries, acl);
  if (!entries->empty()) return;
  TypeEntries& of_type = by_type_[acl.type];
  if (acl.pattern == AclPatternType::kLiteral) {
    of_type.literal.erase(acl.name);
    return;
  }
  auto& of_length = of_type.prefixed[acl.name.size()];
  of_length.erase(acl.name);
  if (of_length.empty()) of_type.prefixed.erase(acl.name.size());
}

bool Authorizer::IsSuperUser(std::string_view principal) const {
  return std::find(options_.super_users.begin(), options_.super_users.end(), principal) !=
         options_.super_users.end();
}

bool Authorizer::IsKnownToAllow(const Caller& caller, AclOperation operation, AclResourceType type,
                                std::string_view name) {
  if (name.empty()) return IsSuperUser(caller.principal);  // there can be no entry for it
  key_.clear();
  key_ += static_cast<char>(operation);
  key_ += static_cast<char>(type);
  key_ += caller.host;
  key_ += '\0';
  key_ += std::to_string(name.size());
  key_ += '\0';
  key_ += name;
  key_ += caller.principal;
  const auto known = known_.find(key_);
  if (known != known_.end()) return known->second;
  const bool allowed = Decide(caller, operation, type, name);
  if (known_.size() >= kKnownMax) known_.clear();
  known_.emplace(key_, allowed);
  return allowed;
}

bool Authorizer::Decide(const Caller& caller, AclOperation operation, AclResourceType type,
                        std::string_view name) const {
  if (IsSuperUser(caller.principal)) return true;
  const auto of_type = by_type_.find(type);
  if (of_type == by_type_.end()) return false;
  bool allowed = false;
  bool denied = false;
  const auto look = [&](const std::unordered_map<std::string, Entries>& map, std::string_view at) {
    const auto found = map.find(std::string(at));
    if (found == map.end()) return;
    for (const Acl& acl : found->second) {
      if (!IsOf(acl, caller) || !Covers(acl, operation)) continue;
      (acl.permission == AclPermission::kDeny ? denied : allowed) = true;
    }
  };
  look(of_type->second.literal, name);
  look(of_type->second.literal, kAclWildcard);
  for (const auto& [length, entries] : of_type->second.prefixed) {
    if (length > name.size()) break;
    look(entries, name.substr(0, length));
  }
  return allowed && !denied;
}

// Authorizer.authorizeByResourceType: some ALLOW that no DENY takes back whole.
bool Authorizer::AllowsSome(const Caller& caller, AclOperation operation,
                            AclResourceType type) const {
  if (!options_.enabled || IsSuperUser(caller.principal)) return true;
  const auto matches = [&](const Acl& acl, AclPermission permission) {
    return acl.type == type && acl.permission == permission && IsOf(acl, caller) &&
           (acl.operation == operation || acl.operation == AclOperation::kAll);
  };
  for (const Acl& acl : acls_) {
    if (!matches(acl, AclPermission::kAllow)) continue;
    const bool taken_back = std::any_of(acls_.begin(), acls_.end(), [&](const Acl& deny) {
      if (!matches(deny, AclPermission::kDeny)) return false;
      if (deny.pattern == AclPatternType::kPrefixed) return acl.name.starts_with(deny.name);
      if (deny.name == kAclWildcard) return true;
      return acl.pattern == AclPatternType::kLiteral && acl.name == deny.name;
    });
    if (!taken_back) return true;
  }
  return false;
}

int32_t Authorizer::AllowedOperations(const Caller& caller, AclResourceType type,
                                      std::string_view name) {
  const int32_t sensible = AclOperationsOf(type);
  if (!options_.enabled) return sensible;
  int32_t allowed = 0;
  for (int code = 0; code <= static_cast<int>(AclOperation::kTwoPhaseCommit); ++code) {
    const auto operation = static_cast<AclOperation>(code);
    if ((sensible & AclBit(operation)) != 0 && Allows(caller, operation, type, name)) {
      allowed |= AclBit(operation);
    }
  }
  return allowed;
}

}  // namespace weir::log
