// Which element belongs to which channel, as layouts store it.
#pragma once

#include "core/bytes.h"
#include "core/tensor.h"

namespace qc {

inline void write_channel_map(const ChannelMap& channels, Bytes& out) {
  append_varint(out, channels.count);
  append_varint(out, channels.stride);
  append_varint(out, channels.first);
}

}  // namespace qc
