// Numbers of bits for the symbols of an alphabet, compactly: lengths of codes, or of frequencies.
#pragma once

#include <cstdint>
#include <span>

#include "codecs/encode/bit_writer.h"

namespace qc {

/// Appends which symbols have a length other than 0, two at least, and the lengths as Rice-coded
/// differences, the first one's from `before`. More bits may follow in the writer, which the caller
/// finishes.
BitWriter write_lengths(std::span<const std::uint8_t> lengths, unsigned before, Bytes& out);

}  // namespace qc
