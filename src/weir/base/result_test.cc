#include "weir/base/result.h"

#include <memory>

#include "gtest/gtest.h"

namespace weir {
namespace {

Result<int> Half(int n) {
  if (n % 2 != 0) return Error::User(ErrorCode::kInvalid, std::to_string(n) + " is odd");
  return n / 2;
}

Status QuarterInto(int n, int& out) {
  WEIR_ASSIGN_OR_RETURN(const int half, Half(n));
  WEIR_ASSIGN_OR_RETURN(out, Half(half));
  return Status::Ok();
}

Result<int> Checked(int n) {
  int quarter = 0;
  WEIR_RETURN_IF_ERROR(QuarterInto(n, quarter));
  return quarter;
}

TEST(ResultTest, MacrosPassValuesAndErrors) {
  EXPECT_EQ(*Checked(12), 3);
  const auto odd = Checked(6);
  ASSERT_FALSE(odd.ok());
  EXPECT_EQ(odd.error().code(), ErrorCode::kInvalid);
  EXPECT_EQ(odd.error().message(), "3 is odd");
  EXPECT_FALSE(odd.status().ok());
}

TEST(ResultTest, HoldsWhatCanOnlyBeMoved) {
  Result<std::unique_ptr<int>> result = std::make_unique<int>(7);
  std::unique_ptr<int> taken = *std::move(result);
  EXPECT_EQ(*taken, 7);
}

struct Base {
  virtual ~Base() = default;
};
struct Derived : Base {};

TEST(ResultTest, DerivedPointersConvert) {
  const auto make = []() -> Result<std::unique_ptr<Base>> { return std::make_unique<Derived>(); };
  EXPECT_NE(*make(), nullptr);
}

TEST(ErrorTest, TextHasPlaceMessageExcerptAndFix) {
  const Error error = Error::User(ErrorCode::kNotFound, "no column 'arr_dely'")
                          .At("flights.sql:12:9")
                          .Excerpt("SELECT arr_dely\n       ^")
                          .Fix("did you mean 'arr_delay'?");
  EXPECT_EQ(error.ToString(),
            "flights.sql:12:9: no column 'arr_dely'\n"
            "  SELECT arr_dely\n"
            "         ^\n"
            "  fix: did you mean 'arr_delay'?");
}

TEST(ErrorTest, TheInnermostPlaceAndFixStay) {
  Error error = Error::Operator(ErrorCode::kIo, "read failed").At("inner").Fix("first");
  error = std::move(error).At("outer").Fix("second").While("loading");
  EXPECT_EQ(error.ToString(), "inner: loading: read failed\n  fix: first");
}

TEST(ErrorTest, ExitCodesFollowTheActor) {
  EXPECT_EQ(Error::Data(ErrorCode::kContract, "").ExitCode(), 1);
  EXPECT_EQ(Error::User(ErrorCode::kInvalid, "").ExitCode(), 2);
  EXPECT_EQ(Error::Operator(ErrorCode::kIo, "").ExitCode(), 3);
  EXPECT_EQ(Error::Retry(ErrorCode::kConflict, "").ExitCode(), 3);
  EXPECT_EQ(Error::Bug("").ExitCode(), 4);
}

}  // namespace
}  // namespace weir
