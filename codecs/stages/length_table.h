// Numbers of bits for the symbols of an alphabet, compactly: lengths of codes, or of frequencies.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "codecs/bit_io.h"

namespace qc {

/// No length is larger.
inline constexpr unsigned kMaxLength = 15;

/// A signed number as an unsigned one: 0, -1, 1, -2, ... become 0, 1, 2, 3, ...
std::uint64_t zigzag(std::int64_t number) noexcept;
std::int64_t unzigzag(std::uint64_t code) noexcept;

/// Appends which symbols have a length other than 0, two at least, and the lengths as Rice-coded
/// differences, the first one's from `before`. More bits may follow in the writer, which the caller
/// finishes.
BitWriter write_lengths(std::span<const std::uint8_t> lengths, unsigned before, Bytes& out);

/// Reads what write_lengths wrote, without taking the bits from `in`; gives the reader after them.
/// Nothing when a symbol is outside of the alphabet or a length not 1 to `most`. `lengths` has room
/// for the alphabet.
std::optional<BitReader> read_lengths(ByteReader& in, std::uint32_t alphabet, unsigned most,
                                      std::span<std::uint8_t> lengths) noexcept;

}  // namespace qc
