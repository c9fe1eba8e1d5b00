// Walking JSON values strictly: simdjson's on-demand parser checks what it is asked for; these
// functions ask for everything. Internal to the JSON decoder and the inference of its columns.
//
// Thread rule: free functions on one parser at a time.
#pragma once

#include <simdjson.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "weir/columnar/codec/text_block.h"

namespace weir::columnar {

namespace od = simdjson::ondemand;

// What is wrong with a document, for people: "not JSON: ..." .
std::string JsonProblem(simdjson::error_code code);

// The token of a number, true, false or null, without the spaces behind it.
std::string_view ScalarToken(od::value& value);
// RFC 8259's grammar of numbers.
bool IsJsonNumber(std::string_view token);
// Text between the quotes of a string if it stands there without escapes.
bool PlainString(od::value& value, std::string_view* text);

// Consumes the value and checks all of it. False with `problem` set if it is broken or nested too
// deeply; `depth` counts the brackets around it.
bool CheckJson(od::value value, uint32_t depth, uint32_t depth_max, std::string* problem);

// Whether anything but spaces follows the document.
bool HasMore(od::document& document);

}  // namespace weir::columnar
