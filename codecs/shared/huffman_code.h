// Canonical Huffman codes in interleaved parts: what encoder and decoder agree on.
#pragma once

#include <cstdint>
#include <span>

namespace qc {

/// The longest code of any stream, and the longest frequency of rANS in bits.
inline constexpr unsigned kMaxCodeLength = 15;

inline constexpr unsigned kMaxHuffmanParts = 128;

/// The most bytes of a stream: bit positions in it fit 32 bits.
inline constexpr std::uint64_t kMaxHuffmanBytes = std::uint64_t{1} << 28;

/// The canonical codes for the lengths: shorter codes first, then by symbol, each with its first
/// bit in the lowest position, as it is written. `codes` has room for all; those of length 0 are 0.
void canonical_codes(std::span<const std::uint8_t> lengths,
                     std::span<std::uint16_t> codes) noexcept;

}  // namespace qc
