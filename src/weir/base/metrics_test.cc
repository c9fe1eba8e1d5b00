#include "weir/base/metrics.h"

#include "gtest/gtest.h"
#include "weir/base/env.h"

namespace weir {
namespace {

TEST(MetricsTest, PrometheusText) {
  MetricRegistry metrics;
  metrics.GetCounter("weir_rows_total", "Rows written.", {{"table", "b\"\\\n"}}).Add(3);
  metrics.GetCounter("weir_rows_total", "ignored", {{"table", "a"}}).Add();
  metrics.GetGauge("weir_memory_bytes", "In use.\nNow.").Set(1.5);
  Histogram& seconds = metrics.GetHistogram("weir_commit_seconds", "Commits.", {0.5, 1});
  seconds.Observe(0.5);
  seconds.Observe(0.75);
  seconds.Observe(7);
  EXPECT_EQ(metrics.PrometheusText(),
            "# HELP weir_commit_seconds Commits.\n"
            "# TYPE weir_commit_seconds histogram\n"
            "weir_commit_seconds_bucket{le=\"0.5\"} 1\n"
            "weir_commit_seconds_bucket{le=\"1\"} 2\n"
            "weir_commit_seconds_bucket{le=\"+Inf\"} 3\n"
            "weir_commit_seconds_sum 8.25\n"
            "weir_commit_seconds_count 3\n"
            "# HELP weir_memory_bytes In use.\\nNow.\n"
            "# TYPE weir_memory_bytes gauge\n"
            "weir_memory_bytes 1.5\n"
            "# HELP weir_rows_total Rows written.\n"
            "# TYPE weir_rows_total counter\n"
            "weir_rows_total{table=\"a\"} 1\n"
            "weir_rows_total{table=\"b\\\"\\\\\\n\"} 3\n");
}

TEST(MetricsTest, SameNameAndLabelsAreOneMetric) {
  MetricRegistry metrics;
  Counter& a = metrics.GetCounter("n", "", {{"k", "v"}});
  EXPECT_EQ(&a, &metrics.GetCounter("n", "", {{"k", "v"}}));
  EXPECT_NE(&a, &metrics.GetCounter("n", "", {{"k", "w"}}));
}

TEST(MetricsTest, NothingIsLostBetweenThreads) {
  MetricRegistry metrics;
  Counter& counter = metrics.GetCounter("n_total", "");
  Histogram& histogram = metrics.GetHistogram("h", "", {10});
  {
    std::vector<std::unique_ptr<Thread>> threads;
    for (int t = 0; t < 4; ++t) {
      threads.push_back(RealEnv().StartThread("add", [&] {
        for (int i = 0; i < 20'000; ++i) {
          counter.Add(2);
          histogram.Observe(1);
        }
      }));
    }
  }
  EXPECT_EQ(counter.value(), 160'000u);
  EXPECT_EQ(histogram.Take().count, 80'000u);
  EXPECT_EQ(histogram.Take().sum, 80'000);
}

TEST(MetricsTest, TooManySeriesShareOne) {
  MetricRegistry metrics;
  for (size_t i = 0; i < MetricRegistry::kSeriesMax; ++i) {
    metrics.GetCounter("n", "", {{"id", std::to_string(i)}});
  }
  Counter& more = metrics.GetCounter("n", "", {{"id", "one more"}});
  EXPECT_EQ(&more, &metrics.GetCounter("n", "", {{"id", "yet another"}}));
  EXPECT_NE(&more, &metrics.GetCounter("n", "", {{"id", "0"}}));
  more.Add(9);
  EXPECT_NE(metrics.PrometheusText().find("n{overflow=\"true\"} 9\n"), std::string::npos);
}

TEST(MetricsTest, Quantiles) {
  Histogram histogram({10, 20, 40});
  EXPECT_EQ(histogram.Take().Quantile(0.5), 0);
  for (int i = 0; i < 10; ++i) histogram.Observe(5);
  for (int i = 0; i < 10; ++i) histogram.Observe(15);
  EXPECT_DOUBLE_EQ(histogram.Take().Quantile(0.5), 10);
  EXPECT_DOUBLE_EQ(histogram.Take().Quantile(0.75), 15);
  histogram.Observe(1000);
  EXPECT_DOUBLE_EQ(histogram.Take().Quantile(1), 40);
  EXPECT_EQ(ExponentialBounds(1, 4, 3), (std::vector<double>{1, 4, 16}));
}

}  // namespace
}  // namespace weir
