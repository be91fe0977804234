// The lengths of length-limited Huffman codes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace qc {

/// Optimal code lengths of at most `limit` bits for the counts: Huffman's, or where these are
/// longer, those of package-merge (Larmore and Hirschberg, "A fast algorithm for optimal
/// length-limited Huffman codes", 1990). Symbols that do not occur get 0. Requires at least two
/// that do, and no more than 2^limit.
std::vector<std::uint8_t> huffman_lengths(std::span<const std::uint32_t> counts, unsigned limit);

}  // namespace qc
