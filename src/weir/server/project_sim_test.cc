// The whole way from files to Delta tables on a simulated machine: a project of CSV and JSON files
// runs again and again while files come and grow, the process dies, power fails, the disk is full
// and calls fail. Whatever happened, in the end the tables are those of one clean run, every row of
// the input is where it belongs once, and what a run said it did was never lost.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "weir/base/sim_env.h"
#include "weir/base/testing/forgetful_env.h"
#include "weir/lake/actions.h"
#include "weir/lake/log_store.h"
#include "weir/server/project_runtime.h"
#include "weir/server/testing/table_observer.h"

namespace weir::server {
namespace {

using Rows = std::vector<std::string>;  // sorted: a multiset

enum class Wrong {
  kNothing,
  kManifestNotSynced,     // the bytes of manifests
  kEpochFolderNotSynced,  // the names of manifests
  kLogEntryNotSynced,     // the bytes of Delta log entries
  kDataFileNotSynced,     // the bytes of Parquet files
};

std::string NameOf(Wrong wrong) {
  switch (wrong) {
    case Wrong::kNothing:
      return "Nothing";
    case Wrong::kManifestNotSynced:
      return "ManifestNotSynced";
    case Wrong::kEpochFolderNotSynced:
      return "EpochFolderNotSynced";
    case Wrong::kLogEntryNotSynced:
      return "LogEntryNotSynced";
    case Wrong::kDataFileNotSynced:
      return "DataFileNotSynced";
  }
  return "";
}

weir::testing::ForgetfulEnv::Lies LiesOf(Wrong wrong) {
  switch (wrong) {
    case Wrong::kNothing:
      return {};
    case Wrong::kManifestNotSynced:
      return {"/_weir/", ""};
    case Wrong::kEpochFolderNotSynced:
      return {"", "/_weir/"};
    case Wrong::kLogEntryNotSynced:
      return {"/_delta_log/", ""};
    case Wrong::kDataFileNotSynced:
      return {".parquet", ""};
  }
  return {};
}

constexpr uint64_t kPlenty = uint64_t{1} << 36;

// What lies in the tables in the end, worked out row by row without a database.
struct Expected {
  Rows rows;             // accepted: serial|g|v
  Rows rejected;         // quarantined: file|offset|bytes
  size_t dropped = 0;    // by DROP ROW
  Rows totals;           // g|count|sum over rows, of even counts
  Rows totals_rejected;  // of odd counts, as JSON
  Rows latest;           // key|serial|v
  Rows latest_rejected;  // file|offset|bytes
  Rows newest;           // g|serial|v of the last accepted row
};

// One line of an input file, without its line end.
struct Line {
  std::string file;
  uint64_t offset = 0;
  std::string text;
  int64_t serial = 0;
  int64_t key = 0;
  std::string g;
  std::optional<int64_t> v;  // nullopt: the line does not parse
};

class World {
 public:
  World(uint64_t seed, Wrong wrong, testing::TableObserver& observer)
      : sim_(seed),
        env_(sim_, LiesOf(wrong)),
        draw_(seed * 31 + 7),
        seed_(seed),
        observer_(observer) {
    json_events_ = Below(2) == 0;
    project_ = ProjectSql(Below(2) == 0);
    Must(Put("/p/project.sql", 0, project_));
    // Every pattern finds a file.
    NewFile(/*events=*/false);
    NewFile(/*events=*/true);
  }

  SimEnv& sim() { return sim_; }
  const std::string& broken() const { return broken_; }
  const std::string& story() const { return story_; }
  uint64_t Below(uint64_t bound) { return draw_.RandomU64() % bound; }
  int runs() const { return runs_; }
  int failed_runs() const { return failed_runs_; }

  // New files, and new lines at the end of the last one.
  void Deliver() {
    const uint64_t deliveries = 1 + Below(3);
    for (uint64_t i = 0; i < deliveries; ++i) {
      const bool events = Below(2) == 0;
      // Keys take the last row in the order of the source: only the last file may grow.
      if (Below(2) == 0) {
        Grow(events);
      } else {
        NewFile(events);
      }
    }
  }

  void SetFaults(double io_errors, uint64_t capacity, uint64_t crash_at) {
    faults_ = io_errors > 0 || capacity < kPlenty || crash_at > 0;
    if (faults_) {
      Tell("faults: I/O errors with probability " + std::to_string(io_errors) + ", " +
           std::to_string(capacity) + " bytes of disk, crash at operation " +
           std::to_string(crash_at));
    }
    sim_.SetIoErrorProbability(io_errors);
    sim_.SetCapacity(capacity);
    sim_.CrashAtOperation(crash_at);
  }
  void NoFaults() { SetFaults(0, kPlenty, 0); }

  // One `weir run`. What it promises is checked when it ends well, and kept in mind.
  Status Run() {
    runs_ += 1;
    const Status status = RunProcess();
    if (!status.ok()) {
      failed_runs_ += 1;
      if (!faults_) Break("without a fault: " + status.error().ToString());
      if (status.error().ExitCode() != 3) {
        Break("a fault of the machine is reported as exit code " +
              std::to_string(status.error().ExitCode()) + ": " + status.error().ToString());
      }
      return status;
    }
    promised_ = Expect(lines_);
    return status;
  }

  void Restart() {
    const bool killed = Below(3) == 0;
    Tell(killed ? "the process is killed" : "power is lost");
    sim_.Restart(killed ? SimEnv::CrashKind::kProcessKilled : SimEnv::CrashKind::kPowerLost);
  }

  // What was promised is there, and nothing else than what was delivered.
  void CheckPromises() {
    NoFaults();
    auto tables = Look(sim_, /*whole=*/false);
    if (!tables.ok()) return Break("the tables can't be read: " + tables.error().ToString());
    const Expected all = Expect(lines_);
    CheckBetween("items", promised_.rows, tables->rows["items"], all.rows);
    CheckBetween("items__quarantine", promised_.rejected, tables->rows["items__quarantine"],
                 all.rejected);
    CheckBetween("latest__quarantine", promised_.latest_rejected,
                 tables->rows["latest__quarantine"], all.latest_rejected);
  }

  // Without any more faults: one run takes everything, the next finds nothing to do, and the tables
  // are those of a clean run.
  void Finish() {
    NoFaults();
    Restart();
    if (broken_.empty()) (void)Run();
    if (!broken_.empty()) return;
    something_done_ = false;
    (void)Run();
    if (something_done_) Break("a second run over the same input did something");
    auto tables = Look(sim_, /*whole=*/true);
    if (!tables.ok()) return Break("the tables can't be read: " + tables.error().ToString());
    const Expected all = Expect(lines_);
    CheckEqual("items", all.rows, tables->rows["items"]);
    CheckEqual("items__quarantine", all.rejected, tables->rows["items__quarantine"]);
    CheckEqual("totals", all.totals, tables->rows["totals"]);
    CheckEqual("totals__quarantine", all.totals_rejected, tables->rows["totals__quarantine"]);
    CheckEqual("latest", all.latest, tables->rows["latest"]);
    CheckEqual("latest__quarantine", all.latest_rejected, tables->rows["latest__quarantine"]);
    CheckEqual("newest", all.newest, tables->rows["newest"]);
    size_t items = 0;
    for (const Line& line : lines_) items += line.file.starts_with("items/") ? 1 : 0;
    if (all.rows.size() + all.rejected.size() + all.dropped != items) {
      Break("the test itself lost a row");
    }
    // Every row has been looked at already; the clean run adds what quarantines say about theirs.
    if (seed_ % 4 == 0) CompareWithCleanRun(*tables);
  }

 private:
  // What does not depend on the run.
  static constexpr const char* kWholeRejected =
      "constraints, action, message, event_time, source, position, length, raw, raw_truncated, "
      "\"row\"";
  static constexpr const char* kTables[] = {
      "items",  "items__quarantine",  "totals", "totals__quarantine",
      "latest", "latest__quarantine", "newest"};

  std::string ProjectSql(bool partitioned) const {
    const std::string events_path =
        json_events_ ? "'events/*.json', 'format' = 'json'" : "'events/*.csv'";
    return "CREATE TABLE raw (n BIGINT, g VARCHAR, v INT) WITH ('connector' = 'filesystem', "
           "'path' = 'items/*.csv', 'source.last-line' = 'wait');\n"
           "CREATE TABLE events (k BIGINT, n BIGINT, v INT) WITH ('connector' = 'filesystem', "
           "'path' = " +
           events_path +
           ", 'source.last-line' = 'wait');\n"
           "CREATE MATERIALIZED TABLE items ("
           "CONSTRAINT small EXPECT (v < 80) ON VIOLATION QUARANTINE, "
           "CONSTRAINT lucky EXPECT (v <> 13) ON VIOLATION DROP ROW)" +
           (partitioned ? " PARTITIONED BY (g)" : "") +
           " AS SELECT n, g, v FROM raw;\n"
           "CREATE MATERIALIZED TABLE latest (PRIMARY KEY (k) NOT ENFORCED, "
           "CONSTRAINT small EXPECT (v < 80) ON VIOLATION QUARANTINE)"
           " AS SELECT k, n, v FROM events;\n"
           // The last row of a table that may be partitioned: rows keep the order of their source.
           "CREATE MATERIALIZED TABLE newest (PRIMARY KEY (g) NOT ENFORCED) AS "
           "SELECT g, n, v FROM items;\n"
           // Computed again with every change: what was rejected before must not stay.
           "CREATE MATERIALIZED TABLE totals ("
           "CONSTRAINT even EXPECT (rows_of_g % 2 = 0) ON VIOLATION QUARANTINE) AS "
           "SELECT g, count(*) AS rows_of_g, sum(v) AS total FROM items GROUP BY g;\n";
  }

  void Tell(const std::string& what) { story_ += "\n" + what; }
  void Break(const std::string& what) {
    if (broken_.empty()) broken_ = what;
  }
  void Must(const Status& status) {
    if (!status.ok()) Break("without a fault: " + status.error().ToString());
  }

  // --- input ---

  // Durable, as whoever delivers files has to see to.
  Status Put(const std::string& path, uint64_t offset, const std::string& bytes) {
    WEIR_RETURN_IF_ERROR(sim_.CreateDirsSynced(ParentPath(path)));
    {
      WEIR_ASSIGN_OR_RETURN(auto file, sim_.OpenFile(path, OpenMode::kReadWrite));
      WEIR_RETURN_IF_ERROR(file->WriteAt(offset, bytes.data(), bytes.size()));
      WEIR_RETURN_IF_ERROR(file->Sync());
    }
    return sim_.SyncDir(ParentPath(path));
  }

  void NewFile(bool events) {
    char number[8];
    snprintf(number, sizeof number, "%03d", events ? event_files_++ : item_files_++);
    const bool json = events && json_events_;
    FinishLine(events);
    const std::string name =
        (events ? "events/" : "items/") + std::string(number) + (json ? ".json" : ".csv");
    (events ? last_events_ : last_items_) = name;
    files_[name];
    if (!json) Append(name, events ? "k,n,v\n" : "n,g,v\n");
    Grow(events);
  }

  void Append(const std::string& name, const std::string& bytes) {
    Must(Put("/p/" + name, files_[name].size(), bytes));
    files_[name] += bytes;
  }

  // The last line of the last file may have come in half.
  void FinishLine(bool events) {
    std::optional<Line>& half = events ? half_event_ : half_item_;
    if (!half) return;
    const std::string& name = half->file;
    Append(name, half->text.substr(files_[name].size() - half->offset) + "\n");
    lines_.push_back(std::move(*half));
    half.reset();
  }

  void Grow(bool events) {
    FinishLine(events);
    const std::string& name = events ? last_events_ : last_items_;
    const uint64_t count = 1 + Below(12);
    std::string bytes;
    for (uint64_t i = 0; i < count; ++i) {
      Line line = NewLine(events);
      line.file = name;
      line.offset = files_[name].size() + bytes.size();
      if (i + 1 == count && Below(5) == 0) {
        bytes += line.text.substr(0, 1 + Below(line.text.size() - 1));
        (events ? half_event_ : half_item_) = std::move(line);
      } else {
        bytes += line.text + "\n";
        lines_.push_back(std::move(line));
      }
    }
    Append(name, bytes);
  }

  Line NewLine(bool events) {
    Line line;
    line.serial = ++serial_;
    line.key = static_cast<int64_t>(Below(20));
    line.g = "g" + std::to_string(Below(3));
    if (Below(10) != 0) line.v = Below(10) == 0 ? 13 : static_cast<int64_t>(Below(100));
    const std::string v = line.v ? std::to_string(*line.v) : "\"none\"";
    const std::string n = std::to_string(line.serial);
    if (!events) {
      line.text = n + "," + line.g + "," + v;
    } else if (json_events_) {
      line.text = "{\"k\": " + std::to_string(line.key) + ", \"n\": " + n + ", \"v\": " + v + "}";
    } else {
      line.text = std::to_string(line.key) + "," + n + "," + v;
    }
    return line;
  }

  Expected Expect(const std::vector<Line>& lines) const {
    Expected expected;
    std::map<std::string, std::pair<int64_t, int64_t>> totals;
    std::map<std::string, std::string> newest;
    std::vector<const Line*> events;
    for (const Line& line : lines) {
      const std::string raw = line.file + "|" + std::to_string(line.offset) + "|" + line.text;
      const bool is_event = line.file.starts_with("events/");
      if (!line.v || *line.v >= 80) {
        (is_event ? expected.latest_rejected : expected.rejected).push_back(raw);
      } else if (is_event) {
        events.push_back(&line);
      } else if (*line.v == 13) {
        expected.dropped += 1;
      } else {
        const std::string v = std::to_string(*line.v);
        expected.rows.push_back(std::to_string(line.serial) + "|" + line.g + "|" + v);
        newest[line.g] = std::to_string(line.serial) + "|" + v;
        totals[line.g].first += 1;
        totals[line.g].second += *line.v;
      }
    }
    std::map<int64_t, std::string> latest;
    for (const Line* event : events) {
      latest[event->key] = std::to_string(event->serial) + "|" + std::to_string(*event->v);
    }
    for (const auto& [key, row] : latest) {
      expected.latest.push_back(std::to_string(key) + "|" + row);
    }
    for (const auto& [g, row] : newest) expected.newest.push_back(g + "|" + row);
    for (const auto& [g, total] : totals) {
      const std::string count = std::to_string(total.first);
      const std::string sum = std::to_string(total.second);
      if (total.first % 2 == 0) {
        expected.totals.push_back(g + "|" + count + "|" + sum);
      } else {
        expected.totals_rejected.push_back("{\"g\":\"" + g + "\",\"rows_of_g\":" + count +
                                           ",\"total\":" + sum + "}");
      }
    }
    for (Rows* rows :
         {&expected.rows, &expected.rejected, &expected.totals, &expected.totals_rejected,
          &expected.latest, &expected.latest_rejected, &expected.newest}) {
      std::sort(rows->begin(), rows->end());
    }
    return expected;
  }

  // --- the program ---

  static ProjectOptions Options() {
    ProjectOptions options;
    options.path = "/p";
    options.memory_bytes = uint64_t{256} << 20;
    options.threads = 1;
    return options;
  }

  Status RunProcess() {
    Tell("run " + std::to_string(runs_));
    WEIR_ASSIGN_OR_RETURN(auto runtime, ProjectRuntime::Open(env_, Options()));
    sql::RunSettings settings;
    settings.run_id = "run" + std::to_string(runs_);
    WEIR_ASSIGN_OR_RETURN(sql::ProjectOutcome outcome, runtime->Run(settings));
    std::optional<Error> worst;
    for (sql::FlowResult& flow : outcome.flows) {
      Tell("  " + flow.table + ": " + TextOf(flow));
      if (flow.outcome) something_done_ |= flow.outcome->epoch > 0 || flow.outcome->recovered;
      if (flow.error && (!worst || flow.error->ExitCode() != 3)) worst = std::move(flow.error);
    }
    if (worst) return std::move(*worst);
    return Status::Ok();
  }

  static std::string TextOf(const sql::FlowResult& flow) {
    if (flow.error) return flow.error->ToString();
    if (!flow.outcome) return "skipped, " + flow.skipped_because;
    return (flow.outcome->recovered ? "recovered, " : "") +
           std::string(sql::RefreshKindName(flow.outcome->plan.kind)) + " (" +
           flow.outcome->plan.reason + "), epoch " + std::to_string(flow.outcome->epoch);
  }

  // A look at the tables between runs.
  struct Tables {
    std::map<std::string, Rows> rows;   // of a quarantine: file|offset|bytes
    std::map<std::string, Rows> whole;  // of a quarantine: all that does not depend on the run
  };
  Result<Tables> Look(Env& machine, bool whole) {
    observer_.LookAt(machine);
    Tables tables;
    for (const std::string name : kTables) {
      const bool rejected = name.ends_with("__quarantine");
      const std::string path = "/p/tables/" + name;
      const std::string columns = ColumnsOf(name);
      WEIR_ASSIGN_OR_RETURN(tables.rows[name], observer_.Rows(path, columns));
      if (whole) {
        WEIR_ASSIGN_OR_RETURN(tables.whole[name],
                              observer_.Rows(path, rejected ? kWholeRejected : columns));
      }
      CheckLog(name, whole);
    }
    return tables;
  }
  static const char* ColumnsOf(const std::string& table) {
    if (table == "totals__quarantine") return "\"row\"";  // sums come from no place in a file
    if (table.ends_with("__quarantine")) return "source, position, decode(raw)";
    if (table == "newest") return "g, n, v";
    return table == "items" ? "n, g, v" : table == "latest" ? "k, n, v" : "g, rows_of_g, total";
  }

  // --- invariants ---

  static std::string Missing(const Rows& from, const Rows& in) {
    Rows missing;
    std::set_difference(from.begin(), from.end(), in.begin(), in.end(),
                        std::back_inserter(missing));
    return missing.empty()
               ? ""
               : missing.front() + " and " + std::to_string(missing.size() - 1) + " more";
  }

  void CheckBetween(const std::string& table, const Rows& least, const Rows& there,
                    const Rows& most) {
    if (const std::string lost = Missing(least, there); !lost.empty()) {
      Break(table + " lost what a run had committed: " + lost);
    }
    if (const std::string extra = Missing(there, most); !extra.empty()) {
      Break(table + " holds rows twice, or that never were: " + extra);
    }
  }
  void CheckEqual(const std::string& table, const Rows& wanted, const Rows& there) {
    if (const std::string lost = Missing(wanted, there); !lost.empty()) {
      Break("at the end, " + table + " lacks " + lost);
    }
    if (const std::string extra = Missing(there, wanted); !extra.empty()) {
      Break("at the end, " + table + " holds too much: " + extra);
    }
  }

  // The log has no gaps, no entry is torn, no epoch came twice, and every version can be read.
  void CheckLog(const std::string& name, bool every_version) {
    const std::string path = "/p/tables/" + name;
    const lake::LogStore log(observer_.env(), path);
    auto listing = log.List();
    if (!listing.ok()) return Break(listing.error().ToString());
    std::set<std::pair<std::string, int64_t>> epochs;
    int64_t next = 0;
    for (const int64_t version : listing->commits) {
      if (version != next++) return Break(name + " has a gap before " + std::to_string(version));
      auto bytes = log.Read(version);
      if (!bytes.ok()) return Break(bytes.error().ToString());
      auto commit = lake::ParseCommit(*bytes);
      if (!commit.ok()) return Break(name + ": " + commit.error().ToString());
      for (const auto& transaction : commit->transactions) {
        if (!epochs.emplace(transaction.app_id, transaction.version).second) {
          return Break(name + " holds epoch " + std::to_string(transaction.version) + " twice");
        }
      }
      if (!every_version) continue;
      auto snapshot = observer_.tables().LoadSnapshot(path, version);
      if (!snapshot.ok()) return Break(name + ": " + snapshot.error().ToString());
    }
  }

  void CompareWithCleanRun(Tables& there) {
    SimEnv clean(seed_ + 1'000'000'007);
    const auto put = [&](const std::string& path, const std::string& bytes) -> Status {
      WEIR_RETURN_IF_ERROR(clean.CreateDirs(ParentPath(path)));
      return clean.WriteFileAtomic(path, bytes);
    };
    Must(put("/p/project.sql", project_));
    for (const auto& [name, bytes] : files_) Must(put("/p/" + name, bytes));
    {
      auto runtime = ProjectRuntime::Open(clean, Options());
      if (!runtime.ok()) return Break(runtime.error().ToString());
      sql::RunSettings settings;
      settings.run_id = "clean";
      auto outcome = (*runtime)->Run(settings);
      if (!outcome.ok()) return Break(outcome.error().ToString());
      for (const auto& flow : outcome->flows) {
        if (flow.error) return Break("the clean run: " + flow.error->ToString());
      }
    }
    auto wanted = Look(clean, /*whole=*/true);
    if (!wanted.ok()) return Break(wanted.error().ToString());
    for (const std::string name : kTables) {
      CheckEqual(name + " (beside a clean run)", wanted->whole[name], there.whole[name]);
    }
  }

  SimEnv sim_;
  weir::testing::ForgetfulEnv env_;
  SimEnv draw_;  // for the choices of the test itself
  const uint64_t seed_;
  testing::TableObserver& observer_;
  bool json_events_ = false;
  std::string project_;
  std::map<std::string, std::string> files_;  // by name: what lies in them
  std::string last_items_, last_events_;
  std::optional<Line> half_item_, half_event_;
  int item_files_ = 0;
  int event_files_ = 0;
  int64_t serial_ = 0;
  std::vector<Line> lines_;  // whole ones, in the order in which they came
  Expected promised_;
  bool faults_ = false;
  bool something_done_ = false;
  int runs_ = 0;
  int failed_runs_ = 0;
  std::string broken_;  // the first promise that did not hold
  std::string story_;   // what happened, a line each
};

struct Outcome {
  std::string broken;
  std::string story;
  uint64_t fingerprint = 0;
  int runs = 0;
  int failed_runs = 0;
};

class ProjectSim : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto observer = testing::TableObserver::Open();
    ASSERT_TRUE(observer.ok()) << observer.error().ToString();
    observer_ = std::move(observer).value().release();
  }
  static void TearDownTestSuite() {
    delete observer_;
    observer_ = nullptr;
  }

  static Outcome RunSeed(uint64_t seed, Wrong wrong) {
    World world(seed, wrong, *observer_);
    const uint64_t kind = world.Below(6);  // 0: I/O errors, 1: a full disk, others: crashes only
    const uint64_t runs = 2 + world.Below(4);
    for (uint64_t i = 0; i < runs && world.broken().empty(); ++i) {
      if (i > 0) world.Deliver();
      const uint64_t crash_at =
          world.Below(4) == 0 ? 0 : 1 + world.Below(world.Below(2) == 0 ? 60 : 300);
      const double io_errors =
          kind == 0 ? 0.0005 * static_cast<double>(uint64_t{1} << world.Below(6)) : 0;
      const uint64_t capacity = kind == 1 && world.Below(2) == 0 ? world.Below(120'000) : kPlenty;
      world.SetFaults(io_errors, capacity, crash_at);
      (void)world.Run();
      world.NoFaults();
      if (world.sim().crashed() || world.Below(3) == 0) world.Restart();
      if (world.broken().empty()) world.CheckPromises();
    }
    if (world.broken().empty()) world.Finish();
    return {world.broken(), world.story(), world.sim().Fingerprint(), world.runs(),
            world.failed_runs()};
  }

 private:
  static testing::TableObserver* observer_;
};

testing::TableObserver* ProjectSim::observer_ = nullptr;

TEST_F(ProjectSim, TablesAreThoseOfOneCleanRun) {
  const SimSeeds seeds(6);
  int runs = 0;
  int failed_runs = 0;
  for (uint64_t seed = seeds.first; seed < seeds.end; ++seed) {
    const Outcome outcome = RunSeed(seed, Wrong::kNothing);
    EXPECT_TRUE(outcome.broken.empty())
        << "WEIR_SIM_SEED=" << seed << ": " << outcome.broken << outcome.story;
    runs += outcome.runs;
    failed_runs += outcome.failed_runs;
  }
  RecordProperty("runs", runs);
  RecordProperty("failed_runs", failed_runs);
  if (seeds.end - seeds.first >= 6) {  // faults did hit
    EXPECT_GT(failed_runs, runs / 10);
  }
}

TEST_F(ProjectSim, SameSeedSameBytes) {
  std::set<uint64_t> fingerprints;
  for (const uint64_t seed : {3, 4}) {
    const Outcome first = RunSeed(seed, Wrong::kNothing);
    const Outcome second = RunSeed(seed, Wrong::kNothing);
    EXPECT_EQ(first.fingerprint, second.fingerprint) << "seed " << seed;
    EXPECT_EQ(first.story, second.story);
    fingerprints.insert(first.fingerprint);
  }
  EXPECT_EQ(fingerprints.size(), 2u);
}

// The canaries: a simulation that does not find these out proves nothing.
class ProjectSimCanary : public ProjectSim, public ::testing::WithParamInterface<Wrong> {};

TEST_P(ProjectSimCanary, IsFoundOut) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const std::string broken = RunSeed(seed, GetParam()).broken;
    if (!broken.empty()) {
      RecordProperty("seed", static_cast<int>(seed));
      RecordProperty("broken", broken);
      return;
    }
  }
  FAIL() << "20 seeds did not find it";
}

INSTANTIATE_TEST_SUITE_P(Wrongs, ProjectSimCanary,
                         ::testing::Values(Wrong::kManifestNotSynced, Wrong::kEpochFolderNotSynced,
                                           Wrong::kLogEntryNotSynced, Wrong::kDataFileNotSynced),
                         [](const auto& info) { return NameOf(info.param); });

}  // namespace
}  // namespace weir::server
