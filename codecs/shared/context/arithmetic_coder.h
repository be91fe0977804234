// Binary arithmetic coding: each bit narrows an interval of 32-bit numbers by its probability;
// leading bytes that both ends agree on are written. BitEncoder and BitDecoder have the same
// interface, so that a model is written once for both.
#pragma once

#include <cstdint>

namespace qc::context {

/// The last number of the part of an interval that stands for a bit of 1, which has the probability
/// `p1` / 65536 (1 to 65535).
inline std::uint32_t split_interval(std::uint32_t low, std::uint32_t high, int p1) noexcept {
  return low +
         static_cast<std::uint32_t>((std::uint64_t{high - low} * static_cast<unsigned>(p1)) >> 16);
}

}  // namespace qc::context
