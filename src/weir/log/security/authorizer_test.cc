#include "weir/log/security/authorizer.h"

#include "gtest/gtest.h"

namespace weir::log {
namespace {

using enum AclOperation;
constexpr auto kTopic = AclResourceType::kTopic;
constexpr Caller kAlice = {"User:alice", "10.0.0.1"};
constexpr Caller kBob = {"User:bob", "10.0.0.2"};

Acl Allow(const std::string& name, AclOperation operation,
          const std::string& principal = "User:alice") {
  return {kTopic, name, AclPatternType::kLiteral, principal, "*", operation, AclPermission::kAllow};
}
Acl Deny(Acl acl) {
  acl.permission = AclPermission::kDeny;
  return acl;
}
Acl Prefixed(Acl acl) {
  acl.pattern = AclPatternType::kPrefixed;
  return acl;
}

class AuthorizerTest : public ::testing::Test {
 protected:
  bool May(const Caller& caller, AclOperation operation, std::string_view name) {
    return authorizer_.Allows(caller, operation, kTopic, name);
  }
  StateStore state_;
  Authorizer authorizer_{state_, {.enabled = true, .super_users = {"User:root"}}};
};

TEST_F(AuthorizerTest, WithoutEntriesOnlySuperUsersMay) {
  EXPECT_FALSE(May(kAlice, kRead, "t"));
  EXPECT_TRUE(May({"User:root", "10.0.0.1"}, kRead, "t"));
  authorizer_.Add(Deny(Allow("t", kAll, "User:root")));
  EXPECT_TRUE(May({"User:root", "10.0.0.1"}, kRead, "t"));
}

TEST_F(AuthorizerTest, SwitchedOffEverybodyMay) {
  Authorizer off(state_, {});
  off.Add(Deny(Allow("t", kAll)));
  EXPECT_TRUE(off.Allows(kAlice, kRead, kTopic, "t"));
  EXPECT_TRUE(off.AllowsSome(kAlice, kWrite, kTopic));
}

TEST_F(AuthorizerTest, LiteralPrefixedAndAll) {
  authorizer_.Add(Allow("orders", kRead));
  authorizer_.Add(Prefixed(Allow("logs-", kRead)));
  authorizer_.Add(Allow("*", kWrite, "User:bob"));
  EXPECT_TRUE(May(kAlice, kRead, "orders"));
  EXPECT_FALSE(May(kAlice, kRead, "orders-2"));
  EXPECT_TRUE(May(kAlice, kRead, "logs-"));
  EXPECT_TRUE(May(kAlice, kRead, "logs-web"));
  EXPECT_FALSE(May(kAlice, kRead, "logs"));
  EXPECT_TRUE(May(kBob, kWrite, "anything"));
  EXPECT_FALSE(May(kBob, kRead, "anything"));
  EXPECT_FALSE(authorizer_.Allows(kAlice, kRead, AclResourceType::kGroup, "orders"));
}

// A star is a name where names are prefixes.
TEST_F(AuthorizerTest, AStarAsAPrefixIsAStar) {
  authorizer_.Add(Prefixed(Allow("*", kRead)));
  EXPECT_FALSE(May(kAlice, kRead, "t"));
}

TEST_F(AuthorizerTest, DenialsWinWhereverTheyStand) {
  authorizer_.Add(Allow("*", kAll));
  authorizer_.Add(Deny(Prefixed(Allow("secret", kRead))));
  EXPECT_TRUE(May(kAlice, kWrite, "secret-1"));
  EXPECT_FALSE(May(kAlice, kRead, "secret-1"));
  EXPECT_TRUE(May(kAlice, kDescribe, "secret-1")) << "a denial implies nothing";
  authorizer_.Add(Deny(Allow("secret-1", kAll, "User:*")));
  EXPECT_FALSE(May(kAlice, kDescribe, "secret-1"));
  authorizer_.Remove(Deny(Allow("secret-1", kAll, "User:*")));
  EXPECT_TRUE(May(kAlice, kDescribe, "secret-1"));
}

TEST_F(AuthorizerTest, WhatOperationsImply) {
  const AclOperation all[] = {kRead,         kWrite,          kCreate,        kDelete,
                              kAlter,        kDescribe,       kClusterAction, kDescribeConfigs,
                              kAlterConfigs, kIdempotentWrite};
  for (const AclOperation given : all) {
    Authorizer authorizer(state_, {.enabled = true, .super_users = {}});
    authorizer.Add(Allow("t", given));
    for (const AclOperation asked : all) {
      const bool describes = asked == kDescribe && (given == kRead || given == kWrite ||
                                                    given == kDelete || given == kAlter);
      const bool tells = asked == kDescribeConfigs && given == kAlterConfigs;
      EXPECT_EQ(authorizer.Allows(kAlice, asked, kTopic, "t"), asked == given || describes || tells)
          << int(given) << " " << int(asked);
    }
  }
}

TEST_F(AuthorizerTest, HostsAndPrincipals) {
  Acl here = Allow("t", kRead, "User:*");
  here.host = "10.0.0.1";
  authorizer_.Add(here);
  EXPECT_TRUE(May(kAlice, kRead, "t"));
  EXPECT_FALSE(May(kBob, kRead, "t"));
  EXPECT_TRUE(May({"User:bob", "10.0.0.1"}, kRead, "t"));
  authorizer_.Add(Allow("t", kRead, "Group:bob"));
  EXPECT_FALSE(May(kBob, kRead, "t"));
}

TEST_F(AuthorizerTest, KnownAnswersEndWithAChange) {
  EXPECT_FALSE(May(kAlice, kRead, "t"));
  authorizer_.Add(Allow("t", kRead));
  EXPECT_TRUE(May(kAlice, kRead, "t"));
  authorizer_.Remove(Allow("t", kRead));
  EXPECT_FALSE(May(kAlice, kRead, "t"));
}

TEST_F(AuthorizerTest, SomeResourceOfAType) {
  EXPECT_FALSE(authorizer_.AllowsSome(kAlice, kWrite, kTopic));
  authorizer_.Add(Allow("a-1", kWrite));
  EXPECT_TRUE(authorizer_.AllowsSome(kAlice, kWrite, kTopic));
  EXPECT_FALSE(authorizer_.AllowsSome(kAlice, kRead, kTopic));
  authorizer_.Add(Deny(Prefixed(Allow("a-", kWrite))));
  EXPECT_FALSE(authorizer_.AllowsSome(kAlice, kWrite, kTopic));
  authorizer_.Add(Prefixed(Allow("a", kWrite)));
  EXPECT_TRUE(authorizer_.AllowsSome(kAlice, kWrite, kTopic)) << "more than what is denied";
  authorizer_.Add(Deny(Allow("*", kAll)));
  EXPECT_FALSE(authorizer_.AllowsSome(kAlice, kWrite, kTopic));
}

TEST_F(AuthorizerTest, EntriesAreFoundAgain) {
  const Acl acl = Prefixed(Allow("logs-", kRead));
  state_.Apply({EncodeAclKey(acl), ""});
  Authorizer again(state_, {.enabled = true, .super_users = {}});
  EXPECT_EQ(again.all(), std::set<Acl>{acl});
  EXPECT_TRUE(again.Allows(kAlice, kRead, kTopic, "logs-web"));
}

TEST(AclFilterTest, MatchMeansAllThatSaySomethingOfAName) {
  AclFilter filter;
  filter.name = "logs-web";
  filter.pattern = AclPatternType::kMatch;
  EXPECT_TRUE(filter.Means(Allow("logs-web", kRead)));
  EXPECT_TRUE(filter.Means(Allow("*", kRead)));
  EXPECT_TRUE(filter.Means(Prefixed(Allow("logs-", kRead))));
  EXPECT_FALSE(filter.Means(Allow("logs-", kRead)));
  filter.pattern = AclPatternType::kPrefixed;
  EXPECT_FALSE(filter.Means(Prefixed(Allow("logs-", kRead))));
  filter.pattern = AclPatternType::kAny;
  EXPECT_TRUE(filter.Means(Allow("logs-web", kRead)));
  EXPECT_TRUE(filter.Means(Prefixed(Allow("logs-web", kRead))));
}

TEST(AclTest, WhatIsNoEntry) {
  const Acl good = Allow("t", kRead);
  EXPECT_EQ(WrongWithAcl(good), "");
  const auto with = [&](auto change) {
    Acl acl = good;
    change(acl);
    return WrongWithAcl(acl);
  };
  EXPECT_NE(with([](Acl& a) { a.name = ""; }), "");
  EXPECT_NE(with([](Acl& a) { a.principal = "alice"; }), "");
  EXPECT_NE(with([](Acl& a) { a.type = AclResourceType::kCluster; }), "");
  EXPECT_NE(with([](Acl& a) { a.pattern = AclPatternType::kMatch; }), "");
  EXPECT_NE(with([](Acl& a) { a.operation = kAny; }), "");
  EXPECT_NE(with([](Acl& a) { a.permission = AclPermission::kAny; }), "");
  EXPECT_NE(with([](Acl& a) { a.host = ""; }), "");
}

}  // namespace
}  // namespace weir::log
