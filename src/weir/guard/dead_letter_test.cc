#include "weir/guard/dead_letter.h"

#include "gtest/gtest.h"

namespace weir::guard {
namespace {

TEST(DeadLetterTest, HeadersHaveConnectsNames) {
  const auto headers = DeadLetterHeaders(
      {"orders", 3, 17, "orders_clean", "VALUE_CONVERTER", "parses", "no number"});
  const std::vector<std::pair<std::string, std::string>> expected = {
      {"__connect.errors.topic", "orders"},
      {"__connect.errors.partition", "3"},
      {"__connect.errors.offset", "17"},
      {"__connect.errors.connector.name", "orders_clean"},
      {"__connect.errors.stage", "VALUE_CONVERTER"},
      {"__connect.errors.exception.class.name", "parses"},
      {"__connect.errors.exception.message", "no number"}};
  EXPECT_EQ(headers, expected);
}

TEST(DeadLetterTest, TextSaysWhereItCameFromAndWhy) {
  std::map<std::string, std::optional<std::string>> headers;
  EXPECT_EQ(DeadLetterText(headers), std::nullopt);
  for (const auto& [name, value] :
       DeadLetterHeaders({"orders", 3, 17, "clean", "VALUE_CONVERTER", "parses", "no number"})) {
    EXPECT_TRUE(IsDeadLetterHeader(name));
    headers[name] = value;
  }
  EXPECT_EQ(DeadLetterText(headers),
            "dead letter: from orders/3 at 17, by clean, at VALUE_CONVERTER: parses: no number");
  headers["__connect.errors.exception.message"] = std::nullopt;
  EXPECT_EQ(DeadLetterText(headers),
            "dead letter: from orders/3 at 17, by clean, at VALUE_CONVERTER: parses");
  EXPECT_FALSE(IsDeadLetterHeader("trace"));
}

}  // namespace
}  // namespace weir::guard
