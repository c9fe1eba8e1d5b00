#include "weir/epoch/manifest.h"

#include "gtest/gtest.h"
#include "weir/base/checksum.h"
#include "weir/base/env.h"
#include "weir/base/json.h"

namespace weir::epoch {
namespace {

Manifest Example() {
  Manifest manifest;
  manifest.flow_id = "flights";
  manifest.epoch = 7;
  manifest.now_us = 1'767'225'600'000'000;
  manifest.run_id = "2026-01-01T00:00:00Z-1";
  manifest.definition = "CREATE TABLE flights AS\nSELECT * FROM \"données\"";
  manifest.query_hash = "00112233445566778899aabbccddeeff";
  manifest.contract_hash = "";
  manifest.positions = {{"raw", R"({"files":[["a.csv",120,"ff"]]})"}, {"weather", "line\nline"}};
  manifest.tokens = {{"flights__quarantine", ""}, {"flights", R"({"add":["x.parquet"]})"}};
  manifest.facts = R"({"rejected":3})";
  return manifest;
}

std::string Encoded(const Manifest& manifest) {
  auto bytes = EncodeManifest(manifest);
  EXPECT_TRUE(bytes.ok());
  return bytes.ok() ? *bytes : "";
}

// A file with a right header around any rest.
std::string Sealed(const std::string& rest, int version = 1) {
  return ToText(OrderedJson{{"weir", "epoch-manifest"},
                            {"version", version},
                            {"bytes", rest.size()},
                            {"xxh3", Hex64(Xxh3(rest))}}) +
         "\n" + rest;
}

ErrorCode CodeOf(const std::string& bytes) {
  const auto manifest = DecodeManifest(bytes);
  EXPECT_FALSE(manifest.ok()) << bytes;
  return manifest.ok() ? ErrorCode::kInternal : manifest.error().code();
}

TEST(ManifestTest, RoundTrip) {
  const auto decoded = DecodeManifest(Encoded(Example()));
  ASSERT_TRUE(decoded.ok()) << decoded.error().ToString();
  EXPECT_EQ(*decoded, Example());
  Manifest smallest;
  smallest.flow_id = "f";
  smallest.epoch = UINT64_MAX;
  smallest.now_us = -1;
  EXPECT_EQ(*DecodeManifest(Encoded(smallest)), smallest);
}

// The golden file was written by the first release of the format and never changes.
TEST(ManifestTest, GoldenFileOfVersion1) {
  const auto golden =
      RealEnv().ReadFile(JoinPath(WEIR_SOURCE_DIR, "tests/golden/epoch_manifest_v1.json"));
  ASSERT_TRUE(golden.ok()) << golden.error().ToString();
  const auto decoded = DecodeManifest(*golden);
  ASSERT_TRUE(decoded.ok()) << decoded.error().ToString();
  EXPECT_EQ(*decoded, Example());
  EXPECT_EQ(Encoded(Example()), *golden);
}

TEST(ManifestTest, EveryChangedByteIsFound) {
  const std::string bytes = Encoded(Example());
  for (size_t i = 0; i < bytes.size(); ++i) {
    for (const int bit : {0, 3, 7}) {
      std::string changed = bytes;
      changed[i] = static_cast<char>(changed[i] ^ (1 << bit));
      EXPECT_FALSE(DecodeManifest(changed).ok()) << "byte " << i << " bit " << bit;
    }
  }
}

TEST(ManifestTest, EveryCutAndAdditionIsFound) {
  const std::string bytes = Encoded(Example());
  for (size_t n = 0; n < bytes.size(); ++n) {
    EXPECT_EQ(CodeOf(bytes.substr(0, n)), ErrorCode::kCorrupt) << n;
  }
  EXPECT_EQ(CodeOf(bytes + "\n"), ErrorCode::kCorrupt);
}

TEST(ManifestTest, ALaterVersionIsRefusedByName) {
  const auto later = DecodeManifest(Sealed("anything", 2));
  ASSERT_FALSE(later.ok());
  EXPECT_EQ(later.error().code(), ErrorCode::kUnsupported);
  EXPECT_NE(later.error().message().find("version 2"), std::string::npos);
}

TEST(ManifestTest, RightChecksumsAroundWrongContentsAreCorrupt) {
  EXPECT_EQ(CodeOf(Sealed("")), ErrorCode::kCorrupt);
  EXPECT_EQ(CodeOf(Sealed("[]\n\n")), ErrorCode::kCorrupt);
  EXPECT_EQ(CodeOf(Sealed("{}\n\n")), ErrorCode::kCorrupt);
  const std::string good = Encoded(Example());
  const std::string rest = good.substr(good.find('\n') + 1);
  ASSERT_TRUE(DecodeManifest(Sealed(rest)).ok());
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string changed = rest;
    const size_t at = changed.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return Sealed(changed.replace(at, from.size(), to));
  };
  EXPECT_EQ(CodeOf(with(R"("epoch":7)", R"("epoch":0)")), ErrorCode::kCorrupt);
  EXPECT_EQ(CodeOf(with(R"("epoch":7)", R"("epoch":-7)")), ErrorCode::kCorrupt);
  EXPECT_EQ(CodeOf(with(R"("sink":"flights")", R"("sink":"flights__quarantine")")),
            ErrorCode::kCorrupt);
  EXPECT_EQ(CodeOf(with(R"("source":"weather")", R"("source":"raw")")), ErrorCode::kCorrupt);
  EXPECT_EQ(CodeOf(with(R"("facts_bytes":14)", R"("facts_bytes":18446744073709551615)")),
            ErrorCode::kCorrupt);
  EXPECT_TRUE(DecodeManifest(with(R"({"flow_id")", R"({"later":[1],"flow_id")")).ok());
}

TEST(ManifestTest, RefusesToWriteWhatItCouldNotRead) {
  Manifest manifest = Example();
  manifest.epoch = 0;
  EXPECT_FALSE(EncodeManifest(manifest).ok());
  manifest = Example();
  manifest.flow_id = "";
  EXPECT_FALSE(EncodeManifest(manifest).ok());
  manifest = Example();
  manifest.tokens.push_back(manifest.tokens[0]);
  EXPECT_FALSE(EncodeManifest(manifest).ok());
  manifest = Example();
  manifest.definition = "\xff";
  EXPECT_EQ(EncodeManifest(manifest).error().code(), ErrorCode::kInvalid);
  manifest = Example();
  manifest.positions["raw"] = std::string("\xff\0\n", 3);  // any bytes
  EXPECT_EQ(*DecodeManifest(Encoded(manifest)), manifest);
}

}  // namespace
}  // namespace weir::epoch
