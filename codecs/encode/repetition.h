// How much of a tensor or stream repeats, told without looking for the matches that a compressor
// would take. Coders by matches are slow to try, and pay only where there is something to match.
#pragma once

#include <cstdint>

#include "codecs/encode/stage.h"
#include "codecs/shared/element.h"

namespace qc {

/// The fewest bits that a coder by matches (zstd) can be expected to need for a stream: its zeroth-
/// order entropy, taken in blocks as zstd does, less what windows that occurred before are worth
/// beyond a reference to them. One pass of rolling hashes (Karp, Rabin, 1987).
std::uint64_t matched_entropy_bits(const SymbolStream& stream);

/// How many elements have a value that occurred before, of either sign if they are floats. Elements
/// whose bits are all zero do not count. Extrapolated from the values whose hash falls into a
/// sample: right to a few per cent for tensors over 4096 elements, exact for shorter ones.
std::size_t count_duplicates(const TensorView& tensor);

}  // namespace qc
