#include "weir/sql/session.h"

#include <algorithm>
#include <cstdlib>
#include <set>

#include "duckdb/common/error_data.hpp"
#include "duckdb/main/client_context.hpp"
#include "duckdb/main/connection.hpp"
#include "duckdb/main/materialized_query_result.hpp"
#include "duckdb/parser/parser.hpp"
#include "duckdb/planner/expression/bound_columnref_expression.hpp"
#include "duckdb/planner/expression/bound_reference_expression.hpp"
#include "duckdb/planner/expression_iterator.hpp"
#include "duckdb/planner/operator/logical_get.hpp"
#include "duckdb/planner/operator/logical_projection.hpp"
#include "duckdb/planner/planner.hpp"
#include "weir/columnar/duckdb_error.h"
#include "weir/columnar/path_pattern.h"
#include "weir/sql/query_names.h"

namespace weir::sql {

using columnar::QuoteLiteral;
using columnar::QuoteName;

namespace {

constexpr const char* kShapeTable = "__weir_shape";

// The first line of DuckDB's message without its class and its own excerpt; the rest may hold
// candidates, which make the fix.
struct Message {
  std::string what;
  std::string fix;
};

bool IsWordByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// The word behind the first "name ", without its quotes; "" if there is none.
std::string NameIn(std::string_view what) {
  constexpr std::string_view kBefore = "name ";
  for (size_t at = what.find(kBefore); at != what.npos; at = what.find(kBefore, at + 1)) {
    size_t begin = at + kBefore.size();
    if (begin < what.size() && what[begin] == '"') begin += 1;
    size_t end = begin;
    while (end < what.size() && IsWordByte(what[end])) end += 1;
    if (end > begin) return std::string(what.substr(begin, end - begin));
  }
  return "";
}

// What stands in quotes.
std::vector<std::string> QuotedIn(std::string_view text) {
  std::vector<std::string> found;
  for (size_t open = text.find('"'); open != text.npos;) {
    const size_t close = text.find('"', open + 1);
    if (close == text.npos) break;
    if (close > open + 1) found.emplace_back(text.substr(open + 1, close - open - 1));
    open = text.find('"', close + 1);
  }
  return found;
}

// The nearest of all names may still be far: "table_changes", did you mean "disable_peg_parser"?
bool IsNear(const std::string& what, const std::string& candidates) {
  const std::string wrong = NameIn(what);
  const std::vector<std::string> names = QuotedIn(candidates);
  return wrong.empty() || names.empty() || !DidYouMean(wrong, names).empty();
}

Message Shorten(std::string text) {
  Message message;
  if (size_t excerpt = text.find("\n\nLINE "); excerpt != std::string::npos) text.resize(excerpt);
  if (size_t excerpt = text.find("\nLINE "); excerpt != std::string::npos) text.resize(excerpt);
  for (const char* marker :
       {"Candidate bindings:", "Candidate tables:", "Did you mean",
        "Candidate functions:", "Candidate macros:", "Candidate time zones:"}) {
    size_t at = text.find(marker);
    if (at == std::string::npos) continue;
    message.fix = text.substr(at);
    text.resize(at);
  }
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  while (!message.fix.empty() && message.fix.back() == '\n') message.fix.pop_back();
  for (const std::string marker : {"Candidate bindings:", "Candidate time zones:"}) {
    if (message.fix.rfind(marker, 0) != 0) continue;
    message.fix = "did you mean" + message.fix.substr(marker.size()) + "?";
  }
  if (message.fix.rfind("Did", 0) == 0) {
    message.fix[0] = 'd';
    if (!IsNear(text, message.fix)) message.fix.clear();
  }
  message.what = std::move(text);
  return message;
}

// Where "\n\nLINE 2: ...id::TINYINT...\n             ^" at the end of a message points in `sql`:
// a statement that has begun to run leaves no other trace of it.
std::optional<size_t> PointedAt(const std::string& message, const std::string& sql) {
  const size_t begin = message.rfind("\n\nLINE ");
  if (begin == std::string::npos) return std::nullopt;
  const size_t text_at = message.find(": ", begin);
  const size_t text_end = message.find('\n', begin + 2);
  if (text_at == std::string::npos || text_end == std::string::npos) return std::nullopt;
  const size_t caret = message.find('^', text_end);
  const size_t shown_at = text_at + 2 - (begin + 2);
  if (caret == std::string::npos || caret - text_end - 1 < shown_at) return std::nullopt;
  std::string shown = message.substr(text_at + 2, text_end - text_at - 2);
  size_t column = caret - text_end - 1 - shown_at;
  const std::string dots = "...";
  if (shown.starts_with(dots) && column >= dots.size()) {
    shown.erase(0, dots.size());
    column -= dots.size();
  }
  if (shown.ends_with(dots)) shown.resize(shown.size() - dots.size());
  size_t line = 0;
  for (size_t n = std::strtoull(message.c_str() + begin + 7, nullptr, 10); n > 1; --n) {
    line = sql.find('\n', line);
    if (line == std::string::npos) return std::nullopt;
    ++line;
  }
  const size_t found = sql.find(shown, line);
  if (found == std::string::npos) return std::nullopt;
  return found + column;
}

std::string SelectList(const columnar::Schema& schema, const std::set<std::string>& absent) {
  std::string list;
  for (const columnar::Field& field : schema.fields) {
    if (!list.empty()) list += ", ";
    const std::string value =
        absent.count(ToLower(field.name)) > 0 ? "NULL" : QuoteName(field.name);
    list += "CAST(" + value + " AS " + field.type.ToString() + ") AS " + QuoteName(field.name);
  }
  return list;
}

std::string PathList(const std::vector<columnar::ParquetFile>& files) {
  std::string list = "[";
  for (const columnar::ParquetFile& file : files) {
    if (list.size() > 1) list += ", ";
    list += QuoteLiteral(columnar::PathPattern(file.path));
  }
  return list + "]";
}

// Does the path spell these constants as Hive folders, as DuckDB will read them?
bool PathSaysConstants(const columnar::ParquetFile& file) {
  for (const auto& [key, value] : file.constants) {
    if (!value) {
      if (file.path.find("/" + key + "=__HIVE_DEFAULT_PARTITION__/") == std::string::npos) {
        return false;
      }
      continue;
    }
    const bool plain = std::all_of(value->begin(), value->end(), [](unsigned char c) {
      return std::isalnum(c) || c == '-' || c == '_' || c == '.';
    });
    if (!plain || file.path.find("/" + key + "=" + *value + "/") == std::string::npos) return false;
  }
  return true;
}

std::string WithComputed(const TableStatement* declared, const std::string& select) {
  if (declared == nullptr) return select;
  std::string computed;
  for (const ColumnDefinition& column : declared->columns) {
    if (column.computed.empty()) continue;
    std::string value = "(" + column.computed.text + ")";
    if (!column.type.empty()) value = "CAST(" + value + " AS " + column.type + ")";
    computed += ", " + value + " AS " + QuoteName(column.name);
  }
  return computed.empty() ? select : "SELECT *" + computed + " FROM (" + select + ")";
}

// Replaces "ARRAY<T>" by "T[]" and the like, word by word.
Result<std::string> DuckDBTypeText(const std::string& text) {
  SourceText source{"type", text};
  WEIR_ASSIGN_OR_RETURN(std::vector<Token> tokens, Tokenize(source));
  size_t pos = 0;
  std::function<std::string()> type = [&]() -> std::string {
    const Token name = tokens[pos];
    if (name.kind != TokenKind::kEnd) ++pos;
    auto generic = [&] { return tokens[pos].Is("<"); };
    std::string out;
    if (name.Is("ARRAY") && generic()) {
      ++pos;
      out = type() + "[]";
      if (tokens[pos].Is(">")) ++pos;
    } else if (name.Is("MAP") && generic()) {
      ++pos;
      out = "MAP(";
      out += type();
      if (tokens[pos].Is(",")) ++pos;
      out += ", ";
      out += type() + ")";
      if (tokens[pos].Is(">")) ++pos;
    } else if (name.Is("ROW") && (generic() || tokens[pos].Is("("))) {
      ++pos;
      out = "STRUCT(";
      while (tokens[pos].kind != TokenKind::kEnd && !tokens[pos].Is(">") && !tokens[pos].Is(")")) {
        if (tokens[pos].Is(",")) {
          ++pos;
          out += ", ";
        }
        out += QuoteName(tokens[pos++].text) + " ";
        out += type();
      }
      out += ")";
      if (tokens[pos].kind != TokenKind::kEnd) ++pos;
    } else if (name.Is("STRING")) {
      out = "VARCHAR";
    } else if (name.Is("BYTES")) {
      out = "BLOB";
    } else if (name.Is("TIMESTAMP") || name.Is("TIMESTAMP_LTZ")) {
      bool zoned = name.Is("TIMESTAMP_LTZ");
      if (tokens[pos].Is("(")) pos = std::min(pos + 3, tokens.size() - 1);
      if (tokens[pos].Is("WITH") || tokens[pos].Is("WITHOUT")) {
        zoned = tokens[pos].Is("WITH");
        while (tokens[pos].kind == TokenKind::kName) ++pos;
      }
      out = zoned ? "TIMESTAMPTZ" : "TIMESTAMP";
    } else {
      out = text.substr(name.begin, name.end - name.begin);
      int depth = 0;
      while (
          tokens[pos].kind != TokenKind::kEnd &&
          (depth > 0 || (!tokens[pos].Is(",") && !tokens[pos].Is(">") && !tokens[pos].Is(")")))) {
        if (tokens[pos].Is("(") || tokens[pos].Is("[")) ++depth;
        if (tokens[pos].Is(")") || tokens[pos].Is("]")) --depth;
        if (tokens[pos].kind == TokenKind::kName) out += " ";
        out += text.substr(tokens[pos].begin, tokens[pos].end - tokens[pos].begin);
        if (tokens[pos].kind == TokenKind::kName) out += " ";
        ++pos;
      }
    }
    while (tokens[pos].Is("[")) {  // T[] after any of them
      out += "[]";
      pos = std::min(pos + 2, tokens.size() - 1);
    }
    return out;
  };
  return type();
}

}  // namespace

BoundQuery::BoundQuery() = default;
BoundQuery::BoundQuery(BoundQuery&&) noexcept = default;
BoundQuery& BoundQuery::operator=(BoundQuery&&) noexcept = default;
BoundQuery::~BoundQuery() = default;

Session::Session(columnar::Engine& engine) : engine_(engine) {}

// What scans hold, files behind URLs among it, goes while the database is still there.
Session::~Session() { scans_->Clear(); }

Result<std::unique_ptr<Session>> Session::Open(columnar::Engine& engine) {
  std::unique_ptr<Session> session(new Session(engine));
  WEIR_ASSIGN_OR_RETURN(session->connection_, engine.Connect());
  try {
    RegisterScanFunction(engine.database(), session->scans_);
    RegisterWriteFunction(engine.database(), session->writes_, session->scans_);
  } catch (const std::exception& exception) {
    return Error::Bug(std::string("registering functions: ") + exception.what());
  }
  return session;
}

Status Session::Execute(const std::string& sql) {
  auto result = engine_.Query(*connection_, sql);
  if (auto error = scans_->TakeError()) return std::move(*error);
  return result.status();
}

Status Session::ExecuteAround(const std::string& sql, const Fragment& query,
                              std::optional<int64_t> now_us, bool exact) {
  WEIR_ASSIGN_OR_RETURN(RewrittenQuery rewritten, RewriteQuery(query, now_us));
  auto result = connection_->Query(sql);
  if (auto error = scans_->TakeError()) return std::move(*error);
  if (!result->HasError()) return Status::Ok();
  const duckdb::ErrorData& data = result->GetErrorObject();
  Error error = columnar::FromDuckDB(data);
  if (error.actor() != Actor::kUser || !error.where().empty()) return error;
  size_t offset = 0;
  const size_t begin = sql.find(rewritten.text);
  const auto at = exact ? PointedAt(data.RawMessage(), sql) : std::nullopt;
  if (at && begin != std::string::npos && *at >= begin && *at < begin + rewritten.text.size()) {
    offset = rewritten.OriginalOffset(*at - begin);
  }
  Message message = Shorten(data.RawMessage());
  if (message.fix.empty() && data.Type() == duckdb::ExceptionType::CONVERSION) {
    message.fix = "cast to a type that holds the value, or write TRY_CAST for a NULL instead";
  } else if (message.fix.empty() && data.Type() == duckdb::ExceptionType::OUT_OF_RANGE) {
    message.fix = "cast to a wider type first";
  }
  return query.ErrorHere(offset, error.code(), message.what).Fix(message.fix);
}

Status Session::CreateView(const std::string& name, const std::string& select) {
  return Execute("CREATE OR REPLACE TEMPORARY VIEW " + QuoteName(name) + " AS " + select);
}

Status Session::DefineScan(const TableStatement& declared, const columnar::Schema& schema,
                           std::shared_ptr<columnar::SourceScan> scan, int32_t file_base,
                           columnar::UnparsedRows* unparsed) {
  auto active = std::make_shared<ActiveScan>();
  active->name = declared.name;
  active->schema = schema;
  active->unparsed = unparsed;
  active->file_base = file_base;
  if (scan) {
    const auto& splits = scan->splits();
    for (const columnar::Split& split : splits) active->total_bytes += split.bytes;
    active->split_states = std::make_unique<ActiveScan::SplitState[]>(splits.size());
  }
  active->scan = std::move(scan);
  scans_->Set(active);
  return CreateView(declared.name, WithComputed(&declared, "SELECT * FROM weir_scan(" +
                                                               QuoteLiteral(declared.name) + ")"));
}

Status Session::DefineSource(const TableStatement& declared,
                             std::shared_ptr<columnar::BatchSource> source,
                             columnar::UnparsedRows* unparsed) {
  WEIR_RETURN_IF_ERROR(DefineScan(declared, source->schema(), nullptr, 0, unparsed));
  scans_->Find(declared.name)->source = std::move(source);
  return Status::Ok();
}

Status Session::DefineUnreadable(const TableStatement& declared, const columnar::Schema& schema,
                                 Error why) {
  WEIR_RETURN_IF_ERROR(DefineScan(declared, schema, nullptr, 0, nullptr));
  scans_->Find(declared.name)->unreadable = std::move(why);
  return Status::Ok();
}

Status Session::DefineParquet(const std::string& name, const TableStatement* declared,
                              const columnar::Schema& schema,
                              const std::vector<columnar::ParquetFile>& files, int32_t file_base) {
  std::set<std::string> all;
  for (const columnar::Field& field : schema.fields) all.insert(ToLower(field.name));
  Scans::ParquetInput input;
  input.name = name;
  for (const columnar::ParquetFile& file : files) {
    input.ordinals[file.path] = file_base++;
    input.has_order |= file.has_order;
  }
  scans_->SetParquet(std::move(input));
  if (files.empty()) {
    return CreateView(name,
                      WithComputed(declared, "SELECT " + SelectList(schema, all) + " WHERE false"));
  }
  // Files with the same constants in one reader; one reader for all where their folders say them.
  std::vector<std::vector<columnar::ParquetFile>> groups(1);
  const auto& first = files[0].constants;
  const bool alike = std::all_of(files.begin(), files.end(),
                                 [&](const auto& file) { return file.constants == first; });
  const bool hive =
      !first.empty() && std::all_of(files.begin(), files.end(), [&](const auto& file) {
        return PathSaysConstants(file) &&
               std::equal(first.begin(), first.end(), file.constants.begin(), file.constants.end(),
                          [](const auto& a, const auto& b) { return a.first == b.first; });
      });
  if (hive || alike) {
    groups[0] = files;
  } else if (declared != nullptr) {  // rows of a source keep the order of its files
    for (const columnar::ParquetFile& file : files) {
      if (!groups.back().empty() && groups.back().back().constants != file.constants) {
        groups.emplace_back();
      }
      groups.back().push_back(file);
    }
  } else {
    std::map<std::map<std::string, std::optional<std::string>>, std::vector<columnar::ParquetFile>>
        by_constants;
    for (const columnar::ParquetFile& file : files) by_constants[file.constants].push_back(file);
    groups.clear();
    for (auto& [constants, group] : by_constants) groups.push_back(std::move(group));
  }
  std::string select;
  for (const auto& group : groups) {
    std::string reader = "read_parquet(" + PathList(group) +
                         ", union_by_name = true, filename = " + QuoteLiteral(ParquetTag(name)) +
                         ", ";
    reader += hive ? "hive_partitioning = true, hive_types_autocast = false)"
                   : "hive_partitioning = false)";
    auto columns = engine_.Query(*connection_, "SELECT * FROM " + reader + " LIMIT 0");
    if (!columns.ok()) return std::move(columns).error().While("reading " + name);
    std::set<std::string> absent = all;
    for (const std::string& column : (*columns)->names) absent.erase(ToLower(column));
    std::string constants;
    std::string hidden;  // columns of the files that constants win over
    if (!hive) {
      for (const auto& [key, value] : group[0].constants) {
        absent.erase(ToLower(key));
        for (const std::string& column : (*columns)->names) {
          if (!EqualsIgnoreCase(column, key)) continue;
          hidden += (hidden.empty() ? "" : ", ") + QuoteName(column);
        }
        constants +=
            ", " + (value ? QuoteLiteral(*value) : std::string("NULL")) + " AS " + QuoteName(key);
      }
    }
    if (!hidden.empty()) hidden = " EXCLUDE (" + hidden + ")";
    if (!constants.empty()) reader = "(SELECT *" + hidden + constants + " FROM " + reader + ")";
    if (!select.empty()) select += " UNION ALL ";
    select += "SELECT " + SelectList(schema, absent) + " FROM " + reader;
  }
  return CreateView(name, WithComputed(declared, select));
}

Status Session::DefineView(const ViewStatement& view, std::optional<int64_t> now_us) {
  WEIR_ASSIGN_OR_RETURN(RewrittenQuery rewritten, RewriteQuery(view.query, now_us));
  // Bound by itself first, for an error with the right place.
  WEIR_RETURN_IF_ERROR(Bind(view.query, now_us).status());
  std::string columns;
  for (const std::string& column : view.columns) {
    columns += (columns.empty() ? "(" : ", ") + QuoteName(column);
  }
  if (!columns.empty()) columns += ")";
  return Execute("CREATE OR REPLACE TEMPORARY VIEW " + QuoteName(view.name) + columns + " AS " +
                 rewritten.text);
}

Status Session::DefineMacro(const MacroStatement& macro) {
  try {
    auto result = connection_->Query("CREATE OR REPLACE TEMPORARY " + macro.text.text);
    if (result->HasError()) result->ThrowError();
  } catch (const std::exception& exception) {
    return Translate(exception, macro.text, nullptr);
  }
  return Status::Ok();
}

Error Session::Translate(const std::exception& exception, const Fragment& query,
                         const RewrittenQuery* rewritten) const {
  if (auto error = scans_->TakeError()) return std::move(*error);
  duckdb::ErrorData data(exception);
  Message message = Shorten(data.RawMessage());
  if (data.Type() == duckdb::ExceptionType::INTERNAL ||
      data.Type() == duckdb::ExceptionType::FATAL) {
    return Error::Bug(message.what);
  }
  // Binding opens files: what the machine failed at is no mistake in the query.
  Error cause = columnar::FromDuckDB(data);
  if (cause.actor() != Actor::kUser) return cause;
  size_t offset = 0;
  auto place = data.ExtraInfo().find("position");
  if (place != data.ExtraInfo().end()) {
    offset = std::stoull(place->second);
    if (rewritten != nullptr) offset = rewritten->OriginalOffset(offset);
  }
  Error error = query.ErrorHere(offset, ErrorCode::kInvalid, message.what);
  return message.fix.empty() ? error : std::move(error).Fix(message.fix);
}

Result<std::vector<std::string>> Session::TablesIn(const Fragment& query) {
  WEIR_ASSIGN_OR_RETURN(RewrittenQuery rewritten, RewriteQuery(query, std::nullopt));
  try {
    auto names = TablesMentioned(*connection_->context, rewritten.text);
    return std::vector<std::string>(names.begin(), names.end());
  } catch (const std::exception& exception) {
    return Translate(exception, query, &rewritten);
  }
}

Result<BoundQuery> Session::Bind(const Fragment& query, std::optional<int64_t> now_us) {
  WEIR_ASSIGN_OR_RETURN(RewrittenQuery rewritten, RewriteQuery(query, now_us));
  BoundQuery bound;
  try {
    duckdb::ClientContext& context = *connection_->context;
    context.RunFunctionInTransaction([&] {
      duckdb::Parser parser(context.GetParserOptions());
      parser.ParseQuery(rewritten.text);
      if (parser.statements.size() != 1 ||
          parser.statements[0]->type != duckdb::StatementType::SELECT_STATEMENT) {
        throw duckdb::ParserException("expected one query (SELECT ...)");
      }
      duckdb::Planner planner(context);
      planner.CreatePlan(std::move(parser.statements[0]));
      for (size_t i = 0; i < planner.names.size(); ++i) {
        bound.schema.fields.push_back({planner.names[i], planner.types[i], true});
      }
      bound.plan = std::move(planner.plan);
    });
  } catch (const std::exception& exception) {
    return Translate(exception, query, &rewritten);
  }
  return bound;
}

Result<std::vector<std::unique_ptr<duckdb::Expression>>> Session::BindConditions(
    const columnar::Schema& schema, const std::vector<Fragment>& conditions,
    std::optional<int64_t> now_us) {
  std::vector<std::unique_ptr<duckdb::Expression>> bound;
  std::string columns;
  for (const columnar::Field& field : schema.fields) {
    columns += (columns.empty() ? "" : ", ") + QuoteName(field.name) + " " + field.type.ToString();
  }
  WEIR_RETURN_IF_ERROR(Execute(std::string("CREATE OR REPLACE TEMPORARY TABLE ") + kShapeTable +
                               " (" + columns + ")"));
  for (const Fragment& condition : conditions) {
    WEIR_ASSIGN_OR_RETURN(RewrittenQuery rewritten, RewriteQuery(condition, now_us));
    const std::string head = "SELECT CAST((";
    for (auto& [to, from] : rewritten.places) to += head.size();
    try {
      duckdb::ClientContext& context = *connection_->context;
      context.RunFunctionInTransaction([&] {
        duckdb::Parser parser(context.GetParserOptions());
        parser.ParseQuery(head + rewritten.text + ") AS BOOLEAN) FROM " + kShapeTable);
        duckdb::Planner planner(context);
        planner.CreatePlan(std::move(parser.statements.at(0)));
        duckdb::LogicalOperator& root = *planner.plan;
        const bool plain = root.type == duckdb::LogicalOperatorType::LOGICAL_PROJECTION &&
                           root.children[0]->type == duckdb::LogicalOperatorType::LOGICAL_GET;
        if (!plain) {
          throw duckdb::BinderException(
              "a condition looks at one row: no subquery, aggregate or window function here");
        }
        auto& get = root.children[0]->Cast<duckdb::LogicalGet>();
        auto expression = std::move(root.expressions[0]);
        duckdb::ExpressionIterator::VisitExpressionMutable<duckdb::BoundColumnRefExpression>(
            expression, [&](duckdb::BoundColumnRefExpression& column,
                            duckdb::unique_ptr<duckdb::Expression>& slot) {
              const auto index = get.GetColumnIds()[column.binding.column_index].GetPrimaryIndex();
              slot = duckdb::make_uniq<duckdb::BoundReferenceExpression>(column.return_type, index);
            });
        bound.emplace_back(expression.release());
      });
    } catch (const std::exception& exception) {
      return Translate(exception, condition, &rewritten);
    }
  }
  WEIR_RETURN_IF_ERROR(Execute(std::string("DROP TABLE ") + kShapeTable));
  return bound;
}

Result<std::unique_ptr<duckdb::MaterializedQueryResult>> Session::Query(
    const Fragment& query, std::optional<int64_t> now_us) {
  WEIR_ASSIGN_OR_RETURN(RewrittenQuery rewritten, RewriteQuery(query, now_us));
  try {
    auto result = connection_->Query(rewritten.text);
    if (result->HasError()) result->ThrowError();
    return std::unique_ptr<duckdb::MaterializedQueryResult>(result.release());
  } catch (const std::exception& exception) {
    return Translate(exception, query, &rewritten);
  }
}

double Session::ProgressPercent() {
  return connection_->context->GetQueryProgress().GetPercentage();
}

Result<duckdb::LogicalType> ParseType(duckdb::Connection& connection, const std::string& text) {
  WEIR_ASSIGN_OR_RETURN(std::string duckdb_text, DuckDBTypeText(text));
  try {
    duckdb::LogicalType type;
    connection.context->RunFunctionInTransaction(
        [&] { type = duckdb::TransformStringToLogicalType(duckdb_text, *connection.context); });
    return type;
  } catch (const std::exception& exception) {
    return Error::User(
        ErrorCode::kInvalid,
        "'" + text + "' is not a type: " + Shorten(duckdb::ErrorData(exception).RawMessage()).what);
  }
}

Result<std::optional<columnar::Schema>> DeclaredSchema(Session& session,
                                                       const TableStatement& table) {
  columnar::Schema schema;
  bool only_metadata = true;
  for (const ColumnDefinition& column : table.columns) {
    if (!column.computed.empty()) continue;
    auto type = ParseType(session.connection(), column.type);
    if (!type.ok()) {
      return ErrorAt(*table.source, column.at, ErrorCode::kInvalid, type.error().message());
    }
    only_metadata &= column.is_metadata;
    if (column.is_metadata && (table.materialized || table.options.count("connector") == 0)) {
      return ErrorAt(*table.source, column.at, ErrorCode::kInvalid,
                     "column '" + column.name + "': only a source has METADATA columns");
    }
    schema.fields.push_back({column.name, std::move(type).value(), !column.not_null});
  }
  if (only_metadata) return std::optional<columnar::Schema>();
  return std::optional<columnar::Schema>(std::move(schema));
}

}  // namespace weir::sql
