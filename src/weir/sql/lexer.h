// Lexer: SQL text to tokens with their places, so that statements of ours can be cut out of a file
// and every error can point at the text that caused it. It knows strings, quoted names, dollar
// quotes, numbers and comments; it does not know keywords (a keyword is a name token).
//
// Thread rule: pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "weir/base/result.h"

namespace weir::sql {

enum class TokenKind { kName, kQuotedName, kString, kNumber, kSymbol, kEnd };

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string text;  // name as written, string and quoted name without quotes and escapes
  size_t begin = 0;  // bytes from the start of the text
  size_t end = 0;    // one past the last byte

  bool Is(std::string_view word) const;  // a name or symbol, compared without regard to case
};

// One file's text with its name, for messages.
struct SourceText {
  std::string file;
  std::string text;
};

// Always ends with a kEnd token. Fails on an unclosed string, quoted name or comment.
Result<std::vector<Token>> Tokenize(const SourceText& source);

// "flights.sql:12:9" (1-based) and the line with a caret under the byte at the offset.
std::string PlaceOf(const SourceText& source, size_t offset);
std::string ExcerptOf(const SourceText& source, size_t offset);
// An error of the user's at this place.
Error ErrorAt(const SourceText& source, size_t offset, ErrorCode code, std::string message);

bool EqualsIgnoreCase(std::string_view a, std::string_view b);
std::string ToLower(std::string_view text);
// "did you mean 'x'?" for the nearest of the names, or "" if none is near.
std::string DidYouMean(std::string_view wrong, const std::vector<std::string>& names);

}  // namespace weir::sql
