// Numbers as people read them: "336,776", "1.2 MB", "4.31 s". Bytes are decimal (1 MB = 10^6).
//
// Thread rule: pure functions.
#pragma once

#include <cstdint>
#include <string>

namespace weir::observe {

std::string Count(int64_t n);                        // 336776 -> "336,776"
std::string Counted(int64_t n, const char* one);     // 2, "row" -> "2 rows"
std::string Bytes(double bytes);                     // 766000000 -> "766 MB"
std::string BytesPerSecond(double bytes, double s);  // "178 MB/s"; "" if s is not positive
std::string Seconds(double seconds);                 // "0.04 s", "4.31 s", "12 min 5 s"
std::string Percent(double share);                   // 0.423 -> "42 %"
std::string UtcTime(int64_t us);                     // "2013-01-31 07:00:09"

}  // namespace weir::observe
