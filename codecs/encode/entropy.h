// How many bits a stream takes at best.
#pragma once

#include <cstdint>
#include <span>

namespace qc {

/// Zeroth-order entropy of a histogram in bits in total, rounded up. In integers, so that choices
/// made by it are the same on every machine; right to 0.01 bit a symbol.
std::uint64_t entropy_bits(std::span<const std::uint32_t> counts) noexcept;

/// The bits that symbols with these counts take under other frequencies, which add up to 2^bits.
/// Otherwise as entropy_bits().
std::uint64_t cross_entropy_bits(std::span<const std::uint32_t> counts,
                                 std::span<const std::uint32_t> frequencies,
                                 unsigned bits) noexcept;

}  // namespace qc
