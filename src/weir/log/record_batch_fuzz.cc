// Any bytes as a batch, as a batch whose length and CRC are set right, and as the records of one
// with each codec: walked, read and validated without a crash, within the limit of memory.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "weir/base/checksum.h"
#include "weir/log/control_batch.h"
#include "weir/log/record_batch.h"
#include "weir/log/record_batch_reader.h"
#include "weir/log/record_batch_validation.h"

namespace {

using namespace weir::log;  // NOLINT: a program of one file

constexpr size_t kBytesMax = 1 << 20;

void Read(std::string_view bytes) {
  static RecordReader reader;
  (void)ValidateProduce(bytes, {.records_bytes_max = kBytesMax, .now_ms = 1'700'000'000'000},
                        reader);
  (void)ReadMarker(bytes);
  BatchCursor batches(bytes);
  while (batches.Next()) {
    (void)CheckBatch(batches.bytes());
    if (!reader.Open(batches.bytes(), kBytesMax).ok()) continue;
    size_t total = 0;
    for (Record record; reader.Next(record);) {
      total += record.key.value_or("").size() + record.value.value_or("").size();
      if (record.Headers().size() != static_cast<size_t>(record.header_count)) abort();
    }
    if (total > std::max(kBytesMax, bytes.size())) abort();
  }
}

template <typename T>
void Put(std::string& bytes, size_t at, T value) {
  for (size_t i = 0; i < sizeof(T); ++i) {
    bytes[at + i] = static_cast<char>(value >> (8 * (sizeof(T) - 1 - i)));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string bytes(reinterpret_cast<const char*>(data), size);
  Read(bytes);
  if (bytes.size() < kBatchHeaderBytes) return 0;
  Put(bytes, 8, static_cast<int32_t>(bytes.size() - kBatchLengthEnd));
  bytes[16] = 2;
  for (char codec = 0; codec < 5; ++codec) {
    bytes[22] = static_cast<char>((bytes[22] & ~7) | codec);
    Put(bytes, 17, weir::Crc32c(std::string_view(bytes).substr(21)));
    Read(bytes);
  }
  return 0;
}
