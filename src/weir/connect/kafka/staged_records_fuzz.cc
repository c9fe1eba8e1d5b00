// Any bytes are refused, or read to their end without a crash. The second reading puts a right
// frame around the input, so that the fuzzer gets past the checksums to the records.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "weir/base/byte_codec.h"
#include "weir/base/checksum.h"
#include "weir/base/sim_env.h"
#include "weir/connect/kafka/staged_records.h"

namespace {

constexpr const char* kPath = "/f.records";

int64_t ReadAll(const std::string& bytes) {
  weir::SimEnv env(1);
  if (!env.WriteFileAtomic(kPath, bytes).ok()) abort();
  auto reader = weir::connect::StagedReader::Open(env, kPath, std::nullopt);
  if (!reader.ok()) return -1;
  int64_t count = 0;
  weir::connect::StagedRecord record;
  while (true) {
    const auto more = (*reader)->Next(&record);
    if (!more.ok()) return -1;
    if (!*more) return count;
    if (++count > (*reader)->records()) abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::string input(reinterpret_cast<const char*>(data), size);
  ReadAll(input);
  const std::string block = input.substr(1);
  std::string file = "weirrec1";
  weir::ByteWriter header;
  header.U32(static_cast<uint32_t>(block.size()));
  header.U64(weir::Xxh3(block, file.size()));
  const uint64_t run = file.size();
  file += header.bytes() + block;
  weir::ByteWriter index;
  index.Varint(1);
  index.Varint(run);
  index.Varint(file.size() - run);
  index.Varint(data[0]);
  weir::ByteWriter trailer;
  trailer.U64(file.size());
  trailer.U64(weir::Xxh3(index.bytes(), file.size()));
  const int64_t count = ReadAll(file + index.bytes() + trailer.bytes() + "1cerriew");
  if (count >= 0 && count != data[0]) abort();
  return 0;
}
