// Rewrite: what users write in Flink's words becomes what DuckDB runs, by replacing pieces of text.
//
//   TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' HOUR))   a subquery with window_start,
//   TABLE(HOP(...)), TABLE(CUMULATE(...)), TABLE(SESSION(...))  window_end and window_time
//   now(), current_timestamp, current_date ...                  the run's one fixed moment
//
// Windows are aligned to 1970-01-01 UTC, as Flink's are ("Windowing table-valued functions" in its
// documentation). Everything else is left as it stands.
//
// Thread rule: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "weir/base/result.h"
#include "weir/sql/statement.h"

namespace weir::sql {

struct RewrittenQuery {
  std::string text;
  // Where pieces of the original went: (offset in text, offset in the fragment), ascending.
  std::vector<std::pair<size_t, size_t>> places;

  // The offset in the user's fragment for an offset in `text`.
  size_t OriginalOffset(size_t offset) const;
};

// now_us: microseconds since 1970-01-01 UTC; nullopt leaves now() as it is.
Result<RewrittenQuery> RewriteQuery(const Fragment& query, std::optional<int64_t> now_us);

}  // namespace weir::sql
