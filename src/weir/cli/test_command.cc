// weir test: runs a project over small inputs into a temporary warehouse and compares its tables
// with the rows expected.
//
//   tests/NAME/input/SOURCE.csv    read in place of the source (also .json, .parquet, .txt)
//   tests/NAME/expect/TABLE.csv    the rows that must come out, in any order; its header says which
//                                  columns are compared
#include <fmt/core.h>

#include <CLI/CLI.hpp>

#include "duckdb/main/connection.hpp"
#include "duckdb/main/materialized_query_result.hpp"
#include "weir/base/checksum.h"
#include "weir/cli/commands.h"
#include "weir/cli/result_output.h"
#include "weir/cli/terminal.h"
#include "weir/columnar/duckdb_error.h"
#include "weir/observe/quantity.h"

namespace weir::cli {

namespace {

using columnar::QuoteLiteral;
using columnar::QuoteName;

constexpr int64_t kRowsShown = 10;

struct TestFlags {
  ProjectFlags project;
  std::string only;
  bool keep = false;
};

std::string Stem(const std::string& file) { return file.substr(0, file.find('.')); }

// Files of a folder, by the lower-case name that they are for.
Result<std::map<std::string, std::string>> FilesByName(Env& env, const std::string& folder) {
  std::map<std::string, std::string> files;
  if (!env.Exists(folder)) return files;
  WEIR_ASSIGN_OR_RETURN(const std::vector<FileInfo> entries, env.ListDir(folder));
  for (const FileInfo& entry : entries) {
    if (!entry.is_directory && entry.path[0] != '.') {
      files[sql::ToLower(Stem(entry.path))] = entry.path;
    }
  }
  return files;
}

// One folder of tests/.
class ProjectTest {
 public:
  ProjectTest(Env& env, server::ProjectOptions options, std::string folder, std::string name,
              bool keep)
      : env_(env),
        options_(std::move(options)),
        folder_(std::move(folder)),
        name_(std::move(name)),
        keep_(keep) {}

  // Whether it passed; prints what is different.
  Result<bool> Run() {
    const std::string inputs = JoinPath(JoinPath(JoinPath(folder_, "tests"), name_), "input");
    WEIR_ASSIGN_OR_RETURN(const auto fixtures, FilesByName(env_, inputs));
    if (fixtures.empty()) {
      return Error::User(ErrorCode::kNotFound, "no input files").At(inputs);
    }
    for (const auto& [source, file] : fixtures) {
      // Relative to the project's folder, as the paths of its sources are.
      options_.fixtures[source] = JoinPath(JoinPath("tests/" + name_, "input"), file);
    }
    options_.warehouse =
        JoinPath(JoinPath(folder_, ".weir/test"), name_ + "-" + Hex64(env_.RandomU64()));
    auto passed = RunIn();
    if (keep_) {
      fmt::print("the tables are in {}\n", options_.warehouse);
    } else {
      WEIR_RETURN_IF_ERROR(env_.RemoveTree(options_.warehouse));
    }
    return passed;
  }

 private:
  Result<bool> RunIn() {
    WEIR_ASSIGN_OR_RETURN(runtime_, server::ProjectRuntime::Open(env_, options_));
    sql::RunSettings settings;
    settings.run_id = Hex64(env_.RandomU64());
    WEIR_ASSIGN_OR_RETURN(const sql::ProjectOutcome outcome, runtime_->Run(settings));
    for (const sql::FlowResult& flow : outcome.flows) {
      if (flow.error) return *flow.error;
    }
    WEIR_RETURN_IF_ERROR(sql::DefineEverything(runtime_->session(), runtime_->prepared(),
                                               runtime_->catalog(), runtime_->now_us()));
    const std::string folder = JoinPath(JoinPath(JoinPath(folder_, "tests"), name_), "expect");
    WEIR_ASSIGN_OR_RETURN(const auto expected, FilesByName(env_, folder));
    if (expected.empty()) {
      return Error::User(ErrorCode::kNotFound, "nothing is expected")
          .At(folder)
          .Fix("write TABLE.csv with the rows that must come out");
    }
    bool passed = true;
    for (const auto& [table, file] : expected) {
      WEIR_ASSIGN_OR_RETURN(const bool equal, Compare(Stem(file), JoinPath(folder, file)));
      passed &= equal;
    }
    return passed;
  }

  Result<std::unique_ptr<duckdb::MaterializedQueryResult>> Query(const std::string& sql) {
    return runtime_->engine().Query(runtime_->session().connection(), sql);
  }

  Result<bool> Compare(const std::string& table, const std::string& file) {
    auto described = Query("SELECT * FROM " + QuoteName(table) + " LIMIT 0");
    if (!described.ok()) {
      return Error::User(ErrorCode::kNotFound, "the project has no table '" + table + "'")
          .At(file)
          .Fix(sql::DidYouMean(table, runtime_->project().Names()));
    }
    const std::string rows = "read_csv(" + QuoteLiteral(file) +
                             ", header = true, all_varchar = true, delim = ',', quote = '\"', "
                             "allow_quoted_nulls = false)";
    WEIR_ASSIGN_OR_RETURN(const auto head, Query("SELECT * FROM " + rows + " LIMIT 0"));
    std::string wanted;
    std::string got;
    for (const std::string& column : head->names) {
      size_t at = 0;
      const auto& names = (*described)->names;
      while (at < names.size() && !sql::EqualsIgnoreCase(names[at], column)) ++at;
      if (at == names.size()) {
        return Error::User(ErrorCode::kNotFound,
                           "table " + table + " has no column '" + column + "'")
            .At(file)
            .Fix(sql::DidYouMean(column, {names.begin(), names.end()}));
      }
      const duckdb::LogicalType& type = (*described)->types[at];
      const std::string expected = "CAST(" + QuoteName(column) + " AS " + type.ToString() + ")";
      const std::string& name = QuoteName(names[at]);
      wanted += (wanted.empty() ? "" : ", ") + Comparable(expected, type) + " AS " + name;
      got += (got.empty() ? "" : ", ") + Comparable(name, type) + " AS " + name;
    }
    wanted = "SELECT " + wanted + " FROM " + rows;
    got = "SELECT " + got + " FROM " + QuoteName(table);
    WEIR_ASSIGN_OR_RETURN(const bool none_missing, ShowExtra(wanted, got, table + " lacks"));
    WEIR_ASSIGN_OR_RETURN(const bool none_extra, ShowExtra(got, wanted, table + " has besides"));
    return none_missing && none_extra;
  }

  // Floating sums depend on the order of rows in their last digits.
  static std::string Comparable(const std::string& value, const duckdb::LogicalType& type) {
    if (type == duckdb::LogicalType::DOUBLE) {
      return "CAST(format('{:.12g}', " + value + ") AS DOUBLE)";
    }
    if (type == duckdb::LogicalType::FLOAT) return "CAST(format('{:.6g}', " + value + ") AS FLOAT)";
    return value;
  }

  // Prints rows of `a` that `b` lacks; true if there are none.
  Result<bool> ShowExtra(const std::string& a, const std::string& b, const std::string& says) {
    const std::string extra = "(" + a + ") EXCEPT ALL (" + b + ")";
    WEIR_ASSIGN_OR_RETURN(const auto counted, Query("SELECT count(*) FROM (" + extra + ")"));
    const auto count = counted->GetValue(0, 0).GetValue<int64_t>();
    if (count == 0) return true;
    WEIR_ASSIGN_OR_RETURN(auto rows, Query("SELECT * FROM (" + extra + ") ORDER BY ALL LIMIT " +
                                           std::to_string(kRowsShown)));
    fmt::print("{}: {} {}:\n", name_, says, observe::Counted(count, "row"));
    WEIR_RETURN_IF_ERROR(columnar::CatchDuckDB([&]() -> Status {
      WriteRows(*runtime_->session().connection().context, *rows,
                {ResultFormat::kTable, TerminalWidth(1)}, WriteToStdout);
      return Status::Ok();
    }));
    return false;
  }

  Env& env_;
  server::ProjectOptions options_;
  const std::string folder_;
  const std::string name_;
  const bool keep_;
  std::unique_ptr<server::ProjectRuntime> runtime_;
};

Result<int> Test(const TestFlags& flags, Env& env) {
  WEIR_ASSIGN_OR_RETURN(const server::ProjectOptions options, flags.project.ToOptions());
  WEIR_ASSIGN_OR_RETURN(const std::string work_folder, WorkFolderOf(env, options.path));
  const std::string folder = ParentPath(work_folder);
  const std::string tests = JoinPath(folder, "tests");
  std::vector<FileInfo> entries;
  if (env.Exists(tests)) {
    WEIR_ASSIGN_OR_RETURN(entries, env.ListDir(tests));
  }
  std::vector<std::string> names;
  for (const FileInfo& entry : entries) {
    const bool is_test =
        entry.is_directory && env.Exists(JoinPath(JoinPath(tests, entry.path), "input"));
    if (is_test && (flags.only.empty() || flags.only == entry.path)) names.push_back(entry.path);
  }
  if (names.empty()) {
    return Error::User(ErrorCode::kNotFound, "no tests")
        .At(tests)
        .Fix("write tests/NAME/input/SOURCE.csv and tests/NAME/expect/TABLE.csv");
  }
  int failed = 0;
  for (const std::string& name : names) {
    const int64_t start = env.MonotonicNanos();
    auto passed = ProjectTest(env, options, folder, name, flags.keep).Run();
    const double seconds = static_cast<double>(env.MonotonicNanos() - start) / 1e9;
    if (!passed.ok()) Fail(passed.error());
    const bool good = passed.ok() && *passed;
    failed += good ? 0 : 1;
    fmt::print("{} {} ({})\n", good ? "ok  " : "FAIL", name, observe::Seconds(seconds));
  }
  fmt::print("{} of {} passed\n", names.size() - static_cast<size_t>(failed),
             observe::Counted(static_cast<int64_t>(names.size()), "test"));
  return failed == 0 ? 0 : 1;
}

}  // namespace

void AddTestCommand(CLI::App& app, Outcome& outcome) {
  auto flags = std::make_shared<TestFlags>();
  CLI::App* command = app.add_subcommand("test", "run the project's tests/ and compare the tables");
  flags->project.AddTo(*command);
  command->add_option("--only", flags->only, "the name of one test");
  command->add_flag("--keep", flags->keep, "keep the temporary tables");
  command->callback([flags, &outcome] {
    auto code = Test(*flags, RealEnv());
    outcome.exit_code = code.ok() ? *code : Fail(code.error());
  });
}

}  // namespace weir::cli
