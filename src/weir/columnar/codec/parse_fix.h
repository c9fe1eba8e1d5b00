// What a person can do about a row that did not parse, told from the reason that the decoders of
// this folder gave: said once in a report, where each row carries its reason alone.
//
// Thread rule: a pure function.
#pragma once

#include <string>
#include <string_view>

namespace weir::columnar {

// Empty if nothing better is known than to look at the row.
std::string ParseFix(std::string_view reason);

}  // namespace weir::columnar
