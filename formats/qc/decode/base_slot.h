// How slots of an update are made of the model that it updates, its base.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "codecs/shared/allocator.h"
#include "core/bytes.h"
#include "formats/qc/decode/container_failure.h"

namespace qc {

enum class BaseMethod : std::uint8_t {
  kCopy = 1,     ///< the bytes of the base; in no unit
  kXor = 2,      ///< the bytes of the base, xor those of the unit
  kRanks16 = 3,  ///< of elements of two bytes: see restore_ranks()
  kRanks32 = 4,  ///< of elements of four bytes
};

/// What the manifest says of a slot that is made of the base.
struct BaseUse {
  BaseMethod method = BaseMethod::kCopy;
  /// From the place in the file to that of as many bytes in the file of the same index of the base.
  std::int64_t shift = 0;
  std::uint64_t values = 0;  ///< of a method of ranks: how many entries its codebook has

  friend bool operator==(const BaseUse&, const BaseUse&) = default;
};

/// Bytes of an element of a method of ranks; 0 of another method.
constexpr unsigned rank_width(BaseMethod method) noexcept {
  return method == BaseMethod::kRanks16 ? 2 : method == BaseMethod::kRanks32 ? 4 : 0;
}

/// The most distinct values of a tensor that is stored by ranks, in the base and in the update.
inline constexpr std::uint64_t kMaxBaseValues = 4096;

/// Writes the distinct elements of `width` bytes, as integers in ascending order, to the front of
/// `room`; gives how many. Where there are more than there is room for, gives one more than that.
std::size_t find_distinct(ByteView bytes, unsigned width, std::span<std::uint64_t> room) noexcept;

/// A slot by ranks: its elements are integers d, and become codebook[(r + d) mod v], where r is the
/// rank of the base's element among the distinct ones of the slot, as integers, and v the number of
/// entries. So d is 0 where all elements of a value have moved together. Both have as many bytes,
/// of whole elements. Fails with kCorrupt when the base has over kMaxBaseValues values or an
/// integer is no difference, and with kLimit.
ContainerFailure restore_ranks(BaseMethod method, ByteView base, ByteView codebook,
                               MutableBytes stored, Allocator& memory) noexcept;

/// stored ^= base, of the same size.
void restore_xor(ByteView base, MutableBytes stored) noexcept;

}  // namespace qc
