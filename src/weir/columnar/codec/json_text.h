// Writing JSON text: a string with its quotes and escapes.
#pragma once

#include <string>
#include <string_view>

namespace weir::columnar {

// "a\"b" for a"b. The text must be UTF-8.
std::string JsonString(std::string_view text);

}  // namespace weir::columnar
