// Which lanes take which of the next values, for instruction sets that cannot expand.
#pragma once

#include <array>
#include <cstdint>

namespace qc {

/// For every byte: the number of set bits below each bit that is set, and 0 for the others.
inline constexpr auto kExpandPlaces = [] {
  std::array<std::array<std::uint8_t, 8>, 256> places{};
  for (unsigned byte = 0; byte < 256; ++byte) {
    std::uint8_t next = 0;
    for (unsigned bit = 0; bit < 8; ++bit) {
      if ((byte >> bit & 1u) != 0) places[byte][bit] = next++;
    }
  }
  return places;
}();

}  // namespace qc
