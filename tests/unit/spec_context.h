// Section 7 of formats/FORMAT.md, context models, decoded from the document alone.
#pragma once

#include <cstdint>
#include <vector>

#include "spec_decoder.h"

namespace qc::spec {

/// 7.5: where elements stand.
struct Places {
  std::uint64_t columns = 1;
  std::uint64_t taps = 1;
  std::uint64_t width = 1;
  std::uint64_t first = 0;
};

Places read_places(Input& in, std::uint64_t count);

/// 7.7: the ranks of `count` elements.
std::vector<std::uint64_t> decode_ranks(const Places& places, View coded, std::uint64_t count,
                                        std::uint64_t entries, std::uint64_t below, bool has_zero);

/// What the float model gives.
struct Head {
  bool zero = false;
  bool negative = false;
  std::uint64_t exponent = 0;
  std::uint64_t mantissa = 0;
};

/// 7.8: the heads of `count` elements.
std::vector<Head> decode_heads(const Places& places, View coded, std::uint64_t count,
                               std::uint64_t top, bool has_zeros, unsigned exponent_bits);

}  // namespace qc::spec
