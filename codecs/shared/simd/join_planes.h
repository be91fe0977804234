// Planes of bits to elements.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "codecs/shared/symbol.h"

namespace qc {

/// The bits of a block of elements from `shift` on: bytes where they are stored so, else symbols.
struct PlaneBlock {
  const std::uint8_t* bytes = nullptr;
  const Symbol* symbols = nullptr;
  unsigned shift = 0;
};

/// Writes `count` elements of `width` bytes (2, 4 or 8): the bits of all planes, turned right by
/// one bit where `turned` says so. Runs at simd_level(), with the same result at every level.
void join_planes(std::span<const PlaneBlock> planes, unsigned width, bool turned, std::uint8_t* out,
                 std::size_t count) noexcept;

}  // namespace qc
