// The small integers that streams are made of.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace qc {

using Symbol = std::uint16_t;

/// Every read of a stream but the last takes a multiple of this many symbols.
inline constexpr std::size_t kReadUnit = 128;

/// How many symbols a layout pulls at a time: a block of symbols and their elements stay in L1.
inline constexpr std::size_t kBlock = 4096;
static_assert(kBlock % kReadUnit == 0);

/// The largest alphabet of a stream.
inline constexpr std::uint32_t kMaxAlphabet = 1u << 14;

/// Bits for fixed-width codes of an alphabet.
constexpr unsigned symbol_bits(std::uint64_t alphabet) noexcept {
  return alphabet <= 1 ? 0 : static_cast<unsigned>(std::bit_width(alphabet - 1));
}

}  // namespace qc
