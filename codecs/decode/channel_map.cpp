#include "codecs/decode/channel_map.h"

#include "codecs/decode/varint.h"

namespace qc {

bool read_channel_map(ByteReader& in, std::uint64_t count, ChannelMap& channels) noexcept {
  channels.count = read_varint(in);
  channels.stride = read_varint(in);
  channels.first = read_varint(in);
  return in.ok() && channels.count >= 1 && channels.count <= count && channels.stride >= 1 &&
         channels.first <= UINT64_MAX - count;
}

}  // namespace qc
