// How the differences of a codebook are coded. A float codebook is two rising lists of magnitudes,
// the negative numbers' and the others'; a list of integers is one. A list is coded as differences:
// the bits below the lowest bit that any value uses are dropped, then every difference is a bit
// length and the bits below its leading one. The lengths are numbers of a fixed width, or steps
// from the length before in unary.
#pragma once

#include <cstdint>

#include "codecs/shared/element.h"

namespace qc {

inline constexpr unsigned kCodebookLengthBits = 7;  ///< holds a bit length of 0 to 64, or a shift
inline constexpr unsigned kCodebookSpreadBits = 3;
inline constexpr unsigned kCodebookSteps = 7;  ///< as the spread: lengths are steps

/// How lengths are written: above `base` in `spread` bits each, or from `base` on in steps.
struct LengthCode {
  unsigned base = 0;
  unsigned spread = 0;
};

inline std::uint64_t sign_bit(Element element) noexcept {
  return std::uint64_t{1} << (8 * element.width - 1);
}

}  // namespace qc
