// How the planes layout cuts elements.
#pragma once

#include <array>
#include <cstddef>

namespace qc {

inline constexpr std::size_t kMaxPlanes = 8;
inline constexpr unsigned kMinHeadBits = 8;
inline constexpr unsigned kMaxHeadBits = 12;

/// How the bits of an element are cut, from the lowest on.
struct PlaneCut {
  std::array<unsigned, kMaxPlanes> bits{};
  unsigned planes = 0;
};

/// Planes of at most 8 bits, and last the head of an element of `width` bytes.
inline PlaneCut cut_bits(unsigned width, unsigned head_bits) noexcept {
  PlaneCut cut;
  for (unsigned low = 8 * width - head_bits; low > 0;) {
    const unsigned bits = low < 8 ? low : 8;
    cut.bits[cut.planes++] = bits;
    low -= bits;
  }
  cut.bits[cut.planes++] = head_bits;
  return cut;
}

}  // namespace qc
