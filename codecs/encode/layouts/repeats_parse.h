// Finds the runs of elements that repeat earlier ones.
#pragma once

#include <cstdint>
#include <vector>

#include "codecs/shared/element.h"
#include "codecs/shared/repeat_runs.h"

namespace qc {

/// A run of elements equal to earlier ones, read forwards or backwards.
struct RepeatRun {
  std::uint64_t skip = 0;      ///< elements between the run before and this one, which are literals
  std::uint64_t length = 0;    ///< at least 1
  std::uint64_t distance = 0;  ///< from its first element back to the one that repeats; see kGoesOn
  bool backward = false;       ///< the sources are read towards the start
  bool negated = false;        ///< floats: with the other sign
};

/// A tensor as runs and literals, its elements taken row by row or column by column.
struct RepeatParse {
  std::uint64_t columns = 1;  ///< 1: row by row
  std::vector<RepeatRun> runs;
  Bytes literals;  ///< the elements in no run, in order
  std::uint64_t estimated_bits = 0;
};

/// The cheaper parse of the two orders, an element that is stored being worth `literal_bits`. By
/// the longest match at every place (LZ77: Ziv, Lempel, 1977) among a few earlier elements of the
/// same magnitude. `columns` is the length of a row, 1 for none; else it divides the count.
RepeatParse parse_repeats(const TensorView& tensor, std::uint64_t columns,
                          std::uint64_t literal_bits);

/// Whether runs that repeat may make up an eighth of the tensor or more, in either order: by a sum
/// of hashes over windows, which is the same forwards and backwards and for either sign.
bool has_repeated_runs(const TensorView& tensor, std::uint64_t columns, std::uint64_t literal_bits);

}  // namespace qc
