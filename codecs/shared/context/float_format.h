// How the context-floats layout cuts the bits of a float.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "codecs/shared/context/float_model.h"

namespace qc::context {

inline constexpr std::size_t kMaxRestPlanes = 7;  ///< a double has 49 bits below the modelled ones

/// Sign and exponent, the mantissa bits that are modelled, and the rest in planes of 8 bits.
struct FloatFormat {
  unsigned width = 4;      ///< bytes
  unsigned mantissa = 23;  ///< bits

  unsigned exponent() const noexcept { return 8 * width - 1 - mantissa; }
  unsigned rest() const noexcept { return mantissa - kHeadBits; }
  std::size_t planes() const noexcept { return (rest() + 7) / 8; }
  unsigned plane_bits(std::size_t plane) const noexcept {
    return std::min(8u, rest() - 8 * static_cast<unsigned>(plane));
  }

  FloatHead head(std::uint64_t pattern) const noexcept {
    FloatHead head;
    head.zero = pattern == 0;
    head.negative = (pattern >> (8 * width - 1)) != 0;
    head.exponent =
        static_cast<std::uint32_t>((pattern >> mantissa) & ((std::uint64_t{1} << exponent()) - 1));
    head.mantissa = static_cast<std::uint32_t>((pattern >> rest()) & ((1u << kHeadBits) - 1));
    return head;
  }

  std::uint64_t pattern(const FloatHead& head) const noexcept {
    return std::uint64_t{head.negative} << (8 * width - 1) |
           std::uint64_t{head.exponent} << mantissa | std::uint64_t{head.mantissa} << rest();
  }
};

}  // namespace qc::context
