// The two field types of Kafka's messages that the C++ library has no word for.
//
// Thread rule: values.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::log::kafka {

// 16 bytes, most significant first. All zero means "none" wherever a topic id is optional.
struct Uuid {
  std::array<uint8_t, 16> bytes{};

  bool IsZero() const { return *this == Uuid{}; }
  auto operator<=>(const Uuid&) const = default;
};

// Record batches as they are on the wire, not owned: whoever puts them here keeps the bytes alive.
// A decoded request's records lie in the request's own buffer and are always one piece; a
// response's may come from several places of a log and are sent one after the other, without being
// joined.
class Records {
 public:
  Records() = default;
  explicit Records(std::string_view bytes) : first_(bytes) {}

  void Append(std::string_view piece) {
    if (piece.empty()) return;
    if (first_.empty()) {
      first_ = piece;
    } else {
      more_.push_back(piece);
    }
  }
  void Clear() { *this = Records(); }

  size_t size() const {
    size_t bytes = first_.size();
    for (const std::string_view piece : more_) bytes += piece.size();
    return bytes;
  }
  // All of it, where it is one piece: anything decoded, and anything made from one view.
  std::string_view first() const { return first_; }
  bool is_one_piece() const { return more_.empty(); }

  template <typename F>
  void ForEachPiece(F&& f) const {
    if (!first_.empty()) f(first_);
    for (const std::string_view piece : more_) f(piece);
  }

  // The same bytes, however they are cut into pieces.
  bool operator==(const Records& other) const;

 private:
  std::string_view first_;
  std::vector<std::string_view> more_;
};

}  // namespace weir::log::kafka
