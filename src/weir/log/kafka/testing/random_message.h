// Messages full of random values, for tests: every field that a version has gets a value, null only
// where the version allows it. The same seed gives the same message.
//
//   RandomMessage random(seed);
//   const auto request = random.Make<FetchRequest>(13);
//
// Thread rule: one thread at a time. Records of its messages lie in the RandomMessage.
#pragma once

#include <concepts>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "weir/log/kafka/messages/random_messages.h"
#include "weir/log/kafka/types.h"

namespace weir::log::kafka::testing {

class RandomMessage {
 public:
  explicit RandomMessage(uint64_t seed) : state_(seed) {}

  template <typename M>
  M Make(int16_t version) {
    M message;
    FillFields(*this, version, message);
    return message;
  }

  // splitmix64
  uint64_t Next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  uint64_t Below(uint64_t end) { return Next() % end; }

  void Fill(int16_t, bool& value) { value = Below(2) == 1; }
  template <std::integral T>
  void Fill(int16_t, T& value) {
    value = static_cast<T>(Next() >> Below(64));  // small and large values
  }
  void Fill(int16_t, double& value) { value = static_cast<double>(Below(1000)) / 8; }
  void Fill(int16_t, Uuid& value) {
    for (uint8_t& byte : value.bytes) byte = static_cast<uint8_t>(Next());
  }
  void Fill(int16_t, std::string& value) {
    value = Text(Below(20) == 0 ? 200 : Below(12));  // 200: a length of two bytes
  }
  void Fill(int16_t, Records& value) {
    kept_.push_back(Text(Below(40) == 0 ? records_bytes_max : Below(100)));
    value = Records(kept_.back());
  }
  template <typename T>
  void Fill(int16_t version, std::vector<T>& value) {
    value.resize(Below(4));
    for (T& item : value) Fill(version, item);
  }
  template <typename T>
  void Fill(int16_t version, bool nullable, std::optional<T>& value) {
    value.reset();
    if (!nullable || Below(3) > 0) Fill(version, value.emplace());
  }
  template <typename T>
  requires std::is_class_v<T>
  void Fill(int16_t version, T& value) { FillFields(*this, version, value); }

  size_t records_bytes_max = 5000;

 private:
  std::string Text(size_t size) {
    std::string text(size, '\0');
    for (char& c : text) c = static_cast<char>('a' + Below(26));
    return text;
  }

  uint64_t state_;
  std::deque<std::string> kept_;  // what Records refer to
};

}  // namespace weir::log::kafka::testing
