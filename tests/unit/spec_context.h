// Section 7 of formats/qc/FORMAT.md, context models, decoded from the document alone.
#pragma once

#include <array>
#include <cstdint>
#include <string>
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

/// A bit that a predictor gave a probability, and how.
struct DecodedBit {
  std::string predictor;
  std::uint64_t element = 0;
  std::vector<std::int64_t> counters;  ///< places in the tables
  std::array<std::int64_t, 2> sets{};  ///< places in the lists of sets
  std::vector<std::int64_t> inputs;
  std::array<std::int64_t, 2> says{};
  std::int64_t probability = 0;
  std::uint64_t low = 0;  ///< of the arithmetic decoder, before the bit
  std::uint64_t high = 0;
  std::uint64_t value = 0;
  bool bit = false;
  std::array<std::vector<std::int64_t>, 2> weights;  ///< of the two sets, after the bit
};

/// 7.7: the ranks of `count` elements. Where `bits` is given, every bit is added to it.
std::vector<std::uint64_t> decode_ranks(const Places& places, View coded, std::uint64_t count,
                                        std::uint64_t entries, std::uint64_t below, bool has_zero,
                                        std::vector<DecodedBit>* bits = nullptr);

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
