#include "weir/log/kafka/broker.h"

#include "gtest/gtest.h"
#include "weir/base/sim_env.h"
#include "weir/base/testing/clock_env.h"
#include "weir/log/testing/manual_timers.h"
#include "weir/log/testing/test_batch.h"

namespace weir::log::kafka {
namespace {

constexpr int64_t kHourUs = int64_t{3600} * 1'000'000;

// What it sends again must be known, also when somebody sets the clock meanwhile.
TEST(BrokerTest, SilentProducersAreForgottenByTimeNotByTheClock) {
  SimEnv sim(1);
  weir::testing::ClockEnv env(sim);
  MetricRegistry metrics;
  log::testing::ManualTimers timers;
  EventLogOptions options;
  options.journal.folder = "/log";
  EventLogRecovery recovery;
  auto opened = EventLog::Open(env, metrics, options, &recovery);
  ASSERT_TRUE(opened.ok());
  EventLog& log = **opened;
  Broker broker(env, metrics, log, timers, {});
  Position end = 0;
  std::string message;
  ASSERT_EQ(broker.CreateTopic("t", 1, {{"retention.ms", "-1"}}, &end, &message),
            KafkaError::kNone);
  const uint32_t number = log.topics().Find("t")->partitions[0];
  const std::string bytes(log::testing::TestBatch(1).Producer(7, 0, 0).bytes());
  NewBatch batch;
  batch.partition = number;
  batch.bytes = bytes;
  batch.header = *ReadBatchHeader(bytes);
  ASSERT_EQ(log.Append(batch).error, KafkaError::kNone);
  const auto known = [&] { return log.FindPartition(number)->producers().producers().size(); };

  env.Jump(48 * kHourUs);
  timers.Pass(2'000'000);
  EXPECT_EQ(known(), 1u);
  EXPECT_EQ(log.Append(batch).base_offset, 0);
  env.Jump(-96 * kHourUs);
  sim.SleepMicros(25 * kHourUs);
  timers.Pass(2'000'000);
  EXPECT_EQ(known(), 0u);
}

}  // namespace
}  // namespace weir::log::kafka
