// weir quarantine: list, show, export, replay.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <cstdlib>

#include "duckdb/common/types/value.hpp"
#include "duckdb/main/connection.hpp"
#include "duckdb/main/materialized_query_result.hpp"
#include "weir/base/checksum.h"
#include "weir/cli/commands.h"
#include "weir/cli/result_output.h"
#include "weir/cli/terminal.h"
#include "weir/cli/topic/topic_command.h"
#include "weir/guard/dead_letter.h"
#include "weir/guard/quarantine.h"
#include "weir/observe/quantity.h"
#include "weir/observe/text_table.h"
#include "weir/server/topics/topic_writer.h"
#include "weir/sql/replay.h"

namespace weir::cli {

namespace {

struct QuarantineFlags {
  ProjectFlags project;
  std::string table;
  std::string where;
  std::string file;
  std::string to_topic;
  TopicFlags topics;
  int64_t limit = 20;
  std::string format = "text";

  bool json() const { return format == "json"; }
};

Result<std::unique_ptr<server::ProjectRuntime>> OpenAll(const QuarantineFlags& flags) {
  WEIR_ASSIGN_OR_RETURN(auto options, flags.project.ToOptions());
  WEIR_ASSIGN_OR_RETURN(auto runtime, server::ProjectRuntime::Open(RealEnv(), options));
  WEIR_RETURN_IF_ERROR(sql::DefineEverything(runtime->session(), runtime->prepared(),
                                             runtime->catalog(), runtime->now_us()));
  return runtime;
}

Result<std::string> QuarantineOf(server::ProjectRuntime& runtime, const std::string& table) {
  std::vector<std::string> names;
  for (const sql::PreparedFlow& flow : runtime.prepared().flows) {
    if (sql::EqualsIgnoreCase(flow.flow->table, table)) {
      return columnar::QuoteName(guard::QuarantineTableName(flow.flow->table));
    }
    names.push_back(flow.flow->table);
  }
  return Error::User(ErrorCode::kNotFound, "no flow fills a table named '" + table + "'")
      .Fix(sql::DidYouMean(table, names));
}

std::string Where(const QuarantineFlags& flags) {
  return flags.where.empty() ? "" : " WHERE (" + flags.where + "\n)";
}

// Runs a query that holds --where; mistakes in it are told as the user's.
Result<std::unique_ptr<duckdb::MaterializedQueryResult>> QueryWhere(server::ProjectRuntime& runtime,
                                                                    const QuarantineFlags& flags,
                                                                    const std::string& sql) {
  auto rows = runtime.engine().Query(runtime.session().connection(), sql);
  if (rows.ok() || flags.where.empty() || rows.error().actor() != Actor::kUser) return rows;
  const std::string& message = rows.error().message();
  return Error::User(ErrorCode::kInvalid, "--where: " + message.substr(0, message.find('\n')))
      .Fix(
          "it may use constraints, message, source, position, raw, ingest_time, and the row as "
          "JSON: \"row\"->>'$.column'");
}

// The rows as an array of objects, by the columns' names.
Result<OrderedJson> RowObjects(duckdb::MaterializedQueryResult& rows) {
  WEIR_ASSIGN_OR_RETURN(const Json result, ParseJson(ResultJson(rows)));
  OrderedJson objects = OrderedJson::array();
  for (const Json& row : result["rows"]) {
    OrderedJson object;
    for (size_t i = 0; i < row.size(); ++i) object[rows.names[i]] = row[i];
    objects.push_back(std::move(object));
  }
  return objects;
}

// Rows in quarantine of every table, by the constraints they broke.
Result<int> List(const QuarantineFlags& flags) {
  WEIR_ASSIGN_OR_RETURN(auto runtime, OpenAll(flags));
  std::string sql;
  for (const sql::PreparedFlow& flow : runtime->prepared().flows) {
    const std::string& table = flow.flow->table;
    sql += (sql.empty() ? "" : " UNION ALL ");
    sql += "SELECT " + columnar::QuoteLiteral(table) +
           " AS \"table\", array_to_string(constraints, ', ') AS constraints, count(*) AS rows, "
           "epoch_us(min(ingest_time)) AS first, epoch_us(max(ingest_time)) AS last FROM " +
           columnar::QuoteName(guard::QuarantineTableName(table)) + " GROUP BY ALL";
  }
  OrderedJson json = OrderedJson::array();
  observe::TextTable table({{"table"},
                            {"broke"},
                            {"rows", observe::TextTable::kRight},
                            {"since (UTC)"},
                            {"last (UTC)"}});
  if (!sql.empty()) {
    WEIR_ASSIGN_OR_RETURN(
        const auto rows,
        runtime->engine().Query(runtime->session().connection(),
                                "SELECT * FROM (" + sql + ") ORDER BY \"table\", rows DESC"));
    for (const auto& row : *rows) {
      const auto name = row.GetValue<std::string>(0);
      const auto constraints = row.GetValue<std::string>(1);
      const auto count = row.GetValue<int64_t>(2);
      const auto first = row.GetValue<int64_t>(3);
      const auto last = row.GetValue<int64_t>(4);
      table.Add({name, constraints, observe::Count(count), observe::UtcTime(first),
                 observe::UtcTime(last)});
      json.push_back({{"table", name},
                      {"constraints", constraints},
                      {"rows", count},
                      {"first_us", first},
                      {"last_us", last}});
    }
  }
  if (flags.json()) {
    PrintJson(json);
  } else if (table.empty()) {
    fmt::print("no row is in quarantine\n");
  } else {
    fmt::print("{}", table.ToString(TerminalWidth(1)));
  }
  return 0;
}

// A row may have 64 KiB here; `export` and --format json give all of it.
std::string Shortened(std::string row) {
  constexpr size_t kShownBytes = 500;
  if (row.size() <= kShownBytes) return row;
  size_t end = kShownBytes;
  while (end > 0 && (static_cast<unsigned char>(row[end]) & 0xC0) == 0x80) --end;
  return row.substr(0, end) + "…";
}

// Each row as a paragraph: the reasons and the rows are too long for columns.
Result<int> Show(const QuarantineFlags& flags) {
  WEIR_ASSIGN_OR_RETURN(auto runtime, OpenAll(flags));
  WEIR_ASSIGN_OR_RETURN(std::string quarantine, QuarantineOf(*runtime, flags.table));
  const auto query = [&](const std::string& sql) { return QueryWhere(*runtime, flags, sql); };
  WEIR_ASSIGN_OR_RETURN(
      const auto rows,
      query("SELECT quarantine_id, array_to_string(constraints, ', ') AS constraints, message, "
            "source, position, coalesce(row, CAST(raw AS VARCHAR)) AS row" +
            std::string(flags.json() ? "" : ", length") + " FROM " + quarantine + Where(flags) +
            " ORDER BY ingest_time, source, position LIMIT " + std::to_string(flags.limit)));
  if (flags.json()) {
    WEIR_ASSIGN_OR_RETURN(const OrderedJson json, RowObjects(*rows));
    PrintJson(json);
    return 0;
  }
  WEIR_ASSIGN_OR_RETURN(const auto all, query("SELECT count(*) FROM " + quarantine + Where(flags)));
  const auto total = all->GetValue(0, 0).GetValue<int64_t>();
  const auto shown = static_cast<int64_t>(rows->RowCount());
  const auto text = [&](size_t column, size_t row) {
    const duckdb::Value value = rows->GetValue(column, row);
    return value.IsNull() ? std::string() : value.ToString();
  };
  for (size_t row = 0; row < rows->RowCount(); ++row) {
    const std::string source = text(3, row);
    const std::string position = text(4, row);
    const int64_t length = std::strtoll(text(6, row).c_str(), nullptr, 10);
    fmt::print("{}  {}{}\n  {}\n  {}\n", text(0, row), source,
               position.empty()
                   ? ""
                   : fmt::format(" at {} {}", guard::PositionUnit(source, length), position),
               text(2, row), Shortened(text(5, row)));
  }
  if (total == 0) {
    fmt::print("no row of {} is in quarantine{}\n", flags.table,
               flags.where.empty() ? "" : " for which this holds");
  } else {
    fmt::print("{} of {}\n", observe::Count(shown), observe::Counted(total, "row"));
  }
  return 0;
}

// Rows that came of a topic, as records of a dead letter topic: their bytes as they were, and in
// Connect's headers where they lay and what is wrong with them.
Result<int> ExportToTopic(const QuarantineFlags& flags) {
  WEIR_ASSIGN_OR_RETURN(auto runtime, OpenAll(flags));
  WEIR_ASSIGN_OR_RETURN(std::string quarantine, QuarantineOf(*runtime, flags.table));
  WEIR_ASSIGN_OR_RETURN(
      const auto rows,
      QueryWhere(*runtime, flags,
                 "SELECT source, position, raw, raw_truncated, "
                 "array_to_string(constraints, ', '), message, quarantine_id, "
                 "list_contains(constraints, 'parses') FROM " +
                     quarantine + Where(flags) + " ORDER BY ingest_time, source, position"));
  WEIR_ASSIGN_OR_RETURN(const TopicSession topics, OpenTopics(flags.topics));
  WEIR_ASSIGN_OR_RETURN(const auto writer,
                        server::TopicWriter::Open(*topics.admin, flags.to_topic, {}));
  int64_t written = 0;
  int64_t elsewhere = 0;
  int64_t cut = 0;
  for (const auto& row : *rows) {
    const auto text = [&](size_t column) {
      return row.IsNull(column) ? std::string() : row.GetValue<std::string>(column);
    };
    const auto partition = guard::TopicSourceOf(text(0));
    if (!partition) {
      ++elsewhere;
      continue;
    }
    if (row.IsNull(2) || row.GetValue<bool>(3)) {
      ++cut;
      continue;
    }
    const bool unparsed = !row.IsNull(7) && row.GetValue<bool>(7);
    auto headers = guard::DeadLetterHeaders(
        {partition->topic, partition->partition, row.GetValue<int64_t>(1), flags.table,
         unparsed ? "VALUE_CONVERTER" : "TRANSFORMATION", text(4), text(5)});
    headers.emplace_back("weir.quarantine_id", text(6));
    const std::string raw = duckdb::StringValue::Get(row.GetValue<duckdb::Value>(2));
    server::WrittenRecord record;
    record.value = raw;
    for (const auto& [name, value] : headers) record.headers.push_back({name, value});
    WEIR_RETURN_IF_ERROR(writer->Add(record));
    ++written;
  }
  WEIR_RETURN_IF_ERROR(writer->Flush());
  fmt::print("{} written to topic {}", observe::Counted(written, "row"), flags.to_topic);
  if (elsewhere > 0) fmt::print("; {} did not come of a topic", elsewhere);
  if (cut > 0) fmt::print("; of {} the bytes are not whole in quarantine", cut);
  fmt::print("\n");
  return 0;
}

// JSON lines to mend by hand and give back to replay --from.
Result<int> Export(const QuarantineFlags& flags) {
  if (flags.file.empty() == flags.to_topic.empty()) {
    return Error::User(
               ErrorCode::kInvalid,
               "weir quarantine export: --to FILE or --to-topic TOPIC is required, not both")
        .Fix("`weir quarantine export --help` lists what there is");
  }
  if (!flags.to_topic.empty()) return ExportToTopic(flags);
  WEIR_ASSIGN_OR_RETURN(auto runtime, OpenAll(flags));
  WEIR_ASSIGN_OR_RETURN(std::string quarantine, QuarantineOf(*runtime, flags.table));
  const std::string rows =
      "SELECT quarantine_id, message, source, position, CAST(raw AS VARCHAR) AS raw, "
      "CAST(row AS JSON) AS row FROM " +
      quarantine + Where(flags) + " ORDER BY ingest_time, source, position";
  WEIR_ASSIGN_OR_RETURN(auto written,
                        QueryWhere(*runtime, flags,
                                   "COPY (" + rows + ") TO " + columnar::QuoteLiteral(flags.file) +
                                       " (FORMAT json)"));
  fmt::print("{} written to {}: mend \"row\" there, then weir quarantine replay {} --from {}\n",
             observe::Counted(written->GetValue(0, 0).GetValue<int64_t>(), "row"), flags.file,
             flags.table, flags.file);
  return 0;
}

Result<int> Replay(const QuarantineFlags& flags) {
  WEIR_ASSIGN_OR_RETURN(auto options, flags.project.ToOptions());
  WEIR_ASSIGN_OR_RETURN(auto runtime, server::ProjectRuntime::Open(RealEnv(), options));
  WEIR_ASSIGN_OR_RETURN(
      sql::ReplayOutcome outcome,
      runtime->Replay({flags.table, flags.file, flags.where}, Hex64(RealEnv().RandomU64())));
  fmt::print("{} of {} rows went back into {}", outcome.replayed, outcome.asked, flags.table);
  const int64_t left = outcome.asked - outcome.replayed - outcome.unparsed;
  if (left > 0) fmt::print("; {} still {} a constraint", left, left == 1 ? "breaks" : "break");
  if (outcome.unparsed > 0) {
    fmt::print("; {} never parsed: export them, write their \"row\", replay --from the file",
               outcome.unparsed);
  }
  fmt::print("\n");
  return 0;
}

void Add(CLI::App& parent, Outcome& outcome, const char* name, const char* about,
         Result<int> (*run)(const QuarantineFlags&), const std::string& options) {
  auto flags = std::make_shared<QuarantineFlags>();
  CLI::App* command = parent.add_subcommand(name, about);
  const auto has = [&](char option) { return options.find(option) != std::string::npos; };
  if (has('t'))
    command->add_option("table", flags->table, "the table (not its quarantine)")->required();
  flags->project.AddTo(*command);
  if (has('w')) {
    command->add_option("--where", flags->where, "only rows for which this SQL condition holds");
  }
  if (has('l')) command->add_option("--limit", flags->limit, "most rows to show");
  if (has('o')) {
    command->add_option("--to", flags->file, "file of JSON lines to write");
    command->add_option("--to-topic", flags->to_topic,
                        "topic to write rows to that came of a topic, with Connect's headers");
    flags->topics.AddTo(*command);
  }
  if (has('i')) {
    command->add_option("--from", flags->file, "file of mended JSON lines, as export writes them");
  }
  if (has('f')) AddFormatTo(*command, flags->format);
  command->callback([flags, run, &outcome] {
    auto code = run(*flags);
    outcome.exit_code = code.ok() ? *code : Fail(code.error(), flags->format);
  });
}

}  // namespace

void AddQuarantineCommand(CLI::App& app, Outcome& outcome) {
  CLI::App* command = app.add_subcommand("quarantine", "look at rejected rows and send them back");
  command->require_subcommand(1);
  Add(*command, outcome, "list", "rows in quarantine by table and constraint", List, "f");
  Add(*command, outcome, "show", "the rejected rows of a table", Show, "twlf");
  Add(*command, outcome, "export", "write rejected rows to a file to be mended", Export, "two");
  Add(*command, outcome, "replay", "send rows that pass today's contract back into the table",
      Replay, "twi");
}

}  // namespace weir::cli
