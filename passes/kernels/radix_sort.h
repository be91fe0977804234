// Sorting of plain unsigned keys in linear time.
#pragma once

#include <algorithm>
#include <array>
#include <climits>
#include <concepts>
#include <cstddef>
#include <vector>

namespace qc {

/// Sorts ascending: least significant digit first, 11 bits a pass, passes in which all keys agree
/// left out. O(n); needs room for a second copy of the keys.
template <std::unsigned_integral Key>
void radix_sort(std::vector<Key>& keys) {
  constexpr unsigned kDigitBits = 11;
  constexpr std::size_t kDigits = std::size_t{1} << kDigitBits;
  constexpr unsigned kPasses = (sizeof(Key) * CHAR_BIT + kDigitBits - 1) / kDigitBits;
  const auto digit = [](Key key, unsigned pass) {
    return static_cast<std::size_t>(key >> (pass * kDigitBits)) & (kDigits - 1);
  };
  if (keys.size() < kDigits) {
    std::ranges::sort(keys);
    return;
  }
  std::vector<std::array<std::size_t, kDigits>> starts(kPasses);
  for (const Key key : keys) {
    for (unsigned pass = 0; pass < kPasses; ++pass) ++starts[pass][digit(key, pass)];
  }
  std::vector<Key> sorted(keys.size());
  for (unsigned pass = 0; pass < kPasses; ++pass) {
    if (starts[pass][digit(keys.front(), pass)] == keys.size()) continue;
    std::size_t start = 0;
    for (std::size_t& count : starts[pass]) {
      const std::size_t next = start + count;
      count = start;
      start = next;
    }
    for (const Key key : keys) sorted[starts[pass][digit(key, pass)]++] = key;
    keys.swap(sorted);
  }
}

}  // namespace qc
