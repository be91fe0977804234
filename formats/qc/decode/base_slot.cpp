#include "formats/qc/decode/base_slot.h"

#include <algorithm>

#include "codecs/shared/element.h"
#include "formats/qc/decode/fixed_array.h"

namespace qc {

std::size_t find_distinct(ByteView bytes, unsigned width, std::span<std::uint64_t> room) noexcept {
  std::size_t count = 0;
  for (std::size_t at = 0; at < bytes.size(); at += width) {
    const std::uint64_t value = load_pattern(bytes.data() + at, width);
    std::uint64_t* const end = room.data() + count;
    std::uint64_t* const place = std::lower_bound(room.data(), end, value);
    if (place != end && *place == value) continue;
    if (count == room.size()) return count + 1;
    std::copy_backward(place, end, end + 1);
    *place = value;
    ++count;
  }
  return count;
}

ContainerFailure restore_ranks(BaseMethod method, ByteView base, ByteView codebook,
                               MutableBytes stored, Allocator& memory) noexcept {
  const unsigned width = rank_width(method);
  FixedArray<std::uint64_t> distinct(memory);
  if (!distinct.create(kMaxBaseValues)) return no_memory(kMaxBaseValues * 8, "an update has ranks");
  const std::size_t count = find_distinct(base, width, distinct.span());
  if (count > kMaxBaseValues) {
    return corrupt("the base of a slot by ranks has too many values");
  }
  const std::size_t values = codebook.size() / width;
  const std::uint64_t* const first = distinct.span().data();
  for (std::size_t at = 0; at < stored.size(); at += width) {
    const std::uint64_t difference = load_pattern(stored.data() + at, width);
    if (difference >= values) return corrupt("a slot by ranks has a difference that is too large");
    const auto rank = static_cast<std::size_t>(
        std::lower_bound(first, first + count, load_pattern(base.data() + at, width)) - first);
    const auto entry = static_cast<std::size_t>((rank + difference) % values);
    std::copy_n(codebook.data() + entry * width, width, stored.data() + at);
  }
  return {};
}

void restore_xor(ByteView base, MutableBytes stored) noexcept {
  for (std::size_t i = 0; i < stored.size(); ++i) stored[i] ^= base[i];
}

}  // namespace qc
