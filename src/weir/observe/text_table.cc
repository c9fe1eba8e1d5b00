#include "weir/observe/text_table.h"

#include <algorithm>
#include <cassert>
#include <cstdint>

namespace weir::observe {

namespace {

constexpr size_t kGap = 2;          // blanks between columns
constexpr size_t kCutWidthMin = 8;  // a column is not cut below this

// The code point at `pos`, which moves behind it. U+FFFD for what is not UTF-8.
uint32_t NextCodePoint(const std::string& text, size_t& pos) {
  const auto lead = static_cast<unsigned char>(text[pos++]);
  const int more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : lead >= 0xC0 ? 1 : 0;
  uint32_t point = more == 0 ? lead : lead & (0x3F >> more);
  for (int i = 0; i < more; ++i) {
    if (pos >= text.size() || (text[pos] & 0xC0) != 0x80) return 0xFFFD;
    point = point << 6 | (static_cast<unsigned char>(text[pos++]) & 0x3F);
  }
  return point;
}

size_t WidthOf(uint32_t point) {
  const bool combining = (point >= 0x300 && point <= 0x36F) ||
                         (point >= 0x200B && point <= 0x200F) ||
                         (point >= 0xFE00 && point <= 0xFE0F);
  if (combining || point < 0x20 || point == 0x7F) return 0;
  // Unicode "East Asian Width": the blocks that are wide, roughly.
  const bool wide = (point >= 0x1100 && point <= 0x115F) || (point >= 0x2E80 && point <= 0xA4CF) ||
                    (point >= 0xAC00 && point <= 0xD7A3) || (point >= 0xF900 && point <= 0xFAFF) ||
                    (point >= 0xFE30 && point <= 0xFE6F) || (point >= 0xFF00 && point <= 0xFF60) ||
                    (point >= 0x1F300 && point <= 0x1FAFF) ||
                    (point >= 0x20000 && point <= 0x3FFFD);
  return wide ? 2 : 1;
}

}  // namespace

size_t DisplayWidth(const std::string& text) {
  size_t width = 0;
  for (size_t pos = 0; pos < text.size();) width += WidthOf(NextCodePoint(text, pos));
  return width;
}

std::string CutTo(const std::string& text, size_t width) {
  if (DisplayWidth(text) <= width) return text;
  if (width == 0) return "";
  size_t used = 0;
  size_t end = 0;
  for (size_t pos = 0; pos < text.size();) {
    used += WidthOf(NextCodePoint(text, pos));
    if (used > width - 1) break;
    end = pos;
  }
  return text.substr(0, end) + "…";
}

void TextTable::Add(std::vector<std::string> values) {
  assert(values.size() == columns_.size());
  rows_.push_back(std::move(values));
}

std::string TextTable::ToString(size_t width) const {
  std::vector<size_t> widths(columns_.size());
  std::vector<size_t> shown;
  for (size_t c = 0; c < columns_.size(); ++c) {
    bool any = false;
    for (const auto& row : rows_) {
      widths[c] = std::max(widths[c], DisplayWidth(row[c]));
      any |= !row[c].empty();
    }
    widths[c] = std::max(widths[c], DisplayWidth(columns_[c].name));
    if (any) shown.push_back(c);
  }
  auto total = [&] {
    size_t sum = shown.empty() ? 0 : kGap * (shown.size() - 1);
    for (size_t c : shown) sum += widths[c];
    return sum;
  };
  while (width > 0 && total() > width) {
    auto least = std::min_element(shown.begin(), shown.end(), [&](size_t a, size_t b) {
      return columns_[a].importance < columns_[b].importance;
    });
    if (columns_[*least].importance < 10) {
      shown.erase(least);
      continue;
    }
    size_t widest = columns_.size();
    for (size_t c : shown) {
      if (columns_[c].align != kLeft || widths[c] <= kCutWidthMin) continue;
      if (widest == columns_.size() || widths[c] > widths[widest]) widest = c;
    }
    if (widest == columns_.size()) break;  // narrower is not possible
    widths[widest] -= std::min(total() - width, widths[widest] - kCutWidthMin);
  }
  auto line = [&](auto&& value_of) {
    std::string text;
    for (size_t i = 0; i < shown.size(); ++i) {
      const size_t c = shown[i];
      const std::string value = CutTo(value_of(c), widths[c]);
      const std::string blanks(widths[c] - DisplayWidth(value), ' ');
      if (i > 0) text.append(kGap, ' ');
      text += columns_[c].align == kRight ? blanks + value : value + blanks;
    }
    text.erase(text.find_last_not_of(' ') + 1);
    return text + "\n";
  };
  std::string out = line([&](size_t c) { return columns_[c].name; });
  for (const auto& row : rows_) out += line([&](size_t c) { return row[c]; });
  return out;
}

}  // namespace weir::observe
