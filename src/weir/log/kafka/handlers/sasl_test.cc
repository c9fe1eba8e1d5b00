// Logging in, and the users who may.
#include "gmock/gmock.h"
#include "weir/log/kafka/handlers/handlers.h"
#include "weir/log/kafka/messages/alter_user_scram_credentials.h"
#include "weir/log/kafka/messages/api_versions.h"
#include "weir/log/kafka/messages/describe_user_scram_credentials.h"
#include "weir/log/kafka/messages/metadata.h"
#include "weir/log/kafka/messages/sasl_authenticate.h"
#include "weir/log/kafka/messages/sasl_handshake.h"
#include "weir/log/kafka/testing/broker_fixture.h"
#include "weir/log/security/users.h"

namespace weir::log::kafka {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int64_t kRefusalDelayMs = 100;

class SaslTest : public testing::BrokerFixture {
 protected:
  void MakeUser(const std::string& name, const std::string& password) {
    Position end = 0;
    std::string message;
    ASSERT_EQ(broker_->Write(NewUser(name, password), &end, &message), KafkaError::kNone);
    Flush();
  }
  void AskForLogin(const std::string& host = "10.0.0.1") {
    session_ = std::make_shared<Session>();
    session_->client_host = host;
    session_->sasl = std::make_shared<SaslSession>(
        log_->state(), broker_->passwords(),
        std::vector{SaslMechanism::kPlain, SaslMechanism::kScramSha256,
                    SaslMechanism::kScramSha512},
        session_->client_host);
  }
  SaslHandshakeResponse Handshake(const std::string& mechanism, int16_t version = 1) {
    SaslHandshakeRequest request;
    request.mechanism = mechanism;
    return Ask<SaslHandshakeRequest, SaslHandshakeResponse>(request, version);
  }
  Pending<SaslAuthenticateResponse> SendToken(const std::string& token) {
    SaslAuthenticateRequest request;
    request.auth_bytes = token;
    return Send<SaslAuthenticateRequest, SaslAuthenticateResponse>(request, 2);
  }
  Response SendRaw(std::string_view bytes) {
    std::optional<Response> response;
    Dispatch(*broker_, session_, bytes, [&](Response given) { response = std::move(given); });
    if (!response) Pass(1000);
    EXPECT_TRUE(response);
    return response ? std::move(*response) : Response();
  }
  // The client's side of SCRAM.
  std::string Proof(ScramMechanism mechanism, const std::string& password,
                    const std::string& client_bare, const std::string& server_first,
                    std::string* server_signature) {
    const HashKind hash = HashOf(mechanism);
    const size_t s = server_first.find(",s=");
    const size_t i = server_first.find(",i=");
    const std::string nonce = server_first.substr(2, s - 2);
    const std::string salted =
        Pbkdf2(hash, password, *FromBase64(server_first.substr(s + 3, i - s - 3)),
               std::stoi(server_first.substr(i + 3)));
    const std::string without = "c=biws,r=" + nonce;
    const std::string message = client_bare + "," + server_first + "," + without;
    const std::string client_key = Hmac(hash, salted, "Client Key");
    std::string proof = Hmac(hash, Hash(hash, client_key), message);
    for (size_t at = 0; at < proof.size(); ++at) {
      proof[at] = static_cast<char>(proof[at] ^ client_key[at]);
    }
    *server_signature = "v=" + ToBase64(Hmac(hash, Hmac(hash, salted, "Server Key"), message));
    return without + ",p=" + ToBase64(proof);
  }
};

TEST_F(SaslTest, ScramLogsInWithEveryMechanism) {
  MakeUser("alice", "secret");
  for (const ScramMechanism mechanism : kScramMechanisms) {
    AskForLogin();
    const auto shaken = Handshake(std::string(ScramMechanismName(mechanism)));
    EXPECT_EQ(shaken.error_code, 0);
    EXPECT_THAT(shaken.mechanisms, ElementsAre("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"));
    const auto first = SendToken("n,,n=alice,r=abc").Get();
    EXPECT_EQ(first.error_code, 0);
    EXPECT_FALSE(session_->logged_in());
    std::string signature;
    const auto last =
        SendToken(Proof(mechanism, "secret", "n=alice,r=abc", first.auth_bytes, &signature)).Get();
    EXPECT_EQ(last.error_code, 0);
    EXPECT_EQ(last.auth_bytes, signature);
    EXPECT_TRUE(session_->logged_in());
    EXPECT_EQ(session_->principal, "User:alice");
    EXPECT_EQ((Ask<MetadataRequest, MetadataResponse>({}, 12)).brokers.size(), 1u);
  }
}

TEST_F(SaslTest, AWrongPasswordIsRefusedLateAndEndsTheConnection) {
  MakeUser("alice", "secret");
  AskForLogin();
  Handshake("SCRAM-SHA-256");
  const auto first = SendToken("n,,n=alice,r=abc").Get();
  std::string signature;
  const auto last = SendToken(
      Proof(ScramMechanism::kSha256, "Secret", "n=alice,r=abc", first.auth_bytes, &signature));
  EXPECT_FALSE(last.done());
  Pass(kRefusalDelayMs);
  EXPECT_EQ(last.Get().error_code, Code(KafkaError::kSaslAuthenticationFailed));
  EXPECT_EQ(last.Get().error_message,
            "Authentication failed during authentication due to invalid credentials with SASL "
            "mechanism SCRAM-SHA-256");
  EXPECT_THAT(last.why(), HasSubstr("wrong password of user 'alice'"));
  EXPECT_TRUE(last.closes());
  EXPECT_FALSE(session_->logged_in());
  // And there is no second try.
  const auto again = SendToken("n,,n=alice,r=abc");
  Pass(kRefusalDelayMs);
  EXPECT_EQ(again.Get().error_code, Code(KafkaError::kSaslAuthenticationFailed));
}

// RFC 5802's first answer tells how a password is kept: names that are nobody's have one, too.
TEST_F(SaslTest, ScramDoesNotTellWhetherThereIsSuchAUser) {
  MakeUser("alice", "secret");
  Position end = 0;
  std::string message;
  ASSERT_EQ(broker_->Write({NewNobodysSecret()}, &end, &message), KafkaError::kNone);
  Flush();
  Start();
  const auto first_of = [&](const std::string& name, const std::string& mechanism) {
    AskForLogin();
    Handshake(mechanism);
    const auto first = SendToken("n,,n=" + name + ",r=abc").Get();
    EXPECT_EQ(first.error_code, 0) << name;
    return first.auth_bytes.substr(first.auth_bytes.find(",s="));  // behind the nonce
  };
  for (const ScramMechanism mechanism : kScramMechanisms) {
    const std::string name(ScramMechanismName(mechanism));
    const std::string nobody = first_of("nobody", name);
    EXPECT_EQ(nobody.size(), first_of("alice", name).size());
    EXPECT_NE(nobody, first_of("nobody else", name));
    // The same each time, after a restart too.
    Start();
    EXPECT_EQ(nobody, first_of("nobody", name));
    std::string signature;
    const auto last = SendToken(Proof(mechanism, "guess", "n=nobody,r=abc",
                                      "r=abc" + std::string(32, 'x') + nobody, &signature));
    Pass(kRefusalDelayMs);
    EXPECT_EQ(last.Get().error_code, Code(KafkaError::kSaslAuthenticationFailed));
    EXPECT_FALSE(session_->logged_in());
  }
}

// Kafka's tools make other salts, and other counts of iterations.
TEST_F(SaslTest, WhatScramTellsOfNobodyLooksLikeWhatItTellsOfUsers) {
  const auto form_of = [&](const std::string& name) {
    AskForLogin();
    Handshake("SCRAM-SHA-256");
    const std::string first = SendToken("n,,n=" + name + ",r=abc").Get().auth_bytes;
    const size_t salt = first.find(",s=") + 3;
    const size_t iterations = first.find(",i=");
    return FormOf({std::stoi(first.substr(iterations + 3)),
                   *FromBase64(first.substr(salt, iterations - salt)), "", ""});
  };
  EXPECT_EQ(form_of("nobody"), CredentialForm());
  AlterUserScramCredentialsRequest request;
  request.upsertions.resize(1);
  request.upsertions[0] = {"carol", 1, 4096, "3k5g8ab0q1zzz7d9s2m4x6c8v", std::string(32, 'p')};
  session_->sasl.reset();
  Ask<AlterUserScramCredentialsRequest, AlterUserScramCredentialsResponse>(request, 0);
  EXPECT_EQ(form_of("carol"), (CredentialForm{4096, 25, true}));
  EXPECT_EQ(form_of("nobody"), form_of("carol"));
}

TEST_F(SaslTest, PlainLogsIn) {
  MakeUser("bob", "s3cret");
  AskForLogin();
  Handshake("PLAIN");
  EXPECT_EQ(SendToken(std::string("\0bob\0s3cret", 11)).Get().error_code, 0);
  EXPECT_EQ(session_->principal, "User:bob");
}

TEST_F(SaslTest, PlainIsRefusedAsKafkaRefusesIt) {
  MakeUser("bob", "s3cret");
  const std::pair<std::string, std::string> tries[] = {
      {std::string("\0bob\0wrong", 10), "Authentication failed: Invalid username or password"},
      {std::string("\0eve\0s3cret", 11), "Authentication failed: Invalid username or password"},
      {std::string("\0\0s3cret", 8), "Authentication failed: username not specified"},
      {std::string("\0bob\0", 5), "Authentication failed: password not specified"},
      {std::string("eve\0bob\0s3cret", 14),
       "Authentication failed: Client requested an authorization id that is different from "
       "username"},
      {"bob", "Invalid SASL/PLAIN response: expected 3 tokens, got 1"},
  };
  for (const auto& [token, why] : tries) {
    AskForLogin();
    Handshake("PLAIN");
    const auto pending = SendToken(token);
    Pass(1000);
    EXPECT_EQ(pending.Get().error_message, why);
    EXPECT_TRUE(pending.closes());
    EXPECT_FALSE(session_->logged_in());
  }
}

TEST_F(SaslTest, WrongPasswordsAreComputedSeldomRightOnesAreKnown) {
  MakeUser("bob", "s3cret");
  const auto log_in = [&](const std::string& password) {
    AskForLogin();
    Handshake("PLAIN");
    return SendToken(std::string("\0bob\0", 5) + password);
  };
  EXPECT_TRUE(log_in("s3cret").done());
  const auto first = log_in("guess1");
  const auto second = log_in("guess2");
  EXPECT_TRUE(log_in("s3cret").done()) << "known: it does not wait behind guesses";
  Pass(1000 / PasswordCheck::kChecksPerSecond + kRefusalDelayMs);
  EXPECT_TRUE(first.done());
  EXPECT_FALSE(second.done());
  Pass(1000 / PasswordCheck::kChecksPerSecond);
  EXPECT_TRUE(second.done());
  // Another password: the old one is not known any more.
  MakeUser("bob", "changed");
  const auto old = log_in("s3cret");
  Pass(1000);
  EXPECT_EQ(old.Get().error_code, Code(KafkaError::kSaslAuthenticationFailed));
}

TEST_F(SaslTest, ARefusalOfNobodyTakesAsLongAsAnyonesAndWaitsItsTurn) {
  MakeUser("bob", "s3cret");
  const auto log_in = [&](const std::string& token) {
    AskForLogin();
    Handshake("PLAIN");
    return SendToken(token);
  };
  for (const std::string& user : {std::string("bob"), std::string("eve")}) {
    log_in(std::string("\0bob\0first", 10));
    const auto second = log_in(std::string(1, '\0') + user + std::string("\0guess", 6));
    Pass(kRefusalDelayMs);
    EXPECT_FALSE(second.done()) << user;
    Pass(1000 / PasswordCheck::kChecksPerSecond);
    EXPECT_EQ(second.Get().error_code, Code(KafkaError::kSaslAuthenticationFailed)) << user;
    Pass(1000);
  }
}

TEST_F(SaslTest, WhoGuessesKeepsNobodyElseWaitingLong) {
  MakeUser("bob", "s3cret");
  MakeUser("alice", "secret");
  const auto log_in = [&](const std::string& host, const std::string& token) {
    AskForLogin(host);
    Handshake("PLAIN");
    return SendToken(token);
  };
  const std::string bob("\0bob\0", 5);
  for (size_t i = 0; i < 2 * PasswordCheck::kWaitingOfHostMax; ++i) {
    log_in("10.6.6.6", bob + "guess" + std::to_string(i));
  }
  // A fleet of one user from one host is one check, whatever its size.
  std::vector<Pending<SaslAuthenticateResponse>> fleet;
  for (size_t i = 0; i < 2 * PasswordCheck::kWaitingOfHostMax; ++i) {
    fleet.push_back(log_in("10.0.0.2", std::string("\0alice\0secret", 13)));
  }
  Pass(1000 * int64_t{PasswordCheck::kWaitingOfHostMax + 2} / PasswordCheck::kChecksPerSecond);
  for (const auto& member : fleet) EXPECT_EQ(member.Get().error_code, 0);
}

TEST_F(SaslTest, TokensAfterTheOldHandshakeHaveNoHeader) {
  MakeUser("bob", "s3cret");
  AskForLogin();
  EXPECT_EQ(Handshake("PLAIN", 0).error_code, 0);
  const Response answer = SendRaw(std::string_view("\0bob\0s3cret", 11));
  EXPECT_EQ(answer.kind, Response::Kind::kAnswer);
  EXPECT_EQ(answer.bytes.ToString(), std::string(4, '\0'));
  EXPECT_EQ((Ask<MetadataRequest, MetadataResponse>({}, 12)).brokers.size(), 1u);

  AskForLogin();
  Handshake("PLAIN", 0);
  EXPECT_EQ(SendRaw(std::string_view("\0bob\0guess!", 11)).kind, Response::Kind::kClose);
}

// KIP-368.
class SaslRenewalTest : public SaslTest {
 protected:
  static constexpr int64_t kLoginMs = 10'000;
  static constexpr const char* kAlice = "alice";

  void SetUp() override {
    broker_options_.max_reauth_ms = kLoginMs;
    Start();
    MakeUser("alice", "secret");
    AskForLogin();
    Pass(1);
  }
  Pending<SaslAuthenticateResponse> LogIn(const std::string& user = kAlice,
                                          const std::string& password = "secret") {
    EXPECT_EQ(Handshake("PLAIN").error_code, 0);
    return SendToken(std::string(1, '\0') + user + std::string(1, '\0') + password);
  }
  Pending<MetadataResponse> SendMetadata() {
    return Send<MetadataRequest, MetadataResponse>({}, 12);
  }
};

TEST_F(SaslRenewalTest, ALoginIsRenewedAndServedOn) {
  EXPECT_EQ(LogIn().Get().session_lifetime_ms, kLoginMs);
  for (int i = 0; i < 3; ++i) {
    Pass(kLoginMs - 1);
    EXPECT_EQ(SendMetadata().Get().brokers.size(), 1u);
    EXPECT_EQ(LogIn().Get().session_lifetime_ms, kLoginMs);
    EXPECT_EQ(session_->principal, "User:alice");
  }
  // Also when it is over already.
  Pass(2 * kLoginMs);
  EXPECT_EQ(LogIn().Get().error_code, 0);
  EXPECT_EQ(SendMetadata().Get().brokers.size(), 1u);
}

TEST_F(SaslRenewalTest, WithScramTheLastAnswerSaysForHowLong) {
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(Handshake("SCRAM-SHA-256").error_code, 0);
    const auto first = SendToken("n,,n=alice,r=abc").Get();
    EXPECT_EQ(first.error_code, 0);
    EXPECT_EQ(first.session_lifetime_ms, 0);
    std::string signature;
    const auto last = SendToken(Proof(ScramMechanism::kSha256, "secret", "n=alice,r=abc",
                                      first.auth_bytes, &signature))
                          .Get();
    EXPECT_EQ(last.auth_bytes, signature);
    EXPECT_EQ(last.session_lifetime_ms, kLoginMs);
    Pass(kLoginMs / 2);
  }
}

TEST_F(SaslRenewalTest, WhoGoesOnWhenItIsOverIsClosed) {
  LogIn();
  Pass(kLoginMs - 1);
  EXPECT_FALSE(SendMetadata().closes());
  Pass(1);
  const auto late = SendMetadata();
  EXPECT_TRUE(late.closed());
  EXPECT_EQ(late.why(), "its login is over, and it did not log in again");
  EXPECT_TRUE((Send<ApiVersionsRequest, ApiVersionsResponse>({}, 3)).closed());
  EXPECT_TRUE(SendToken("x").closed());
  EXPECT_THAT(metrics_.PrometheusText(), HasSubstr("weir_kafka_connections_expired_total 3"));
}

TEST_F(SaslRenewalTest, NothingElseIsServedMeanwhile) {
  LogIn();
  EXPECT_EQ(Handshake("PLAIN").error_code, 0);
  EXPECT_FALSE(session_->logged_in());
  const auto meanwhile = SendMetadata();
  EXPECT_TRUE(meanwhile.closed());
  EXPECT_THAT(meanwhile.why(), HasSubstr("before the client logged in"));
}

TEST_F(SaslRenewalTest, AnotherUserOrAnotherWayIsRefused) {
  const auto refusal = [&](const Pending<SaslAuthenticateResponse>& pending) {
    Pass(1000);
    EXPECT_EQ(pending.Get().error_code, Code(KafkaError::kSaslAuthenticationFailed));
    EXPECT_TRUE(pending.closes());
    EXPECT_FALSE(session_->logged_in());
    EXPECT_EQ(session_->principal, "User:alice");
    AskForLogin();
    LogIn();
    return pending.Get().error_message.value_or("");
  };
  MakeUser("bob", "secret");
  LogIn();
  EXPECT_EQ(refusal(LogIn("bob")),
            "Cannot change principals during re-authentication from User.alice: User.bob");
  EXPECT_EQ(refusal(LogIn("alice", "guess")),
            "Authentication failed: Invalid username or password");
  EXPECT_EQ(Handshake("SCRAM-SHA-512").error_code, 0);
  EXPECT_EQ(refusal(SendToken("n,,n=alice,r=abc")),
            "SASL mechanism 'SCRAM-SHA-512' requested by client is not supported for "
            "re-authentication of mechanism 'PLAIN'");
  SaslHandshakeRequest request;
  request.mechanism = "GSSAPI";
  const auto unknown = Send<SaslHandshakeRequest, SaslHandshakeResponse>(request, 1);
  EXPECT_EQ(unknown.Get().error_code, Code(KafkaError::kUnsupportedSaslMechanism));
  EXPECT_TRUE(unknown.closes());
}

TEST_F(SaslRenewalTest, OnceASecondAtMost) {
  LogIn();
  EXPECT_EQ(LogIn().Get().error_code, 0);
  Pass(999);
  EXPECT_EQ(Handshake("PLAIN").error_code, Code(KafkaError::kIllegalSaslState));
  EXPECT_TRUE(session_->logged_in());
  Pass(1);
  EXPECT_EQ(LogIn().Get().error_code, 0);
}

TEST_F(SaslRenewalTest, TokensWithoutHeadersRenewToo) {
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(Handshake("PLAIN", 0).error_code, 0);
    EXPECT_EQ(SendRaw(std::string_view("\0alice\0secret", 13)).kind, Response::Kind::kAnswer);
    Pass(kLoginMs - 1);
    EXPECT_FALSE(SendMetadata().closes());
  }
  Pass(1);
  EXPECT_TRUE(SendMetadata().closed());
}

TEST_F(SaslRenewalTest, WhereLoginsDoNotEndThereIsNone) {
  broker_options_.max_reauth_ms = 0;
  Start();
  AskForLogin();
  EXPECT_EQ(LogIn().Get().session_lifetime_ms, 0);
  EXPECT_EQ(Handshake("PLAIN").error_code, Code(KafkaError::kIllegalSaslState));
  Pass(1000 * kLoginMs);
  EXPECT_EQ(SendMetadata().Get().brokers.size(), 1u);
}

TEST_F(SaslTest, NothingElseIsServedBefore) {
  AskForLogin();
  EXPECT_EQ((Ask<ApiVersionsRequest, ApiVersionsResponse>({}, 3)).error_code, 0);
  for (const Handler* handler : Handlers()) {
    AskForLogin();
    std::string bytes(8, '\0');
    bytes[1] = static_cast<char>(handler->key);
    bytes[3] = static_cast<char>(handler->max_version);
    if (handler->before_login) continue;
    const Response response = SendRaw(bytes);
    EXPECT_EQ(response.kind, Response::Kind::kClose);
    EXPECT_THAT(response.why, HasSubstr("before the client logged in"));
  }
}

TEST_F(SaslTest, HandshakesOutOfPlace) {
  AskForLogin();
  SaslHandshakeRequest request;
  request.mechanism = "GSSAPI";
  const auto unknown = Send<SaslHandshakeRequest, SaslHandshakeResponse>(request, 1);
  EXPECT_EQ(unknown.Get().error_code, Code(KafkaError::kUnsupportedSaslMechanism));
  EXPECT_EQ(unknown.Get().mechanisms.size(), 3u);
  EXPECT_TRUE(unknown.closes());

  AskForLogin();
  EXPECT_EQ(SendToken("x").Get().error_code, Code(KafkaError::kIllegalSaslState));

  session_ = std::make_shared<Session>();  // a listener that asks for nothing
  EXPECT_EQ(Handshake("PLAIN").error_code, Code(KafkaError::kIllegalSaslState));
  EXPECT_EQ(SendToken("x").Get().error_code, Code(KafkaError::kIllegalSaslState));
}

TEST_F(SaslTest, UsersComeAndGo) {
  const std::string salted = Pbkdf2(HashKind::kSha256, "secret", "salt", 4096);
  AlterUserScramCredentialsRequest request;
  request.upsertions.push_back({"alice", 1, 4096, "salt", salted});
  request.upsertions.push_back({"few", 1, 4095, "salt", salted});
  request.upsertions.push_back({"many", 2, 16385, "salt", salted});
  request.upsertions.push_back({"twice", 1, 4096, "salt", salted});
  request.upsertions.push_back({"twice", 1, 4096, "salt", salted});
  request.upsertions.push_back({"odd", 3, 4096, "salt", salted});
  request.deletions.push_back({"gone", 1});
  request.deletions.push_back({"", 1});
  const auto altered =
      Ask<AlterUserScramCredentialsRequest, AlterUserScramCredentialsResponse>(request, 0);
  std::map<std::string, int16_t> errors;
  for (const auto& result : altered.results) errors[result.user] = result.error_code;
  EXPECT_EQ(errors,
            (std::map<std::string, int16_t>{{"alice", 0},
                                            {"few", Code(KafkaError::kUnacceptableCredential)},
                                            {"many", Code(KafkaError::kUnacceptableCredential)},
                                            {"twice", Code(KafkaError::kDuplicateResource)},
                                            {"odd", Code(KafkaError::kUnsupportedSaslMechanism)},
                                            {"gone", Code(KafkaError::kResourceNotFound)},
                                            {"", Code(KafkaError::kUnacceptableCredential)}}));
  Start();  // what was answered is durable
  EXPECT_EQ(FindUser(log_->state(), ScramMechanism::kSha256, "alice"),
            CredentialOf(ScramMechanism::kSha256, "secret", "salt", 4096));

  DescribeUserScramCredentialsRequest describe;
  describe.users.reset();
  auto described =
      Ask<DescribeUserScramCredentialsRequest, DescribeUserScramCredentialsResponse>(describe, 0);
  ASSERT_EQ(described.results.size(), 1u);
  EXPECT_EQ(described.results[0].user, "alice");
  ASSERT_EQ(described.results[0].credential_infos.size(), 1u);
  EXPECT_EQ(described.results[0].credential_infos[0].mechanism, 1);
  EXPECT_EQ(described.results[0].credential_infos[0].iterations, 4096);

  describe.users = {{{"alice"}, {"bob"}, {"bob"}, {"eve"}}};
  described =
      Ask<DescribeUserScramCredentialsRequest, DescribeUserScramCredentialsResponse>(describe, 0);
  ASSERT_EQ(described.results.size(), 3u);
  EXPECT_EQ(described.results[0].error_code, 0);
  EXPECT_EQ(described.results[1].error_code, Code(KafkaError::kDuplicateResource));
  EXPECT_EQ(described.results[2].error_code, Code(KafkaError::kResourceNotFound));

  AlterUserScramCredentialsRequest remove;
  remove.deletions.push_back({"alice", 1});
  EXPECT_EQ((Ask<AlterUserScramCredentialsRequest, AlterUserScramCredentialsResponse>(remove, 0))
                .results[0]
                .error_code,
            0);
  EXPECT_FALSE(FindUser(log_->state(), ScramMechanism::kSha256, "alice"));
}

}  // namespace
}  // namespace weir::log::kafka
