// What a request names again is left out. A name takes a few bytes, what is told of it may take a
// million times as much: a small request could ask for more than there is memory.
//
// Thread rule: a free function.
#pragma once

#include <set>
#include <type_traits>
#include <utility>
#include <vector>

namespace weir::log::kafka {

// `key_of(element)`: what it names.
template <typename T, typename KeyOf>
void KeepEachOnce(std::vector<T>* elements, KeyOf&& key_of) {
  std::set<std::decay_t<decltype(key_of(elements->front()))>> seen;
  std::vector<T> once;
  for (T& element : *elements) {
    if (seen.insert(key_of(element)).second) once.push_back(std::move(element));
  }
  *elements = std::move(once);
}

template <typename T>
void KeepEachOnce(std::vector<T>* elements) {
  KeepEachOnce(elements, [](const T& element) { return element; });
}

}  // namespace weir::log::kafka
