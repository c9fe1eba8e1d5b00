#include "weir/base/json.h"

#include "gtest/gtest.h"

namespace weir {
namespace {

TEST(JsonTest, ParsesAndNamesTheByteOfAnError) {
  const auto good = ParseJson(R"({"a": [1, "x"], "b": null})");
  ASSERT_TRUE(good.ok());
  EXPECT_EQ((*good)["a"][1], "x");
  const auto bad = ParseJson(R"({"a": })");
  ASSERT_FALSE(bad.ok());
  EXPECT_EQ(bad.error().code(), ErrorCode::kInvalid);
  EXPECT_NE(bad.error().message().find("at byte 7"), std::string::npos) << bad.error().message();
}

TEST(JsonTest, IsStrict) {
  EXPECT_FALSE(ParseJson("").ok());
  EXPECT_FALSE(ParseJson("{} {}").ok());
  EXPECT_FALSE(ParseJson("{} // why").ok());
  EXPECT_FALSE(ParseJson("\"\xff\"").ok());
  EXPECT_FALSE(ParseJson("1e999").ok());
}

TEST(JsonTest, RefusesDeepNesting) {
  const auto nested = [](int levels) {
    return std::string(static_cast<size_t>(levels), '[') +
           std::string(static_cast<size_t>(levels), ']');
  };
  EXPECT_TRUE(ParseJson(nested(kJsonDepthMax)).ok());
  EXPECT_FALSE(ParseJson(nested(kJsonDepthMax + 1)).ok());
  EXPECT_FALSE(ParseJson(std::string(10'000'000, '[')).ok());
  // Brackets in strings are no nesting.
  EXPECT_TRUE(ParseJson("\"\\\"" + std::string(1000, '[') + "\"").ok());
}

TEST(JsonTest, DumpRefusesAndTextReplacesWhatIsNotUtf8) {
  EXPECT_EQ(*DumpJson(Json{{"b", 1}, {"a", "é"}}), R"({"a":"é","b":1})");
  EXPECT_EQ(*DumpJson(OrderedJson{{"b", 1}, {"a", 2}}), R"({"b":1,"a":2})");
  EXPECT_EQ(DumpJson(Json("\xff")).error().code(), ErrorCode::kInvalid);
  EXPECT_EQ(ToText(Json("a\xff")), "\"a\xEF\xBF\xBD\"");
}

TEST(JsonTest, FieldsSayWhatIsWrong) {
  const Json object = *ParseJson(R"({"s": "x", "n": -5, "u": 18446744073709551615, "f": 1.5})");
  EXPECT_EQ(*StringField(object, "s"), "x");
  EXPECT_EQ(*Int64Field(object, "n"), -5);
  EXPECT_EQ(*Uint64Field(object, "u"), 18446744073709551615u);
  EXPECT_FALSE(Int64Field(object, "u").ok());
  EXPECT_FALSE(Uint64Field(object, "n").ok());
  EXPECT_FALSE(Int64Field(object, "f").ok());
  EXPECT_FALSE(StringField(Json(5), "s").ok());
  EXPECT_EQ(StringField(object, "n").error().message(),
            "JSON member 'n' is number, expected a string");
  EXPECT_EQ(StringField(object, "z").error().message(),
            "JSON member 'z' is missing, expected a string");
}

}  // namespace
}  // namespace weir
