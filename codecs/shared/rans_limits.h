// rANS (Duda, "Asymmetric numeral systems", 2013): what encoder and decoder agree on.
#pragma once

#include <cstdint>

namespace qc {

inline constexpr unsigned kMaxRansLanes = 64;
/// Frequencies add up to 2^n with n from 1 to this.
inline constexpr unsigned kMaxRansBits = 15;
/// States are at least this between two symbols, and just this at the end.
inline constexpr std::uint32_t kRansLow = 1u << 16;

}  // namespace qc
