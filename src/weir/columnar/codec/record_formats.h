// The decoders behind NewRecordDecoder, one for each format, and how their options are read.
//
// Thread rule: as record_decode.h.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "weir/base/result.h"
#include "weir/columnar/codec/record_decode.h"

namespace weir::columnar {

// Takes a format's options one by one; what is known is known, the rest is for writing.
class FormatOptions {
 public:
  explicit FormatOptions(const RecordFormatOptions& format) : format_(format) {}
  // The value, or the default; User error if it is neither of the choices.
  Result<bool> Boolean(const std::string& key, bool by_default) const;
  Result<std::string> Choice(const std::string& key, const std::vector<std::string>& choices) const;
  Result<int64_t> Number(const std::string& key, int64_t by_default, int64_t least,
                         int64_t most) const;
  const std::string* Find(const std::string& key) const;
  Error Wrong(const std::string& key, const std::string& expected) const;

 private:
  const RecordFormatOptions& format_;
};

Result<std::unique_ptr<RecordsDecoder>> NewJsonRecords(const RecordFormatOptions& format,
                                                       const Schema& fields,
                                                       const std::vector<RecordColumn>& columns);
Result<std::unique_ptr<RecordsDecoder>> NewCsvRecords(const RecordFormatOptions& format,
                                                      const Schema& fields,
                                                      const std::vector<RecordColumn>& columns);
Result<std::unique_ptr<RecordsDecoder>> NewRawRecords(const RecordFormatOptions& format,
                                                      const Schema& fields,
                                                      const std::vector<RecordColumn>& columns);
Result<std::unique_ptr<RecordsDecoder>> NewAvroRecords(const RecordFormatOptions& format,
                                                       const Schema& fields,
                                                       const std::vector<RecordColumn>& columns);
Result<std::unique_ptr<RecordsDecoder>> NewDebeziumRecords(
    const RecordFormatOptions& format, const Schema& fields,
    const std::vector<RecordColumn>& columns);

}  // namespace weir::columnar
