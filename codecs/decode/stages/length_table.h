// Numbers of bits for the symbols of an alphabet, compactly: lengths of codes, or of frequencies.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "codecs/decode/bit_reader.h"

namespace qc {

/// Reads what the encoder's write_lengths() wrote, without taking the bits from `in`; gives the
/// reader after them. Nothing when a symbol is outside of the alphabet or a length not 1 to `most`.
/// `lengths` has room for the alphabet.
std::optional<BitReader> read_lengths(ByteReader& in, std::uint32_t alphabet, unsigned most,
                                      std::span<std::uint8_t> lengths) noexcept;

}  // namespace qc
