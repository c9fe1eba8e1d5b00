#include "weir/log/kafka/types.h"

#include <string>

namespace weir::log::kafka {

bool Records::operator==(const Records& other) const {
  if (is_one_piece() && other.is_one_piece()) return first_ == other.first_;
  if (size() != other.size()) return false;
  std::string mine, theirs;  // pieces are compared in tests only: simple wins
  ForEachPiece([&](std::string_view piece) { mine += piece; });
  other.ForEachPiece([&](std::string_view piece) { theirs += piece; });
  return mine == theirs;
}

}  // namespace weir::log::kafka
