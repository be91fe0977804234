// Length-limited canonical Huffman codes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace qc {

/// The longest code of any stream.
inline constexpr unsigned kMaxCodeLength = 15;

/// Optimal code lengths of at most `limit` bits for the counts: Huffman's, or where these are
/// longer, those of package-merge (Larmore and Hirschberg, "A fast algorithm for optimal
/// length-limited Huffman codes", 1990). Symbols that do not occur get 0. Requires at least two
/// that do, and no more than 2^limit.
std::vector<std::uint8_t> huffman_lengths(std::span<const std::uint32_t> counts, unsigned limit);

/// The canonical codes for the lengths: shorter codes first, then by symbol, each with its first
/// bit in the lowest position, as it is written. `codes` has room for all; those of length 0 are 0.
void canonical_codes(std::span<const std::uint8_t> lengths,
                     std::span<std::uint16_t> codes) noexcept;

}  // namespace qc
