#include "weir/base/span.h"

#include "gtest/gtest.h"
#include "weir/base/json.h"

namespace weir {
namespace {

TEST(SpanTest, TreeWithAttributes) {
  SpanLog log(RealEnv());
  {
    ScopedSpan run(log, "run");
    run.Set("file", "flights.sql").Set("ok", true).Set("share", 0.5);
    ScopedSpan table(log, "table", run);
    const uint64_t rows = 42;
    table.Set("rows_in", rows).Add("rows_out", 40).Add("rows_out", 2);
    table.Set("name", std::string("flights"));
  }
  const std::vector<Span> spans = log.Spans();
  ASSERT_EQ(spans.size(), 2u);
  EXPECT_EQ(spans[0].name, "run");
  EXPECT_EQ(spans[0].parent, 0u);
  EXPECT_EQ(spans[1].parent, spans[0].id);
  EXPECT_EQ(spans[0].Text("file"), "flights.sql");
  EXPECT_TRUE(spans[0].Flag("ok"));
  EXPECT_EQ(spans[0].Real("share"), 0.5);
  EXPECT_EQ(spans[1].Int("rows_in"), 42);
  EXPECT_EQ(spans[1].Real("rows_in"), 42.0);
  EXPECT_EQ(spans[1].Int("rows_out"), 42);
  EXPECT_EQ(spans[1].Text("name"), "flights");
  EXPECT_EQ(spans[1].Int("name", -1), -1);  // another type
  EXPECT_EQ(spans[1].Int("none", -1), -1);
  EXPECT_LE(spans[0].start_ns, spans[1].start_ns);
  EXPECT_LE(spans[1].end_ns, spans[0].end_ns);
  EXPECT_GE(spans[1].duration_ns(), 0);
}

TEST(SpanTest, EndsOnceAlsoWhenMoved) {
  SpanLog log(RealEnv());
  {
    ScopedSpan first(log, "a");
    ScopedSpan second(std::move(first));
    second.End();
    second.End();
  }
  EXPECT_EQ(log.Spans().size(), 1u);
}

TEST(SpanTest, AFullLogKeepsTheRootAndCountsTheRest) {
  SpanLog log(RealEnv(), 3);
  {
    ScopedSpan run(log, "run");
    for (int i = 0; i < 10; ++i) ScopedSpan step(log, "step", run);
  }
  const std::vector<Span> spans = log.Spans();
  ASSERT_EQ(spans.size(), 3u);
  EXPECT_EQ(spans[0].name, "run");
  EXPECT_EQ(log.dropped(), 8u);
}

TEST(SpanTest, ThreadsShareALog) {
  SpanLog log(RealEnv());
  {
    ScopedSpan run(log, "run");
    std::vector<std::unique_ptr<Thread>> threads;
    for (int t = 0; t < 4; ++t) {
      threads.push_back(RealEnv().StartThread("spans", [&log, parent = run.id()] {
        for (int i = 0; i < 500; ++i) ScopedSpan(log, "step", parent).Set("i", i);
      }));
    }
  }
  EXPECT_EQ(log.Spans().size(), 2001u);
}

TEST(SpanTest, Json) {
  SpanLog log(RealEnv(), 1);
  ScopedSpan(log, "run").Set("file", "caf\xe9").Set("n", 7).Set("x", 0.5).Set("ok", false);
  ScopedSpan(log, "more");
  const Json json = *ParseJson(log.ToJson());
  EXPECT_EQ(json["dropped"], 1);
  ASSERT_EQ(json["spans"].size(), 1u);
  const Json& span = json["spans"][0];
  EXPECT_EQ(span["id"], 1);
  EXPECT_EQ(span["name"], "run");
  EXPECT_EQ(span["attributes"]["file"], "caf\xEF\xBF\xBD");  // not UTF-8: replaced
  EXPECT_EQ(span["attributes"]["n"], 7);
  EXPECT_EQ(span["attributes"]["x"], 0.5);
  EXPECT_EQ(span["attributes"]["ok"], false);
}

}  // namespace
}  // namespace weir
