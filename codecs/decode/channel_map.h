// Which element belongs to which channel, as layouts store it.
#pragma once

#include "core/bytes.h"
#include "core/tensor.h"

namespace qc {

/// Reads the map of a tensor of `count` elements; false when it is damaged.
bool read_channel_map(ByteReader& in, std::uint64_t count, ChannelMap& channels) noexcept;

/// How many elements from this one on are of one channel in a row.
inline std::uint64_t left_in_channel(const ChannelMap& channels, std::uint64_t element) noexcept {
  return channels.stride - (channels.first + element) % channels.stride;
}

}  // namespace qc
