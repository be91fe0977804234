#include "codecs/channel_map.h"

namespace qc {

void write_channel_map(const ChannelMap& channels, Bytes& out) {
  append_varint(out, channels.count);
  append_varint(out, channels.stride);
  append_varint(out, channels.first);
}

bool read_channel_map(ByteReader& in, std::uint64_t count, ChannelMap& channels) noexcept {
  channels.count = in.varint();
  channels.stride = in.varint();
  channels.first = in.varint();
  return in.ok() && channels.count >= 1 && channels.count <= count && channels.stride >= 1 &&
         channels.first <= UINT64_MAX - count;
}

}  // namespace qc
