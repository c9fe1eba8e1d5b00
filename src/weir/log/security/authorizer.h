// Authorizer: whether a principal may do something, by the entries there are, with the rules of
// Kafka's StandardAuthorizer: super users may all; a DENY that matches wins; then an ALLOW; else
// no. READ, WRITE, DELETE and ALTER allow DESCRIBE too, ALTER_CONFIGS allows DESCRIBE_CONFIGS.
//
// Switched off it allows everything, for the price of one look at a flag. Switched on, answers are
// kept until an entry changes: a request over a hundred partitions looks up a hundred hashes.
//
// Limits: kKnownMax answers, kAclsMax entries.
// Thread rule: the log's thread.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "weir/log/security/acl.h"
#include "weir/log/state_store.h"

namespace weir::log {

struct AuthorizerOptions {
  bool enabled = false;
  std::vector<std::string> super_users;  // "User:admin"
};

// Who asks.
struct Caller {
  std::string_view principal;  // "User:alice"
  std::string_view host;       // the address, as text
};

class Authorizer {
 public:
  static constexpr size_t kKnownMax = 20'000;
  static constexpr size_t kAclsMax = 100'000;

  Authorizer(const StateStore& state, AuthorizerOptions options);

  bool enabled() const { return options_.enabled; }
  bool Allows(const Caller& caller, AclOperation operation, AclResourceType type,
              std::string_view name) {
    return !options_.enabled || IsKnownToAllow(caller, operation, type, name);
  }
  // On some resource of this type: for an idempotent producer that has not said yet where it
  // writes.
  bool AllowsSome(const Caller& caller, AclOperation operation, AclResourceType type) const;
  // The bits of what is allowed, of what makes sense for the resource.
  int32_t AllowedOperations(const Caller& caller, AclResourceType type, std::string_view name);

  const std::set<Acl>& all() const { return acls_; }
  // After the rows were written. Entries that are there already, or are not, change nothing.
  void Add(const Acl& acl);
  void Remove(const Acl& acl);

 private:
  using Entries = std::vector<Acl>;
  struct TypeEntries {
    std::unordered_map<std::string, Entries> literal;                     // with "*"
    std::map<size_t, std::unordered_map<std::string, Entries>> prefixed;  // by length
  };
  bool IsSuperUser(std::string_view principal) const;
  bool IsKnownToAllow(const Caller& caller, AclOperation operation, AclResourceType type,
                      std::string_view name);
  bool Decide(const Caller& caller, AclOperation operation, AclResourceType type,
              std::string_view name) const;
  Entries* EntriesOf(const Acl& acl);

  const AuthorizerOptions options_;
  std::set<Acl> acls_;
  std::map<AclResourceType, TypeEntries> by_type_;
  std::unordered_map<std::string, bool> known_;
  std::string key_;  // reused
};

}  // namespace weir::log
