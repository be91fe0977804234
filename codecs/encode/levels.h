// Tensors whose elements are small whole multiples of a scale: ternary, five-level and binary
// weights, with one scale for the tensor or one for each channel.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "codecs/shared/element.h"

namespace qc {

/// A tensor as multiples of scales.
struct Levels {
  std::uint32_t set = 2;
  unsigned mantissa = 0;  ///< see is_mantissa(); meaningful for kMostInSet
  ChannelMap channels;
  std::vector<std::uint64_t> scales;  ///< patterns, one for each channel
  std::vector<std::uint8_t> symbols;  ///< one for each element
};

/// The tensor's levels with respect to `channels`; nothing when it has none.
std::optional<Levels> find_levels(const TensorView& tensor, const ChannelMap& channels);

}  // namespace qc
