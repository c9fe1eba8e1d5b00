#include "weir/sql/lexer.h"

#include <algorithm>
#include <cctype>

namespace weir::sql {

namespace {

bool IsNameStart(unsigned char c) { return std::isalpha(c) || c == '_' || c >= 0x80; }
bool IsNamePart(unsigned char c) { return IsNameStart(c) || std::isdigit(c) || c == '$'; }

// Skips blanks and comments; false if a comment never ends (its start is left in pos).
bool SkipBlanks(const std::string& text, size_t& pos) {
  while (pos < text.size()) {
    if (std::isspace(static_cast<unsigned char>(text[pos]))) {
      ++pos;
    } else if (text.compare(pos, 2, "--") == 0) {
      pos = std::min(text.find('\n', pos), text.size());
    } else if (text.compare(pos, 2, "/*") == 0) {
      size_t end = text.find("*/", pos + 2);
      if (end == std::string::npos) return false;
      pos = end + 2;
    } else {
      return true;
    }
  }
  return true;
}

// Reads 'it''s', "a""b" or, with escapes, E'it\'s' from its opening quote; false if it never
// closes.
bool ReadQuoted(const std::string& text, bool escapes, size_t& pos, std::string& out) {
  const char quote = text[pos];
  for (++pos; pos < text.size(); ++pos) {
    if (escapes && text[pos] == '\\' && pos + 1 < text.size()) {
      out += text[pos++];
      out += text[pos];
    } else if (text[pos] != quote) {
      out += text[pos];
    } else if (pos + 1 < text.size() && text[pos + 1] == quote) {
      out += quote;
      ++pos;
    } else {
      ++pos;
      return true;
    }
  }
  return false;
}

// Reads $tag$ ... $tag$; false if this is no dollar quote, or (`open`) one that never closes.
bool ReadDollarQuoted(const std::string& text, size_t& pos, std::string& out, bool& open) {
  size_t tag_end = text.find('$', pos + 1);
  if (tag_end == std::string::npos || std::isdigit(static_cast<unsigned char>(text[pos + 1]))) {
    return false;
  }
  for (size_t i = pos + 1; i < tag_end; ++i) {
    if (!IsNamePart(static_cast<unsigned char>(text[i]))) return false;
  }
  const std::string tag = text.substr(pos, tag_end - pos + 1);
  size_t close = text.find(tag, tag_end + 1);
  open = close == std::string::npos;
  if (open) return false;
  out = text.substr(tag_end + 1, close - tag_end - 1);
  pos = close + tag.size();
  return true;
}

size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

}  // namespace

bool EqualsIgnoreCase(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
           return std::tolower(static_cast<unsigned char>(x)) ==
                  std::tolower(static_cast<unsigned char>(y));
         });
}

std::string ToLower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

bool Token::Is(std::string_view word) const {
  return (kind == TokenKind::kName || kind == TokenKind::kSymbol) && EqualsIgnoreCase(text, word);
}

Result<std::vector<Token>> Tokenize(const SourceText& source) {
  const std::string& text = source.text;
  std::vector<Token> tokens;
  size_t pos = 0;
  while (true) {
    if (!SkipBlanks(text, pos)) {
      return ErrorAt(source, pos, ErrorCode::kInvalid, "this comment is never closed")
          .Fix("close it with */");
    }
    Token token;
    token.begin = pos;
    if (pos >= text.size()) {
      token.end = pos;
      tokens.push_back(std::move(token));
      return tokens;
    }
    const unsigned char c = static_cast<unsigned char>(text[pos]);
    bool open = false;
    if (c == '\'' || c == '"') {
      token.kind = c == '"' ? TokenKind::kQuotedName : TokenKind::kString;
      const bool escapes = c == '\'' && !tokens.empty() && tokens.back().end == pos &&
                           tokens.back().kind == TokenKind::kName && tokens.back().Is("E");
      if (!ReadQuoted(text, escapes, pos, token.text)) {
        return ErrorAt(source, token.begin, ErrorCode::kInvalid,
                       std::string("this ") + (c == '"' ? "quoted name" : "string") +
                           " is never closed")
            .Fix(std::string("close it with ") + static_cast<char>(c));
      }
    } else if (c == '$' && ReadDollarQuoted(text, pos, token.text, open)) {
      token.kind = TokenKind::kString;
    } else if (open) {
      const std::string tag = text.substr(pos, text.find('$', pos + 1) - pos + 1);
      return ErrorAt(source, pos, ErrorCode::kInvalid, "this string is never closed")
          .Fix("close it with " + tag);
    } else if (IsNameStart(c)) {
      token.kind = TokenKind::kName;
      while (pos < text.size() && IsNamePart(static_cast<unsigned char>(text[pos]))) ++pos;
      token.text = text.substr(token.begin, pos - token.begin);
    } else if (std::isdigit(c)) {
      token.kind = TokenKind::kNumber;
      while (pos < text.size() &&
             (IsNamePart(static_cast<unsigned char>(text[pos])) || text[pos] == '.')) {
        ++pos;
      }
      token.text = text.substr(token.begin, pos - token.begin);
    } else {
      token.kind = TokenKind::kSymbol;
      token.text = std::string(1, text[pos++]);
    }
    token.end = pos;
    tokens.push_back(std::move(token));
  }
}

std::string PlaceOf(const SourceText& source, size_t offset) {
  offset = std::min(offset, source.text.size());
  const auto begin = source.text.begin();
  const auto at = begin + static_cast<std::ptrdiff_t>(offset);
  const auto line = 1 + std::count(begin, at, '\n');
  const size_t last_newline = offset == 0 ? std::string::npos : source.text.rfind('\n', offset - 1);
  const size_t column = last_newline == std::string::npos ? offset + 1 : offset - last_newline;
  return source.file + ":" + std::to_string(line) + ":" + std::to_string(column);
}

std::string ExcerptOf(const SourceText& source, size_t offset) {
  constexpr size_t kWidth = 100;
  offset = std::min(offset, source.text.size());
  size_t begin = offset == 0 ? std::string::npos : source.text.rfind('\n', offset - 1);
  begin = begin == std::string::npos ? 0 : begin + 1;
  size_t end = std::min(source.text.find('\n', offset), source.text.size());
  if (offset - begin > kWidth) begin = offset - kWidth / 2;
  end = std::min(end, begin + kWidth);
  std::string line = source.text.substr(begin, end - begin);
  std::replace(line.begin(), line.end(), '\t', ' ');
  return line + "\n" + std::string(offset - begin, ' ') + "^";
}

Error ErrorAt(const SourceText& source, size_t offset, ErrorCode code, std::string message) {
  return Error::User(code, std::move(message))
      .At(PlaceOf(source, offset))
      .Excerpt(ExcerptOf(source, offset));
}

std::string DidYouMean(std::string_view wrong, const std::vector<std::string>& names) {
  const std::string lower = ToLower(wrong);
  std::string best;
  size_t best_distance = std::max<size_t>(2, wrong.size() / 3) + 1;
  for (const std::string& name : names) {
    const size_t distance = EditDistance(lower, ToLower(name));
    if (distance < best_distance) {
      best_distance = distance;
      best = name;
    }
  }
  return best.empty() ? "" : "did you mean '" + best + "'?";
}

}  // namespace weir::sql
