#include "weir/lake/row_order.h"

#include <algorithm>
#include <charconv>

#include "weir/columnar/ports.h"
#include "weir/lake/file_stats.h"

namespace weir::lake {
namespace {

constexpr const char* kOrderTag = "weir.order";
constexpr int64_t kRowsUnknown = int64_t{1} << 40;  // more than any file has

}  // namespace

std::optional<RowOrder> StoredRowOrder(const AddFile& add) {
  const auto tag = add.tags.find(kOrderTag);
  if (tag == add.tags.end() || !tag->second) return std::nullopt;
  const std::string& text = *tag->second;
  RowOrder order;
  const char* const end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, order.first);
  if (first.ec != std::errc() || first.ptr == end || *first.ptr != ':') return std::nullopt;
  const auto last = std::from_chars(first.ptr + 1, end, order.end);
  if (last.ec != std::errc() || last.ptr != end || order.end < order.first) return std::nullopt;
  return order;
}

void SetRowOrder(AddFile& add, RowOrder order) {
  add.tags[kOrderTag] = std::to_string(order.first) + ":" + std::to_string(order.end);
}

int64_t OrderEnd(const columnar::ParquetFileStats& stats) {
  int64_t last = stats.rows;  // rows without a place stand by their numbers
  const auto* column = stats.Find({columnar::kOrderColumn});
  if (column != nullptr && column->max) {
    int64_t max = 0;
    const std::string& text = *column->max;
    if (std::from_chars(text.data(), text.data() + text.size(), max).ec == std::errc()) {
      last = std::max(last, max);
    }
  }
  return last + 1;
}

RowOrder TableOrder::Add(const AddFile& file) {
  RowOrder order;
  if (const auto stored = StoredRowOrder(file)) {
    order = *stored;
  } else {
    const int64_t rows = ParseNumRecords(file.stats);
    order = {end_, end_ + (rows < 0 ? kRowsUnknown : rows)};
  }
  end_ = std::max(end_, order.end);
  files_.push_back(order);
  return order;
}

}  // namespace weir::lake
