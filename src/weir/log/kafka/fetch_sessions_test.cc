#include "weir/log/kafka/fetch_sessions.h"

#include "gtest/gtest.h"
#include "weir/base/sim_env.h"
#include "weir/log/testing/manual_timers.h"

namespace weir::log::kafka {
namespace {

constexpr int16_t kVersion = 12;
constexpr size_t kPartitionsMax = 4000;

class FetchSessionsTest : public ::testing::Test {
 protected:
  static FetchRequest Asking(size_t partitions, int32_t session_id = 0, int32_t epoch = 0) {
    FetchRequest request;
    request.session_id = session_id;
    request.session_epoch = epoch;
    request.topics.resize(1);
    request.topics[0].topic = "t";
    request.topics[0].partitions.resize(partitions);
    for (size_t i = 0; i < partitions; ++i) {
      request.topics[0].partitions[i].partition = static_cast<int32_t>(i);
    }
    return request;
  }
  // The id of a new session; 0 if there is none to be had.
  int32_t New(size_t partitions) {
    const FetchSessionView view = sessions_.Begin(Asking(partitions), kVersion);
    EXPECT_EQ(view.partitions.size(), partitions);
    return view.session_id;
  }
  // Adds nothing to it.
  KafkaError Use(int32_t session_id, int32_t epoch) {
    return sessions_.Begin(Asking(0, session_id, epoch), kVersion).error;
  }
  void Pass(int64_t us) { timers_.Pass(us); }

  SimEnv env_{1};
  log::testing::ManualTimers timers_;
  MetricRegistry metrics_;
  FetchSessions sessions_{env_, timers_, metrics_, kPartitionsMax};
};

TEST_F(FetchSessionsTest, ThereAreOnlySoManyAndTheIdleOneMakesRoom) {
  const int32_t first = New(2);
  for (size_t i = 1; i < FetchSessions::kSessionsMax; ++i) ASSERT_NE(New(2), 0);
  EXPECT_EQ(New(1), 0);
  EXPECT_EQ(sessions_.partitions(), 2 * FetchSessions::kSessionsMax);
  const std::string metrics = metrics_.PrometheusText();
  EXPECT_NE(metrics.find("\nweir_log_fetch_sessions 1000\n"), std::string::npos) << metrics;
  EXPECT_NE(metrics.find("\nweir_log_fetch_session_partitions 2000\n"), std::string::npos);
  EXPECT_NE(metrics.find("\nweir_log_fetch_sessions_refused_total 1\n"), std::string::npos);
  Pass(FetchSessions::kIdleUs - 1);
  EXPECT_EQ(New(1), 0);
  EXPECT_EQ(Use(first, 1), KafkaError::kNone);
  Pass(1);
  EXPECT_NE(New(1), 0);
  EXPECT_EQ(sessions_.size(), FetchSessions::kSessionsMax);
  EXPECT_EQ(Use(first, 2), KafkaError::kNone);
}

TEST_F(FetchSessionsTest, ASessionIsItsOwnersOnly) {
  const int32_t id = sessions_.Begin(Asking(2), kVersion, "User:alice").session_id;
  const FetchSessionView guessed = sessions_.Begin(Asking(0, id, 1), kVersion, "User:eve");
  EXPECT_EQ(guessed.error, KafkaError::kFetchSessionIdNotFound);
  EXPECT_TRUE(guessed.partitions.empty());
  sessions_.Begin(Asking(0, id, -1), kVersion, "User:eve");  // ends hers
  const FetchSessionView own = sessions_.Begin(Asking(0, id, 1), kVersion, "User:alice");
  EXPECT_EQ(own.error, KafkaError::kNone);
  EXPECT_EQ(own.partitions.size(), 2u);
}

// Each would be kept with its name.
TEST_F(FetchSessionsTest, NamesThatNoTopicCanHaveAreNotKept) {
  FetchRequest long_name = Asking(1);
  long_name.topics[0].topic = std::string(250, 'x');
  const FetchSessionView view = sessions_.Begin(long_name, kVersion);
  EXPECT_EQ(view.error, KafkaError::kNone);
  EXPECT_EQ(view.session_id, 0);
  EXPECT_EQ(view.partitions.size(), 1u);
  EXPECT_EQ(sessions_.partitions(), 0u);
  long_name.session_id = New(2);
  long_name.session_epoch = 1;
  EXPECT_EQ(sessions_.Begin(long_name, kVersion).error, KafkaError::kFetchSessionIdNotFound);
  EXPECT_EQ(sessions_.partitions(), 0u);
}

TEST_F(FetchSessionsTest, ALargerOneTakesThePlaceOfTheSmallestThatIsOldEnough) {
  std::vector<int32_t> ids;
  for (size_t i = 0; i < FetchSessions::kSessionsMax; ++i) ids.push_back(New(i == 7 ? 2 : 3));
  Pass(FetchSessions::kIdleUs - 1);
  for (const int32_t id : ids) ASSERT_EQ(Use(id, 1), KafkaError::kNone);
  EXPECT_EQ(New(100), 0);  // none is old enough
  Pass(1);
  EXPECT_EQ(New(2), 0);  // none is smaller
  EXPECT_NE(New(3), 0);
  EXPECT_EQ(Use(ids[7], 2), KafkaError::kFetchSessionIdNotFound);
  EXPECT_EQ(Use(ids[8], 2), KafkaError::kNone);
}

TEST_F(FetchSessionsTest, TheirPartitionsTogetherAreLimited) {
  constexpr size_t kHalf = kPartitionsMax / 2;
  EXPECT_EQ(New(kPartitionsMax + 1), 0);
  const int32_t half = New(kHalf);
  const int32_t other = New(kHalf - 1);
  EXPECT_NE(half, 0);
  EXPECT_EQ(New(2), 0);
  EXPECT_NE(New(1), 0);
  // One that grows beyond it is gone; its consumer asks for everything, without a session.
  EXPECT_EQ(sessions_.Begin(Asking(kHalf, other, 1), kVersion).error,
            KafkaError::kFetchSessionIdNotFound);
  EXPECT_EQ(sessions_.partitions(), kHalf + 1);
  EXPECT_EQ(Use(other, 1), KafkaError::kFetchSessionIdNotFound);
  EXPECT_NE(New(kHalf - 1), 0);
  // What a consumer ends leaves room.
  EXPECT_EQ(sessions_.Begin(Asking(0, half, -1), kVersion).error, KafkaError::kNone);
  EXPECT_EQ(sessions_.partitions(), kHalf);
}

TEST_F(FetchSessionsTest, OfManyPartitionsEachIsReadOnce) {
  FetchRequest request = Asking(2000);
  request.session_epoch = -1;
  for (auto& partition : request.topics[0].partitions) partition.partition %= 10;
  EXPECT_EQ(sessions_.Begin(request, kVersion).partitions.size(), 10u);
}

}  // namespace
}  // namespace weir::log::kafka
