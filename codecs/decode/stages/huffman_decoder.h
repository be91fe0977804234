// Decoding of interleaved Huffman parts: one code table, up to 128 bit strings side by side.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "codecs/shared/huffman_code.h"
#include "codecs/shared/symbol.h"
#include "core/bytes.h"

namespace qc {

/// What the next bits stand for, for every value of as many bits as the longest code has.
struct HuffmanTable {
  /// 2^longest entries: the symbol, and from kLengthShift on the length of the code.
  const std::uint32_t* entries = nullptr;
  static constexpr unsigned kLengthShift = 16;
  unsigned longest = 1;  ///< 1 to 15
  /// The same in bytes when `is_compact`, for look-up in vector registers.
  static constexpr unsigned kCompactBits = 8;
  static constexpr unsigned kCompactAlphabet = 64;
  bool is_compact = false;  ///< codes of at most 8 bits, symbols below 64
  alignas(64) std::array<std::uint8_t, 1u << kCompactBits> symbols{};
  alignas(64) std::array<std::uint8_t, kCompactAlphabet> lengths{};
};

/// Kernels take the parts in groups of so many.
inline constexpr unsigned kLogGroup = 6;
inline constexpr std::size_t kGroup = std::size_t{1} << kLogGroup;

/// Where each part is being read. Positions are bits from `begin`.
struct HuffmanParts {
  const std::uint8_t* begin = nullptr;
  std::uint32_t size = 0;         ///< bytes of all parts, at most kMaxHuffmanBytes
  unsigned log_count = 0;         ///< 2^log_count parts
  std::size_t next_prefetch = 0;  ///< slots before it were fetched ahead in this round
  /// By slot: of every 64 parts, part 4j + k is in slot 16k + j, so that four vectors of slots side
  /// by side are bytes in the order of parts.
  alignas(64) std::array<std::uint32_t, kMaxHuffmanParts> positions{};

  std::size_t count() const noexcept { return std::size_t{1} << log_count; }
  std::size_t slot_of(std::size_t part) const noexcept {
    if (log_count < kLogGroup) return part;
    return (part & ~(kGroup - 1)) + (part & 3) * 16 + part % kGroup / 4;
  }
};

/// Decodes the next symbols of all parts in turn, beginning with part 0; `out` is a multiple of the
/// parts but for the last call. Whatever the bytes, no read is outside of them, and symbols are
/// those of the table. Runs at simd_level(); every level gives the same as long as no part reads
/// past its end.
void decode_huffman(const HuffmanTable& table, HuffmanParts& parts, std::span<Symbol> out) noexcept;

/// Kernels for one or two groups of parts, `rows` symbols of each part. No part may come closer
/// than kHuffmanMargin bytes to the end, even if every code were the longest.
using HuffmanKernel = void (*)(const HuffmanTable& table, HuffmanParts& parts, Symbol* out,
                               std::size_t rows) noexcept;
inline constexpr std::uint32_t kHuffmanMargin = 16;

void decode_huffman_avx2(const HuffmanTable& table, HuffmanParts& parts, Symbol* out,
                         std::size_t rows) noexcept;
void decode_huffman_avx512(const HuffmanTable& table, HuffmanParts& parts, Symbol* out,
                           std::size_t rows) noexcept;

}  // namespace qc
