#include "weir/observe/run_report.h"

#include <gtest/gtest.h>

#include "weir/base/sim_env.h"
#include "weir/observe/report_text.h"
#include "weir/observe/run_history.h"

namespace weir::observe {
namespace {

constexpr const char* kChecks = R"({"contract":"","score":0.5,"rows":{},"checks":[
  {"name":"flew","kind":"row","check":"delay IS NOT NULL","action":"QUARANTINE","checked":10,
   "passed":8,"failed":2,"errors":0,"by_action":{},
   "sample":[{"file":"a.csv","position":47,"length":9,"values":"delay = NULL"}]},
  {"name":"fresh","kind":"fresh","check":"FRESH","action":"WARN","passed":false,"measured":7200,
   "rows":10,"broken":0,"detail":"newest row is 2 h old"},
  {"name":"few","kind":"ratio","check":"rows without a","action":"FAIL","passed":true,"measured":1,
   "rows":10,"broken":1,"detail":"1 (1 of 10 rows), must be < 5"},
  {"name":"fine","kind":"row","check":"true","action":"FAIL","checked":10,"passed":10,"failed":0,
   "sample":[{"file":"orders/3","position":17,"length":9,"unit":"offset","values":"a = 1"}]}
]})";

class RunReportTest : public testing::Test {
 protected:
  RunReport MakeReport(const std::string& id = "0123456789abcdef", int64_t rows = 8) {
    SpanLog log(env_);
    {
      ScopedSpan run(log, "run");
      run.Set("run", id).Set("project", "shop");
      {
        ScopedSpan table(log, "table", run);
        table.Set("table", "flights").Set("flow", "flights");
        table.Set("refresh", "appended").Set("reason", "1 new file of raw");
        {
          ScopedSpan write(log, "write", table);
          env_.SleepMicros(3'000'000);
        }
        {
          ScopedSpan commit(log, "commit", table);
          env_.SleepMicros(1'000'000);
        }
        table.Set("rows_in", 10).Set("rows_out", rows).Set("rows_quarantined", 10 - rows);
        table.Set("bytes_read", 4000).Set("epoch", 3).Set("version", 7);
        table.Set("cpu_seconds", 3.5).Set("peak_memory_bytes", 900).Set("checks", kChecks);
      }
      ScopedSpan skipped(log, "table", run);
      skipped.Set("table", "hourly").Set("skipped", "flights failed");
    }
    RunReport report = ReportFromSpans(log.Spans(), {{"flights", {500, 123}}});
    report.cpus = report.threads = 2;
    report.started_us = 1359615609'000000 + static_cast<int64_t>(++runs_) * 1'000'000;
    return report;
  }

  SimEnv env_{7};
  int runs_ = 0;
};

TEST_F(RunReportTest, IsMadeOfTheSpans) {
  const RunReport report = MakeReport();
  EXPECT_EQ(report.project, "shop");
  ASSERT_EQ(report.tables.size(), 2u);
  const TableFigures& flights = report.tables[0];
  EXPECT_EQ(flights.refresh, "appended");
  EXPECT_EQ(flights.rows_in, 10);
  EXPECT_EQ(flights.rejected(), 2);
  EXPECT_EQ(flights.version, 7);
  EXPECT_NEAR(flights.seconds, 4, 0.1);
  EXPECT_NEAR(flights.step_seconds.at("write"), 3, 0.1);
  EXPECT_EQ(flights.peak_memory_bytes, 500) << "the sample of this table, not the whole run's peak";
  EXPECT_EQ(flights.spill_bytes, 123);
  ASSERT_EQ(flights.checks.size(), 4u);
  EXPECT_EQ(flights.checks[0].failed, 2);
  EXPECT_EQ(flights.checks[0].example, "a.csv at byte 47: delay = NULL");
  EXPECT_EQ(flights.checks.back().example, "orders/3 at offset 17: a = 1");
  EXPECT_EQ(flights.checks[1].detail, "newest row is 2 h old");
  EXPECT_EQ(flights.checks[1].failed, 1) << "a table check that failed counts as broken";
  EXPECT_EQ(flights.checks[2].failed, 0) << "one that holds is not broken by what it allows";
  EXPECT_EQ(ReportText(report, 200).find("few: "), std::string::npos);
  EXPECT_EQ(report.tables[1].skipped, "flights failed");
  EXPECT_EQ(report.Slowest(), &flights);
}

TEST_F(RunReportTest, ALogWithoutARunGivesAnEmptyReport) {
  EXPECT_TRUE(ReportFromSpans({}, {}).tables.empty());
}

TEST_F(RunReportTest, ComesBackFromJsonAsItWent) {
  const RunReport report = MakeReport();
  const std::string json = ToText(ReportJson(report));
  auto back = ReportFromJson(json);
  ASSERT_TRUE(back.ok()) << back.error().ToString();
  EXPECT_EQ(ToText(ReportJson(*back)), json);
  EXPECT_EQ(back->tables[0].checks[1].detail, "newest row is 2 h old");
}

TEST_F(RunReportTest, JsonOfOthersIsRefused) {
  EXPECT_EQ(ReportFromJson("{}").error().code(), ErrorCode::kCorrupt);
  EXPECT_EQ(ReportFromJson("[1]").error().code(), ErrorCode::kCorrupt);
  EXPECT_EQ(ReportFromJson("{\"format\":99}").error().code(), ErrorCode::kUnsupported);
}

TEST_F(RunReportTest, TextNamesRowsChecksAndTheBottleneck) {
  const std::string text = ReportText(MakeReport(), 0);
  EXPECT_NE(text.find("flights  appended: 1 new file of raw"), std::string::npos) << text;
  EXPECT_NE(text.find("flew: 2 of 10 rows broke it, QUARANTINE (a.csv at byte 47: delay = NULL)"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("hourly  skipped, as flights failed"), std::string::npos) << text;
  EXPECT_EQ(text.find("fine"), std::string::npos) << "a check that holds is no news";
  EXPECT_NE(text.find("\nbottleneck: "), std::string::npos) << text;
}

TEST_F(RunReportTest, ANarrowTerminalHidesNoPlace) {
  const std::string text = ReportText(MakeReport(), 40);
  EXPECT_NE(text.find("(a.csv at byte 47: delay = NULL)"), std::string::npos) << text;
  EXPECT_LE(text.find('\n'), 40u) << text;
}

TEST_F(RunReportTest, NotesOfManyFilesAreCutShort) {
  RunReport report = MakeReport();
  for (int i = 0; i < 1000; ++i) {
    report.tables[0].notes.push_back(std::to_string(i) + ".csv: a note");
  }
  const std::string text = ReportText(report, 0);
  EXPECT_NE(text.find("\n  9.csv: a note\n  and 990 notes more"), std::string::npos) << text;
  EXPECT_EQ(text.find("10.csv"), std::string::npos);
}

TEST_F(RunReportTest, PrometheusTextHasALineATable) {
  const std::string text = ReportPrometheus(MakeReport());
  EXPECT_NE(text.find("weir_table_rows_out{project=\"shop\",table=\"flights\"} 8\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("weir_table_failed{project=\"shop\",table=\"hourly\"} 1\n"),
            std::string::npos);
  EXPECT_NE(text.find("check=\"flew\""), std::string::npos);
}

TEST_F(RunReportTest, ComparesTableByTable) {
  const RunReport a = MakeReport("a", 8);
  RunReport b = MakeReport("b", 4);
  b.tables.pop_back();
  const std::string text = CompareText(a, b, 0);
  EXPECT_NE(text.find("8 -> 4"), std::string::npos) << text;
  EXPECT_NE(text.find("-50 %"), std::string::npos) << text;
  EXPECT_NE(text.find("2 -> 6"), std::string::npos) << "rejected: " << text;
  EXPECT_NE(text.find("only in A"), std::string::npos) << text;
  const OrderedJson json = CompareJson(a, b);
  EXPECT_EQ(json["tables"][0]["rows_out"][1].get<int64_t>(), 4);
  EXPECT_FALSE(json["tables"][1]["in_b"].get<bool>());
}

TEST_F(RunReportTest, HistoryFindsByBeginningAndByAge) {
  RunHistory history(env_, "w/runs");
  EXPECT_EQ(history.Find("last").error().code(), ErrorCode::kNotFound);
  for (const char* id : {"aa11", "ab22", "cc33"}) {
    ASSERT_TRUE(history.Save(MakeReport(id)).ok());
  }
  auto newest = history.Newest(2);
  ASSERT_TRUE(newest.ok());
  ASSERT_EQ(newest->size(), 2u);
  EXPECT_EQ((*newest)[0].run, "cc33");
  EXPECT_EQ((*newest)[1].run, "ab22");
  EXPECT_EQ(history.Find("last")->run, "cc33");
  EXPECT_EQ(history.Find("last~2")->run, "aa11");
  EXPECT_EQ(history.Find("last~3").error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(history.Find("last~").error().code(), ErrorCode::kInvalid);
  EXPECT_EQ(history.Find("ab")->run, "ab22");
  EXPECT_EQ(history.Find("a").error().code(), ErrorCode::kInvalid);
  EXPECT_EQ(history.Find("zz").error().code(), ErrorCode::kNotFound);
}

TEST_F(RunReportTest, HistoryKeepsTheNewestOnly) {
  RunHistory history(env_, "w/runs");
  const int more = 3;
  for (size_t i = 0; i < RunHistory::kRunsMax + more; ++i) {
    ASSERT_TRUE(history.Save(MakeReport("r" + std::to_string(i))).ok());
  }
  auto all = history.Newest(2 * RunHistory::kRunsMax);
  ASSERT_TRUE(all.ok());
  EXPECT_EQ(all->size(), RunHistory::kRunsMax);
  EXPECT_EQ(all->front().run, "r1002");
  EXPECT_EQ(all->back().run, "r3");
}

}  // namespace
}  // namespace weir::observe
