// Recursive descent over the lexer's tokens. One function a statement; each leaves the position
// after what it read.
#include <algorithm>
#include <cctype>
#include <functional>

#include "weir/sql/statement.h"

namespace weir::sql {

namespace {

using guard::Action;
using guard::Check;
using guard::CheckKind;

class StatementParser {
 public:
  StatementParser(std::shared_ptr<const SourceText> source, std::vector<Token> tokens)
      : source_(std::move(source)), tokens_(std::move(tokens)) {}

  Result<std::vector<Statement>> ParseFile() {
    std::vector<Statement> statements;
    int set_depth = 0;
    while (!AtEnd()) {
      if (Accept(";")) continue;
      if (AcceptAll({"EXECUTE", "STATEMENT", "SET"})) {
        WEIR_RETURN_IF_ERROR(Expect("BEGIN"));
        ++set_depth;
        continue;
      }
      if (AcceptAll({"BEGIN", "STATEMENT", "SET"})) {
        ++set_depth;
        continue;
      }
      if (set_depth > 0 && Peek().Is("END") &&
          (Peek(1).Is(";") || Peek(1).kind == TokenKind::kEnd)) {
        ++pos_;
        --set_depth;
        continue;
      }
      const size_t first = pos_;
      Statement statement;
      WEIR_RETURN_IF_ERROR(ParseStatement(statement));
      if (!AtEnd() && !Peek().Is(";")) {
        return Unexpected("the end of the statement (;)");
      }
      statement.text = Slice(first, pos_);
      statements.push_back(std::move(statement));
    }
    if (set_depth > 0) return Unexpected("END of the statement set");
    return statements;
  }

 private:
  // --- tokens ---
  const Token& Peek(size_t ahead = 0) const {
    return tokens_[std::min(pos_ + ahead, tokens_.size() - 1)];
  }
  bool AtEnd() const { return Peek().kind == TokenKind::kEnd; }
  bool Accept(std::string_view word) {
    if (!Peek().Is(word)) return false;
    ++pos_;
    return true;
  }
  bool AcceptAll(std::initializer_list<std::string_view> words) {
    size_t ahead = 0;
    for (std::string_view word : words) {
      if (!Peek(ahead++).Is(word)) return false;
    }
    pos_ += words.size();
    return true;
  }
  Status Expect(std::string_view word) {
    if (Accept(word)) return Status::Ok();
    return Unexpected("'" + std::string(word) + "'");
  }
  Error Unexpected(const std::string& expected) const {
    const Token& token = Peek();
    const std::string found =
        token.kind == TokenKind::kEnd
            ? "the end of the file"
            : "'" + source_->text.substr(token.begin, token.end - token.begin) + "'";
    return ErrorAt(*source_, token.begin, ErrorCode::kInvalid,
                   "expected " + expected + ", found " + found);
  }
  Error UnexpectedWord(const std::string& expected, const std::vector<std::string>& words) const {
    Error error = Unexpected(expected);
    const std::string hint = DidYouMean(Peek().text, words);
    return hint.empty() ? error : std::move(error).Fix(hint);
  }
  Fragment Slice(size_t first, size_t last) const {  // tokens [first, last)
    Fragment fragment;
    fragment.source = source_;
    fragment.begin = tokens_[first].begin;
    const size_t end = last > first ? tokens_[last - 1].end : fragment.begin;
    fragment.text = source_->text.substr(fragment.begin, end - fragment.begin);
    return fragment;
  }
  Result<std::string> Name(const char* what) {
    const Token& token = Peek();
    if (token.kind != TokenKind::kName && token.kind != TokenKind::kQuotedName) {
      return Unexpected(what);
    }
    ++pos_;
    return token.text;
  }
  Result<std::string> String(const char* what) {
    if (Peek().kind != TokenKind::kString) return Unexpected(what);
    return tokens_[pos_++].text;
  }
  Result<std::vector<std::string>> NameList(const char* what) {
    std::vector<std::string> names;
    WEIR_RETURN_IF_ERROR(Expect("("));
    do {
      WEIR_ASSIGN_OR_RETURN(std::string name, Name(what));
      names.push_back(std::move(name));
    } while (Accept(","));
    WEIR_RETURN_IF_ERROR(Expect(")"));
    return names;
  }
  // Text up to (not including) the first token at depth 0 for which stop() holds.
  Result<Fragment> Until(const char* what, const std::function<bool(const Token&)>& stop) {
    const size_t first = pos_;
    int depth = 0;
    while (!AtEnd()) {
      const Token& token = Peek();
      if (depth == 0 && stop(token)) break;
      if (token.Is("(") || token.Is("[") || token.Is("{")) ++depth;
      if (token.Is(")") || token.Is("]") || token.Is("}")) {
        if (depth == 0) break;
        --depth;
      }
      ++pos_;
    }
    if (pos_ == first) return Unexpected(what);
    return Slice(first, pos_);
  }
  // "( ... )": the text between the outer parentheses.
  Result<Fragment> Parenthesised(const char* what) {
    WEIR_RETURN_IF_ERROR(Expect("("));
    WEIR_ASSIGN_OR_RETURN(Fragment inner, Until(what, [](const Token&) { return false; }));
    WEIR_RETURN_IF_ERROR(Expect(")"));
    return inner;
  }
  Result<Fragment> Query() {
    if (!Peek().Is("SELECT") && !Peek().Is("WITH") && !Peek().Is("VALUES") && !Peek().Is("FROM") &&
        !Peek().Is("(") && !Peek().Is("TABLE")) {
      return UnexpectedWord("a query (SELECT ...)", {"SELECT", "WITH", "VALUES", "FROM"});
    }
    return Until("a query", [](const Token& token) { return token.Is(";"); });
  }

  // --- statements ---
  Status ParseStatement(Statement& out) {
    if (Accept("CREATE")) {
      AcceptAll({"OR", "REPLACE"}) || Accept("TEMPORARY");
      if (AcceptAll({"MATERIALIZED", "TABLE"})) return ParseTable(out, true);
      if (Accept("TABLE")) return ParseTable(out, false);
      if (Accept("VIEW")) return ParseView(out);
      if (Accept("TOPIC")) return ParseTopic(out);
      if (Peek().Is("MACRO") || Peek().Is("FUNCTION")) return ParseMacro(out);
      return UnexpectedWord("TABLE, MATERIALIZED TABLE, VIEW, TOPIC or MACRO",
                            {"TABLE", "MATERIALIZED", "VIEW", "TOPIC", "MACRO"});
    }
    if (Accept("INSERT")) return ParseInsert(out);
    if (Accept("SET")) return ParseSet(out);
    static const std::vector<std::string> kQueryWords = {"SELECT",   "WITH", "VALUES",   "FROM",
                                                         "DESCRIBE", "SHOW", "SUMMARIZE"};
    for (const std::string& word : kQueryWords) {
      if (!Peek().Is(word) && !Peek().Is("(")) continue;
      WEIR_ASSIGN_OR_RETURN(Fragment query,
                            Until("a query", [](const Token& token) { return token.Is(";"); }));
      out.body = QueryStatement{std::move(query)};
      return Status::Ok();
    }
    return UnexpectedWord("a statement (CREATE, INSERT, SELECT, SET)",
                          {"CREATE", "INSERT", "SELECT", "SET", "WITH", "BEGIN"});
  }

  void SkipIfNotExists() { AcceptAll({"IF", "NOT", "EXISTS"}); }

  Status ParseTable(Statement& out, bool materialized) {
    SkipIfNotExists();
    TableStatement table;
    table.materialized = materialized;
    table.source = source_;
    WEIR_ASSIGN_OR_RETURN(table.name, Name("a table name"));
    if (Accept("(")) {
      do {
        WEIR_RETURN_IF_ERROR(ParseTableElement(table));
      } while (Accept(","));
      WEIR_RETURN_IF_ERROR(Expect(")"));
    }
    while (!AtEnd() && !Peek().Is(";")) {
      if (Accept("AS")) {
        WEIR_ASSIGN_OR_RETURN(table.query, Query());
      } else {
        WEIR_RETURN_IF_ERROR(ParseTableClause(table));
      }
    }
    if (materialized && table.query.empty()) return Unexpected("AS SELECT ...");
    out.body = std::move(table);
    return Status::Ok();
  }

  Status ParseTableClause(TableStatement& table) {
    if (AcceptAll({"PARTITIONED", "BY"}) || AcceptAll({"CLUSTER", "BY"}) ||
        AcceptAll({"CLUSTERED", "BY"})) {
      const bool partition = tokens_[pos_ - 2].Is("PARTITIONED");
      WEIR_ASSIGN_OR_RETURN(auto names, NameList("a column name"));
      if (partition) table.partition_columns = std::move(names);
      return Status::Ok();
    }
    if (Accept("WITH")) return ParseOptions(&table.options, &table.option_places);
    if (Accept("COMMENT")) {
      WEIR_ASSIGN_OR_RETURN(table.comment, String("a comment in quotes"));
      return Status::Ok();
    }
    if (Accept("FRESHNESS")) {
      Accept("=");
      WEIR_RETURN_IF_ERROR(Expect("INTERVAL"));
      if (Peek().kind == TokenKind::kString || Peek().kind == TokenKind::kNumber) ++pos_;
      WEIR_ASSIGN_OR_RETURN(std::string unit, Name("a unit (SECOND, MINUTE, HOUR, DAY)"));
      table.options["freshness"] = tokens_[pos_ - 2].text + " " + unit;
      return Status::Ok();
    }
    if (Accept("REFRESH_MODE")) {
      Accept("=");
      if (!Peek().Is("FULL") && !Peek().Is("CONTINUOUS")) {
        return UnexpectedWord("CONTINUOUS or FULL", {"CONTINUOUS", "FULL"});
      }
      table.options["refresh-mode"] = ToLower(tokens_[pos_++].text);
      return Status::Ok();
    }
    return UnexpectedWord(
        "PARTITIONED BY, WITH, COMMENT, FRESHNESS, REFRESH_MODE or AS",
        {"PARTITIONED", "CLUSTER", "WITH", "COMMENT", "FRESHNESS", "REFRESH_MODE", "AS"});
  }

  Status ParseOptions(std::map<std::string, std::string>* options,
                      std::map<std::string, size_t>* places) {
    WEIR_RETURN_IF_ERROR(Expect("("));
    do {
      const size_t at = Peek().begin;
      WEIR_ASSIGN_OR_RETURN(std::string key, String("an option name in quotes"));
      WEIR_RETURN_IF_ERROR(Expect("="));
      WEIR_ASSIGN_OR_RETURN(std::string value, String("the option's value in quotes"));
      places->emplace(key, at);
      if (!options->emplace(key, value).second) {
        return ErrorAt(*source_, at, ErrorCode::kInvalid, "option '" + key + "' is given twice");
      }
    } while (Accept(","));
    return Expect(")");
  }

  Status ParseTableElement(TableStatement& table) {
    if (Peek().Is("CONSTRAINT") && Peek(1).kind != TokenKind::kEnd) return ParseConstraint(table);
    if (Peek().Is("EXPECT")) {
      const std::string name = "check_" + std::to_string(table.checks.size() + 1);
      ++pos_;
      return ParseExpect(table, name);
    }
    if (AcceptAll({"PRIMARY", "KEY"})) return ParsePrimaryKey(table);
    if (AcceptAll({"WATERMARK", "FOR"})) {
      Watermark watermark;
      WEIR_ASSIGN_OR_RETURN(watermark.column, Name("the event time column"));
      WEIR_RETURN_IF_ERROR(Expect("AS"));
      WEIR_ASSIGN_OR_RETURN(watermark.expression,
                            Until("an expression", [](const Token& t) { return t.Is(","); }));
      table.watermark = std::move(watermark);
      return Status::Ok();
    }
    return ParseColumn(table);
  }

  Status ParsePrimaryKey(TableStatement& table) {
    WEIR_ASSIGN_OR_RETURN(table.primary_key, NameList("a key column"));
    AcceptAll({"NOT", "ENFORCED"});
    return Status::Ok();
  }

  Status ParseConstraint(TableStatement& table) {
    ++pos_;  // CONSTRAINT
    WEIR_ASSIGN_OR_RETURN(std::string name, Name("a constraint name"));
    if (AcceptAll({"PRIMARY", "KEY"})) return ParsePrimaryKey(table);
    if (!Accept("EXPECT")) {
      return UnexpectedWord("EXPECT or PRIMARY KEY", {"EXPECT", "PRIMARY"});
    }
    return ParseExpect(table, name);
  }

  // After EXPECT: (expr) | (cols) REFERENCES t (cols) | REFERENCES t (cols) | UNIQUE (cols)
  //   | COMPLETE (cols) [>= ratio] | FRESH [column] WITHIN INTERVAL 'n' unit
  Status ParseExpect(TableStatement& table, const std::string& name) {
    Check check;
    check.name = name;
    const size_t first = pos_;
    if (Accept("UNIQUE")) {
      check.kind = CheckKind::kUnique;
      WEIR_ASSIGN_OR_RETURN(check.columns, NameList("a column name"));
    } else if (Accept("REFERENCES")) {
      WEIR_RETURN_IF_ERROR(ParseReferences(check));
      check.columns = check.reference_columns;
    } else if (Accept("COMPLETE")) {
      WEIR_RETURN_IF_ERROR(ParseComplete(check));
    } else if (Accept("FRESH")) {
      WEIR_RETURN_IF_ERROR(ParseFresh(table, check));
    } else {
      WEIR_ASSIGN_OR_RETURN(Fragment inner, Parenthesised("a condition"));
      if (Accept("REFERENCES")) {
        pos_ = first;
        WEIR_ASSIGN_OR_RETURN(check.columns, NameList("a column name"));
        WEIR_RETURN_IF_ERROR(Expect("REFERENCES"));
        WEIR_RETURN_IF_ERROR(ParseReferences(check));
      } else {
        check.kind = CheckKind::kRow;
        check.expression = inner.text;
      }
    }
    Fragment place = Slice(first, pos_);
    check.where = PlaceOf(*source_, place.begin);
    if (check.kind == CheckKind::kRow) place = Inner(place);
    WEIR_RETURN_IF_ERROR(ParseViolation(check));
    table.checks.push_back(std::move(check));
    table.check_places.push_back(std::move(place));
    return Status::Ok();
  }

  // "(a > 0)" -> "a > 0", as a fragment with the right place.
  static Fragment Inner(Fragment fragment) {
    size_t open = fragment.text.find('(');
    size_t close = fragment.text.rfind(')');
    if (open == std::string::npos || close == std::string::npos) return fragment;
    fragment.begin += open + 1;
    fragment.text = fragment.text.substr(open + 1, close - open - 1);
    return fragment;
  }

  Status ParseReferences(Check& check) {
    check.kind = CheckKind::kReferences;
    WEIR_ASSIGN_OR_RETURN(check.reference_table, Name("the referenced table"));
    WEIR_ASSIGN_OR_RETURN(check.reference_columns, NameList("a column of it"));
    return Status::Ok();
  }

  Status ParseComplete(Check& check) {
    WEIR_ASSIGN_OR_RETURN(check.columns, NameList("a column name"));
    if (Accept(">")) {
      WEIR_RETURN_IF_ERROR(Expect("="));
      if (Peek().kind != TokenKind::kNumber) return Unexpected("a ratio between 0 and 1");
      check.kind = CheckKind::kRatio;
      const double ratio = std::strtod(tokens_[pos_++].text.c_str(), nullptr);
      check.measure = guard::Measure::kBrokenRows;
      check.threshold = {guard::Comparison::kLessOrEqual, (1 - ratio) * 100, 0, true};
    } else {
      check.kind = CheckKind::kRow;
    }
    for (const std::string& column : check.columns) {
      if (!check.expression.empty()) check.expression += " AND ";
      check.expression += "\"" + column + "\" IS NOT NULL";
    }
    return Status::Ok();
  }

  Status ParseFresh(const TableStatement& table, Check& check) {
    check.kind = CheckKind::kFresh;
    if (!Peek().Is("WITHIN")) {
      WEIR_ASSIGN_OR_RETURN(std::string column, Name("a time column or WITHIN"));
      check.columns.push_back(column);
    } else if (table.watermark) {
      check.columns.push_back(table.watermark->column);
    }
    WEIR_RETURN_IF_ERROR(Expect("WITHIN"));
    WEIR_RETURN_IF_ERROR(Expect("INTERVAL"));
    if (Peek().kind != TokenKind::kString && Peek().kind != TokenKind::kNumber) {
      return Unexpected("a number of time units");
    }
    const std::string amount_text = tokens_[pos_++].text;
    char* rest = nullptr;
    const double amount = std::strtod(amount_text.c_str(), &rest);
    std::string unit = rest;
    unit.erase(0, unit.find_first_not_of(' '));
    if (unit.empty()) {
      WEIR_ASSIGN_OR_RETURN(unit, Name("a unit (SECOND, MINUTE, HOUR, DAY)"));
    }
    static const std::map<std::string, int64_t> kUnits = {{"second", 1'000'000},
                                                          {"minute", 60'000'000},
                                                          {"hour", 3'600'000'000},
                                                          {"day", 86'400'000'000}};
    unit = ToLower(unit);
    if (!unit.empty() && unit.back() == 's') unit.pop_back();
    auto it = kUnits.find(unit);
    if (it == kUnits.end()) {
      --pos_;
      return Unexpected("a unit (SECOND, MINUTE, HOUR, DAY)");
    }
    check.fresh_within_us = static_cast<int64_t>(amount * static_cast<double>(it->second));
    return Status::Ok();
  }

  Status ParseViolation(Check& check) {
    check.action = Action::kWarn;
    if (!AcceptAll({"ON", "VIOLATION"})) return Status::Ok();
    if (Accept("WARN")) {
      check.action = Action::kWarn;
    } else if (AcceptAll({"DROP", "ROW"}) || Accept("DROP")) {
      check.action = Action::kDropRow;
    } else if (Accept("QUARANTINE")) {
      check.action = Action::kQuarantine;
    } else if (Accept("FAIL")) {
      Accept("UPDATE");
      check.action = Action::kFail;
    } else {
      return UnexpectedWord("WARN, DROP ROW, QUARANTINE or FAIL",
                            {"WARN", "DROP", "QUARANTINE", "FAIL"});
    }
    return Status::Ok();
  }

  Status ParseColumn(TableStatement& table) {
    ColumnDefinition column;
    column.at = Peek().begin;
    WEIR_ASSIGN_OR_RETURN(column.name, Name("a column name"));
    for (const ColumnDefinition& other : table.columns) {
      if (EqualsIgnoreCase(other.name, column.name)) {
        return ErrorAt(*source_, column.at, ErrorCode::kInvalid,
                       "column '" + column.name + "' is declared twice");
      }
    }
    int angle = 0;  // MAP<STRING, INT>
    auto ends_type = [&angle](const Token& t) {
      if (t.Is("<")) ++angle;
      if (t.Is(">")) --angle;
      if (angle > 0) return false;
      return t.Is(",") || t.Is("METADATA") || t.Is("AS") || t.Is("NOT") || t.Is("NULL") ||
             t.Is("COMMENT") || t.Is("PRIMARY");
    };
    if (!ends_type(Peek()) && !Peek().Is(")")) {
      WEIR_ASSIGN_OR_RETURN(Fragment type, Until("a type", ends_type));
      column.type = type.text;
    }
    while (!AtEnd() && !Peek().Is(",") && !Peek().Is(")")) {
      if (Accept("AS")) {
        WEIR_ASSIGN_OR_RETURN(column.computed, Until("an expression", [](const Token& t) {
                                return t.Is(",") || t.Is("COMMENT");
                              }));
      } else if (Accept("METADATA")) {
        column.is_metadata = true;
        column.metadata = column.name;
        if (Accept("FROM")) {
          WEIR_ASSIGN_OR_RETURN(column.metadata, String("a metadata key in quotes"));
        }
        column.is_virtual = Accept("VIRTUAL");
      } else if (AcceptAll({"NOT", "NULL"})) {
        column.not_null = true;
      } else if (Accept("NULL")) {
        column.not_null = false;
      } else if (AcceptAll({"PRIMARY", "KEY"})) {
        table.primary_key = {column.name};
        AcceptAll({"NOT", "ENFORCED"});
      } else if (Accept("COMMENT")) {
        WEIR_RETURN_IF_ERROR(String("a comment in quotes").status());
      } else {
        return UnexpectedWord("AS, METADATA, NOT NULL, COMMENT, ',' or ')'",
                              {"AS", "METADATA", "NOT", "COMMENT"});
      }
    }
    if (column.type.empty() && column.computed.empty()) return Unexpected("a type");
    table.columns.push_back(std::move(column));
    return Status::Ok();
  }

  // A topic's name may hold what no other name of SQL does, such as dots.
  Status ParseTopic(Statement& out) {
    SkipIfNotExists();
    TopicStatement topic;
    topic.source = source_;
    WEIR_ASSIGN_OR_RETURN(topic.name, Name("a topic name"));
    while (Accept(".")) {
      WEIR_ASSIGN_OR_RETURN(const std::string part, Name("a topic name"));
      topic.name += "." + part;
    }
    if (Accept("WITH")) WEIR_RETURN_IF_ERROR(ParseOptions(&topic.options, &topic.option_places));
    if (!AtEnd() && !Peek().Is(";")) return UnexpectedWord("WITH or ';'", {"WITH"});
    out.body = std::move(topic);
    return Status::Ok();
  }

  Status ParseView(Statement& out) {
    SkipIfNotExists();
    ViewStatement view;
    WEIR_ASSIGN_OR_RETURN(view.name, Name("a view name"));
    if (Peek().Is("(")) {
      WEIR_ASSIGN_OR_RETURN(view.columns, NameList("a column name"));
    }
    if (Accept("COMMENT")) {
      WEIR_RETURN_IF_ERROR(String("a comment in quotes").status());
    }
    WEIR_RETURN_IF_ERROR(Expect("AS"));
    WEIR_ASSIGN_OR_RETURN(view.query, Query());
    out.body = std::move(view);
    return Status::Ok();
  }

  Status ParseInsert(Statement& out) {
    InsertStatement insert;
    if (Accept("OVERWRITE")) {
      insert.overwrite = true;
      Accept("INTO") || Accept("TABLE");
    } else {
      WEIR_RETURN_IF_ERROR(Expect("INTO"));
    }
    WEIR_ASSIGN_OR_RETURN(insert.table, Name("a table name"));
    if (Peek().Is("(") && !Peek(1).Is("SELECT") && !Peek(1).Is("WITH")) {
      WEIR_ASSIGN_OR_RETURN(insert.columns, NameList("a column name"));
    }
    WEIR_ASSIGN_OR_RETURN(insert.query, Query());
    out.body = std::move(insert);
    return Status::Ok();
  }

  Status ParseSet(Statement& out) {
    SetStatement set;
    WEIR_ASSIGN_OR_RETURN(set.key, String("an option name in quotes"));
    WEIR_RETURN_IF_ERROR(Expect("="));
    WEIR_ASSIGN_OR_RETURN(set.value, String("the option's value in quotes"));
    out.body = std::move(set);
    return Status::Ok();
  }

  Status ParseMacro(Statement& out) {
    const size_t first = pos_;
    ++pos_;  // MACRO or FUNCTION
    SkipIfNotExists();
    MacroStatement macro;
    WEIR_ASSIGN_OR_RETURN(macro.name, Name("a macro name"));
    WEIR_ASSIGN_OR_RETURN(Fragment rest, Until("a macro's parameters and body",
                                               [](const Token& t) { return t.Is(";"); }));
    macro.text = Slice(first, pos_);
    out.body = std::move(macro);
    return Status::Ok();
  }

  std::shared_ptr<const SourceText> source_;
  std::vector<Token> tokens_;
  size_t pos_ = 0;
};

}  // namespace

Error Fragment::ErrorHere(size_t offset, ErrorCode code, std::string message) const {
  return ErrorAt(*source, begin + std::min(offset, text.size()), code, std::move(message));
}

Result<std::vector<Statement>> ParseStatements(std::shared_ptr<const SourceText> source) {
  WEIR_ASSIGN_OR_RETURN(std::vector<Token> tokens, Tokenize(*source));
  return StatementParser(source, std::move(tokens)).ParseFile();
}

}  // namespace weir::sql
