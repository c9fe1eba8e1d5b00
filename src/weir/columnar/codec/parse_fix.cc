#include "weir/columnar/codec/parse_fix.h"

namespace weir::columnar {

namespace {

struct Rule {
  std::string_view part;  // of the reason; the first rule that fits counts
  const char* fix;
};

constexpr Rule kRules[] = {
    {"cannot cast",
     "declare the column with a type that holds the value (VARCHAR holds all), or mend it at the "
     "source; 'csv.null-literal' names texts that mean a missing value"},
    {"is not UTF-8", "convert the file: iconv -f LATIN1 -t UTF-8, or whatever its encoding is"},
    {"NUL byte", "take the NUL bytes out (tr -d '\\000'), or convert the file if it is UTF-16"},
    {"an object is expected", "write one JSON object a line, or one array of objects"},
    {" where ",
     "quote fields that hold the delimiter, complete lines that were cut off, or set "
     "'csv.field-delimiter'"},
    {"'max-record-bytes'",
     "close the quote or break the line at the source, or raise 'max-record-bytes'"},
    {"never closes", "close the quote at the source; a quote within a quoted field is doubled"},
    {"follows the closing quote",
     "double the quotes within the field, or set 'csv.escape-character' or 'csv.quote-character'"},
    {"'json.max-depth'", "flatten the document, or raise 'json.max-depth'"},
    {"not JSON", "mend the document at the source: one whole document a line, or one array"},
};

}  // namespace

std::string ParseFix(std::string_view reason) {
  for (const Rule& rule : kRules) {
    if (reason.find(rule.part) != std::string_view::npos) return rule.fix;
  }
  return "";
}

}  // namespace weir::columnar
