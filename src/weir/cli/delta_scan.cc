#include "weir/cli/delta_scan.h"

#include <algorithm>
#include <charconv>

#include "weir/lake/tables.h"

namespace weir::cli {

namespace {

// One call among the tokens of a statement.
struct Call {
  size_t begin = 0;  // bytes of the statement
  size_t end = 0;
  size_t path_at = 0;
  std::string path;
  std::optional<int64_t> version;
};

// The call that begins at this token, if one does.
std::optional<Call> CallAt(const std::vector<sql::Token>& tokens, size_t at) {
  const auto is = [&](size_t i, const char* text) {
    return i < tokens.size() && tokens[i].Is(text);
  };
  const bool begins = is(at, "delta_scan") && is(at + 1, "(") && at + 2 < tokens.size() &&
                      tokens[at + 2].kind == sql::TokenKind::kString;
  if (!begins) return std::nullopt;
  Call call;
  call.begin = tokens[at].begin;
  call.path_at = tokens[at + 2].begin;
  call.path = tokens[at + 2].text;
  size_t next = at + 3;
  if (is(next, ",")) {
    if (!is(next + 1, "version")) return std::nullopt;
    next += 2;
    // "=>" or ":=", in one token or two.
    while (next < tokens.size() && tokens[next].kind == sql::TokenKind::kSymbol) ++next;
    if (next >= tokens.size() || tokens[next].kind != sql::TokenKind::kNumber) return std::nullopt;
    const std::string& number = tokens[next].text;
    int64_t version = 0;
    const auto parsed = std::from_chars(number.data(), number.data() + number.size(), version);
    if (parsed.ec != std::errc() || parsed.ptr != number.data() + number.size()) {
      return std::nullopt;
    }
    call.version = version;
    ++next;
  }
  if (!is(next, ")")) return std::nullopt;
  call.end = tokens[next].end;
  return call;
}

}  // namespace

Result<sql::Fragment> ResolveDeltaScans(const sql::Fragment& statement, sql::Session& session,
                                        columnar::Engine& engine) {
  WEIR_ASSIGN_OR_RETURN(const std::vector<sql::Token> tokens,
                        sql::Tokenize({statement.source->file, statement.text}));
  sql::Fragment resolved = statement;
  lake::DeltaTables tables(engine.env(), engine);
  for (size_t i = tokens.size(); i-- > 0;) {  // from the end: places before it stay
    const std::optional<Call> call = CallAt(tokens, i);
    if (!call) continue;
    auto table = tables.Table(call->path, call->version);
    if (!table.ok()) {
      if (table.error().code() != ErrorCode::kNotFound) return std::move(table).error();
      return statement.ErrorHere(call->path_at, ErrorCode::kNotFound, table.error().message());
    }
    WEIR_ASSIGN_OR_RETURN(const auto files, (*table)->Files(nullptr));
    std::string name = call->path;
    if (call->version) name += "@" + std::to_string(*call->version);
    WEIR_RETURN_IF_ERROR(session.DefineParquet(name, nullptr, (*table)->schema(), files, 0));
    // Shorter, as a rule: "path@3" beside delta_scan('path', version => 3).
    std::string quoted = columnar::QuoteName(name);
    quoted.resize(std::max(quoted.size(), call->end - call->begin), ' ');
    resolved.text.replace(call->begin, call->end - call->begin, quoted);
  }
  return resolved;
}

}  // namespace weir::cli
