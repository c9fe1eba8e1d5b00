#include "weir/sql/rewrite.h"

#include <algorithm>
#include <map>

#include "duckdb/common/types/timestamp.hpp"

namespace weir::sql {

namespace {

// DuckDB aligns time_bucket to 2000-01-03; this many days back is 1970-01-01.
constexpr const char* kEpochOffset = "INTERVAL '-10959 days'";

struct WindowCall {
  std::string function;  // TUMBLE, HOP, CUMULATE, SESSION
  std::string relation;
  std::string partition_by;  // SESSION only: "k1, k2"
  std::string time_column;
  std::vector<std::string> intervals;
};

std::string Bucket(const std::string& width, const std::string& column) {
  return "time_bucket(" + width + ", " + column + ", " + kEpochOffset + ")";
}

std::string WindowTail(const std::string& inner) {
  return "(SELECT *, window_end - INTERVAL '1 millisecond' AS window_time FROM (" + inner + "))";
}

std::string TumbleSql(const WindowCall& call) {
  const std::string start = Bucket(call.intervals[0], call.time_column);
  return WindowTail("SELECT *, " + start + " AS window_start, " + start + " + " +
                    call.intervals[0] + " AS window_end FROM " + call.relation);
}

std::string HopSql(const WindowCall& call) {
  const std::string& slide = call.intervals[0];
  const std::string& size = call.intervals[1];
  const std::string first = Bucket(slide, call.time_column + " - " + size) + " + " + slide;
  return WindowTail("SELECT *, window_start + " + size +
                    " AS window_end FROM (SELECT *, unnest(generate_series(" + first + ", " +
                    Bucket(slide, call.time_column) + ", " + slide + ")) AS window_start FROM " +
                    call.relation + ")");
}

std::string CumulateSql(const WindowCall& call) {
  const std::string& step = call.intervals[0];
  const std::string& size = call.intervals[1];
  const std::string start = Bucket(size, call.time_column);
  return WindowTail("SELECT *, " + start + " AS window_start, unnest(generate_series(" +
                    Bucket(step, call.time_column) + " + " + step + ", " + start + " + " + size +
                    ", " + step + ")) AS window_end FROM " + call.relation);
}

std::string SessionSql(const WindowCall& call) {
  const std::string& gap = call.intervals[0];
  const std::string& time = call.time_column;
  const std::string by = call.partition_by.empty() ? "" : "PARTITION BY " + call.partition_by + " ";
  const std::string and_by = call.partition_by.empty() ? "" : call.partition_by + ", ";
  return WindowTail("SELECT * EXCLUDE (__weir_new, __weir_session), min(" + time +
                    ") OVER (PARTITION BY " + and_by + "__weir_session) AS window_start, max(" +
                    time + ") OVER (PARTITION BY " + and_by + "__weir_session) + " + gap +
                    " AS window_end FROM (SELECT *, sum(__weir_new) OVER (" + by + "ORDER BY " +
                    time + ") AS __weir_session FROM (SELECT *, CASE WHEN " + time + " <= lag(" +
                    time + ") OVER (" + by + "ORDER BY " + time + ") + " + gap +
                    " THEN 0 ELSE 1 END AS __weir_new FROM " + call.relation + "))");
}

class Rewriter {
 public:
  Rewriter(const Fragment& query, std::vector<Token> tokens, std::optional<int64_t> now_us)
      : query_(query), tokens_(std::move(tokens)), now_us_(now_us) {}

  Result<RewrittenQuery> Run() {
    while (tokens_[pos_].kind != TokenKind::kEnd) {
      WEIR_ASSIGN_OR_RETURN(bool window, WindowFunction());
      if (window || Now()) continue;
      ++pos_;
    }
    CopyUpTo(query_.text.size());
    return std::move(out_);
  }

 private:
  const Token& At(size_t ahead = 0) const {
    return tokens_[std::min(pos_ + ahead, tokens_.size() - 1)];
  }

  // Is this a window function's name followed by its parenthesis?
  bool IsWindowName(size_t ahead) const {
    return (At(ahead).Is("TUMBLE") || At(ahead).Is("HOP") || At(ahead).Is("CUMULATE") ||
            At(ahead).Is("SESSION")) &&
           At(ahead + 1).Is("(");
  }

  Result<bool> WindowFunction() {
    const size_t begin = At().begin;
    const bool wrapped = At().Is("TABLE") && At(1).Is("(") && IsWindowName(2);
    if (!wrapped && !(IsWindowName(0) && (At(2).Is("TABLE") || At(2).Is("DATA")))) return false;
    if (wrapped) pos_ += 2;
    WindowCall call;
    call.function = ToLower(At().text);
    const size_t name_at = At().begin;
    pos_ += 2;
    WEIR_RETURN_IF_ERROR(Arguments(call));
    if (wrapped) WEIR_RETURN_IF_ERROR(Expect(")"));
    const size_t wanted = call.function == "hop" || call.function == "cumulate" ? 2 : 1;
    if (call.intervals.size() != wanted) {
      return query_.ErrorHere(name_at, ErrorCode::kInvalid,
                              call.function + " takes " + std::to_string(wanted) +
                                  " INTERVAL argument(s), got " +
                                  std::to_string(call.intervals.size()));
    }
    std::string sql = call.function == "tumble"     ? TumbleSql(call)
                      : call.function == "hop"      ? HopSql(call)
                      : call.function == "cumulate" ? CumulateSql(call)
                                                    : SessionSql(call);
    Replace(begin, tokens_[pos_ - 1].end, sql);
    return true;
  }

  // [DATA =>] TABLE t [PARTITION BY k, ...] , [TIMECOL =>] DESCRIPTOR(c), [SIZE =>] INTERVAL ... )
  Status Arguments(WindowCall& call) {
    while (true) {
      if (At().kind == TokenKind::kName && At(1).Is("=") && At(2).Is(">")) pos_ += 3;
      if (At().Is("TABLE")) {
        ++pos_;
        WEIR_RETURN_IF_ERROR(Relation(call));
      } else if (At().Is("DESCRIPTOR")) {
        ++pos_;
        WEIR_RETURN_IF_ERROR(Expect("("));
        call.time_column = Quoted(At());
        ++pos_;
        WEIR_RETURN_IF_ERROR(Expect(")"));
      } else if (At().Is("INTERVAL")) {
        const size_t first = At().begin;
        while (At().kind != TokenKind::kEnd && !At().Is(",") && !At().Is(")")) ++pos_;
        call.intervals.push_back(query_.text.substr(first, tokens_[pos_ - 1].end - first));
      } else {
        return Unexpected("TABLE name, DESCRIPTOR(column) or INTERVAL");
      }
      if (At().Is(",")) {
        ++pos_;
        continue;
      }
      break;
    }
    if (call.relation.empty()) return Unexpected("TABLE name");
    if (call.time_column.empty()) return Unexpected("DESCRIPTOR(column)");
    return Expect(")");
  }

  Status Relation(WindowCall& call) {
    if (At().kind != TokenKind::kName && At().kind != TokenKind::kQuotedName) {
      return Unexpected("a table name");
    }
    call.relation = Quoted(At());
    ++pos_;
    if (At().Is("PARTITION") && At(1).Is("BY")) {
      pos_ += 2;
      call.partition_by = Quoted(At());
      ++pos_;
      // A comma goes on with the keys only if a plain name follows it.
      while (At().Is(",") && At(1).kind != TokenKind::kEnd && !At(1).Is("DESCRIPTOR") &&
             !At(1).Is("TIMECOL") && !At(1).Is("INTERVAL")) {
        ++pos_;
        call.partition_by += ", " + Quoted(At());
        ++pos_;
      }
    }
    return Status::Ok();
  }

  static std::string Quoted(const Token& token) {
    std::string out = "\"";
    for (char c : token.text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
    return out + "\"";
  }

  Status Expect(const char* symbol) {
    if (!At().Is(symbol)) return Unexpected(std::string("'") + symbol + "'");
    ++pos_;
    return Status::Ok();
  }

  Error Unexpected(const std::string& expected) const {
    return query_.ErrorHere(At().begin, ErrorCode::kInvalid, "expected " + expected);
  }

  bool Now() {
    if (!now_us_ || At().kind != TokenKind::kName) return false;
    if (pos_ > 0 && tokens_[pos_ - 1].Is(".")) return false;
    static const std::map<std::string, int> kWords = {{"now", 0},
                                                      {"get_current_timestamp", 0},
                                                      {"transaction_timestamp", 0},
                                                      {"current_timestamp", 1},
                                                      {"localtimestamp", 3},
                                                      {"current_date", 2},
                                                      {"today", 4}};
    auto it = kWords.find(ToLower(At().text));
    if (it == kWords.end()) return false;
    const bool call = At(1).Is("(") && At(2).Is(")");
    if (!call && (it->second == 0 || it->second == 4)) return false;  // a column of that name
    const std::string moment = duckdb::Timestamp::ToString(duckdb::timestamp_t(*now_us_));
    std::string literal;
    if (it->second == 2 || it->second == 4) {
      literal = "DATE '" + moment.substr(0, 10) + "'";
    } else if (it->second == 3) {
      literal = "TIMESTAMP '" + moment + "'";
    } else {
      literal = "TIMESTAMPTZ '" + moment + "+00'";
    }
    const size_t last = call ? 2 : 0;
    const size_t begin = At().begin;
    const size_t end = At(last).end;
    pos_ += last + 1;
    Replace(begin, end, literal);
    return true;
  }

  void CopyUpTo(size_t offset) {
    out_.places.emplace_back(out_.text.size(), copied_);
    out_.text += query_.text.substr(copied_, offset - copied_);
    copied_ = offset;
  }

  void Replace(size_t begin, size_t end, const std::string& text) {
    CopyUpTo(begin);
    out_.places.emplace_back(out_.text.size(), begin);
    out_.text += text;
    copied_ = end;
  }

  const Fragment& query_;
  std::vector<Token> tokens_;
  std::optional<int64_t> now_us_;
  size_t pos_ = 0;
  size_t copied_ = 0;
  RewrittenQuery out_;
};

}  // namespace

size_t RewrittenQuery::OriginalOffset(size_t offset) const {
  auto it = std::upper_bound(places.begin(), places.end(), std::make_pair(offset, SIZE_MAX));
  if (it == places.begin()) return offset;
  const auto& [from, original] = *(it - 1);
  return original + (offset - from);
}

Result<RewrittenQuery> RewriteQuery(const Fragment& query, std::optional<int64_t> now_us) {
  // The fragment is part of a file that tokenised, so this cannot fail for its own reasons.
  SourceText text{query.source->file, query.text};
  WEIR_ASSIGN_OR_RETURN(std::vector<Token> tokens, Tokenize(text));
  return Rewriter(query, std::move(tokens), now_us).Run();
}

}  // namespace weir::sql
