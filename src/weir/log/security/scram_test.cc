#include "weir/log/security/scram.h"

#include "gtest/gtest.h"
#include "weir/log/security/digest.h"

namespace weir::log {
namespace {

std::string Unhex(std::string_view hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  }
  return bytes;
}

// RFC 7914, 11: PBKDF2-HMAC-SHA-256; its first 32 bytes.
TEST(DigestTest, KeysOfPasswordsAreThoseOfTheRfc) {
  EXPECT_EQ(Pbkdf2(HashKind::kSha256, "passwd", "salt", 1),
            Unhex("55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc"));
  EXPECT_EQ(Pbkdf2(HashKind::kSha256, "Password", "NaCl", 80'000),
            Unhex("4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56"));
}

// RFC 4231, 4.3 (test case 2).
TEST(DigestTest, MessageCodesAreThoseOfTheRfc) {
  EXPECT_EQ(Hmac(HashKind::kSha256, "Jefe", "what do ya want for nothing?"),
            Unhex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"));
  EXPECT_EQ(
      Hmac(HashKind::kSha512, "Jefe", "what do ya want for nothing?"),
      Unhex("164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d"
            "034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"));
}

TEST(DigestTest, OnlyWhatBase64WritesIsRead) {
  EXPECT_EQ(FromBase64("Zm9vYg=="), "foob");  // RFC 4648, 10
  EXPECT_EQ(FromBase64("Zm9vYmFy"), "foobar");
  EXPECT_EQ(FromBase64(""), "");
  for (const char* wrong : {"Zm9vYg=", "Zm9vYh==", " m9vYg==", "Zm9v====", "Zm9*", "Zm9vYg==\n"}) {
    EXPECT_FALSE(FromBase64(wrong)) << wrong;
  }
}

TEST(DigestTest, NothingIsEqualToNothing) {
  EXPECT_TRUE(EqualInConstantTime("abc", "abc"));
  EXPECT_FALSE(EqualInConstantTime("abc", "abd"));
  EXPECT_FALSE(EqualInConstantTime("abc", "ab"));
  EXPECT_FALSE(EqualInConstantTime("", ""));
}

// RFC 7677, 3: user "user", password "pencil".
constexpr const char* kClientFirst = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
constexpr const char* kServerNonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
constexpr const char* kServerFirst =
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
constexpr const char* kClientFinal =
    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
    "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
constexpr const char* kServerFinal = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

std::optional<ScramCredential> FindPencil(const std::string& user) {
  if (user != "user") return std::nullopt;
  return CredentialOf(ScramMechanism::kSha256, "pencil", *FromBase64("W22ZaJ0SNY7soEsUEjb6gQ=="),
                      4096);
}

TEST(ScramTest, TheExchangeOfTheRfc) {
  ScramExchange exchange(ScramMechanism::kSha256, FindPencil, kServerNonce);
  const auto first = exchange.First(kClientFirst);
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(*first, kServerFirst);
  const auto last = exchange.Final(kClientFinal);
  ASSERT_TRUE(last.ok()) << last.error().ToString();
  EXPECT_EQ(*last, kServerFinal);
  EXPECT_EQ(exchange.user(), "user");
}

// What a client with the right password answers, if it takes this for the nonce.
std::string FinalWithNonce(const std::string& nonce) {
  const std::string salted =
      Pbkdf2(HashKind::kSha256, "pencil", *FromBase64("W22ZaJ0SNY7soEsUEjb6gQ=="), 4096);
  std::string proof = Hmac(HashKind::kSha256, salted, "Client Key");
  const std::string without_proof = "c=biws,r=" + nonce;
  const std::string signature =
      Hmac(HashKind::kSha256, Hash(HashKind::kSha256, proof),
           std::string(kClientFirst).substr(3) + "," + kServerFirst + "," + without_proof);
  for (size_t i = 0; i < proof.size(); ++i) proof[i] = static_cast<char>(proof[i] ^ signature[i]);
  return without_proof + ",p=" + ToBase64(proof);
}

TEST(ScramTest, AClientMaySayItsNonceTwiceAndNothingElse) {
  const std::string own = "rOprNGfwEbeRWgbNEkqO";
  const auto takes = [](const std::string& nonce) {
    ScramExchange exchange(ScramMechanism::kSha256, FindPencil, kServerNonce);
    EXPECT_TRUE(exchange.First(kClientFirst).ok());
    return exchange.Final(FinalWithNonce(nonce)).ok();
  };
  EXPECT_TRUE(takes(own + kServerNonce));
  EXPECT_TRUE(takes(own + own + kServerNonce));  // librdkafka before 2.6.1
  EXPECT_FALSE(takes(own + own + own + kServerNonce));
  EXPECT_FALSE(takes("x" + own + kServerNonce));
  EXPECT_FALSE(takes(kServerNonce));
  EXPECT_FALSE(takes(own));
}

TEST(ScramTest, AnExchangeIsGoodForOneProof) {
  ScramExchange exchange(ScramMechanism::kSha256, FindPencil, kServerNonce);
  ASSERT_TRUE(exchange.First(kClientFirst).ok());
  ASSERT_TRUE(exchange.Final(kClientFinal).ok());
  EXPECT_FALSE(exchange.Final(kClientFinal).ok());
}

TEST(ScramTest, AProofBeforeTheFirstMessageIsRefused) {
  ScramExchange exchange(ScramMechanism::kSha256, FindPencil, kServerNonce);
  EXPECT_FALSE(exchange.Final(kClientFinal).ok());
}

TEST(ScramTest, NoncesDiffer) {
  ScramExchange a(ScramMechanism::kSha256, FindPencil);
  ScramExchange b(ScramMechanism::kSha256, FindPencil);
  EXPECT_NE(*a.First(kClientFirst), *b.First(kClientFirst));
}

TEST(ScramTest, WhatIsChangedOnTheWayIsRefused) {
  const std::pair<std::string, std::string> changes[] = {
      {"c=biws", "c=eSws"},  // another header than the first message had
      {"$k0,", "$k1,"},      // another nonce
      {"p=dH", "p=eH"},
      {"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=", "p="},
      {"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=", "p=dHzb"},
  };
  for (const auto& [from, to] : changes) {
    ScramExchange exchange(ScramMechanism::kSha256, FindPencil, kServerNonce);
    ASSERT_TRUE(exchange.First(kClientFirst).ok());
    std::string message = kClientFinal;
    const size_t at = message.find(from);
    ASSERT_NE(at, std::string::npos);
    message.replace(at, from.size(), to);
    EXPECT_FALSE(exchange.Final(message).ok()) << message;
  }
}

TEST(ScramTest, UnknownUsersAndForeignNamesAreRefused) {
  ScramExchange unknown(ScramMechanism::kSha256, FindPencil);
  EXPECT_EQ(unknown.First("n,,n=nobody,r=abc").error().code(), ErrorCode::kPermission);
  ScramExchange other(ScramMechanism::kSha256, FindPencil);
  EXPECT_EQ(other.First("n,a=root,n=user,r=abc").error().code(), ErrorCode::kPermission);
  ScramExchange own(ScramMechanism::kSha256, FindPencil);
  EXPECT_TRUE(own.First("n,a=user,n=user,r=abc").ok());
}

TEST(ScramTest, FirstMessagesAsClientsWriteThem) {
  const auto message = ReadScramClientFirst("n,,n=a=2Cb=3Dc,r=x!y,tokenauth=true");
  // An extension has one letter as its name.
  EXPECT_FALSE(message);
  const auto escaped = ReadScramClientFirst("y,a=z,n=a=2Cb=3Dc,r=x!y,t=1");
  ASSERT_TRUE(escaped);
  EXPECT_EQ(escaped->user, "a,b=c");
  EXPECT_EQ(escaped->authorization_id, "z");
  EXPECT_EQ(escaped->nonce, "x!y");
  EXPECT_EQ(escaped->gs2_header, "y,a=z,");
  EXPECT_EQ(escaped->bare, "n=a=2Cb=3Dc,r=x!y,t=1");
}

TEST(ScramTest, WhatIsNoMessageIsRefused) {
  for (const char* wrong :
       {"", "n", "n,,", "n,,n=,r=abc", "n,,n=user", "n,,n=user,r=", "p=tls-unique,,n=user,r=abc",
        "n,,m=x,n=user,r=abc", "n,,n=us=er,r=abc", "n,,n=user,r=a c", "n,,n=user,r=abc,",
        "n,,n=user,r=abc,x", "n,user,n=user,r=abc", "N,,n=user,r=abc"}) {
    EXPECT_FALSE(ReadScramClientFirst(wrong)) << wrong;
  }
  for (const char* wrong : {"", "c=biws", "c=biws,r=abc", "c=biws,r=abc,p=*", "c=biws,r=,p=YWJj",
                            "r=abc,c=biws,p=YWJj", "c=b,r=abc,p=YWJj", "c=biws,r=abc,x,p=YWJj"}) {
    EXPECT_FALSE(ReadScramClientFinal(wrong)) << wrong;
  }
  EXPECT_TRUE(ReadScramClientFinal("c=biws,r=abc,x=y,p=YWJj"));
}

TEST(ScramTest, CredentialsTellTheirPassword) {
  for (const ScramMechanism mechanism : kScramMechanisms) {
    const ScramCredential credential = CredentialOf(mechanism, "tiger", "salt", 4096);
    EXPECT_TRUE(IsPasswordOf(mechanism, credential, "tiger"));
    EXPECT_FALSE(IsPasswordOf(mechanism, credential, "Tiger"));
    EXPECT_FALSE(IsPasswordOf(mechanism, credential, ""));
  }
}

}  // namespace
}  // namespace weir::log
