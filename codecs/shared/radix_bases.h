// The bases for which a byte holds more digits than it holds codes of whole bits.
#pragma once

#include <array>
#include <cstdint>

namespace qc {

struct RadixBase {
  std::uint32_t base;
  std::uint32_t digits;  ///< in a byte
  std::uint32_t values;  ///< base ^ digits
};

inline constexpr std::array<RadixBase, 3> kRadixBases = {{{3, 5, 243}, {5, 3, 125}, {6, 3, 216}}};
inline constexpr std::uint32_t kMostDigits = 5;

}  // namespace qc
