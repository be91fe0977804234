// Numbers in encoded tensors.
#pragma once

#include <cstdint>

#include "core/bytes.h"

namespace qc {

/// The next varint, which must have the shortest form: after a longer one, as after the end, `in`
/// is not ok() and the number is 0.
inline std::uint64_t read_varint(ByteReader& in) noexcept {
  const ByteView before = in.rest();
  const std::uint64_t value = in.varint();
  const std::size_t size = before.size() - in.rest().size();
  if (size < 2 || before[size - 1] != 0) return value;
  in.take(before.size());  // more than is left
  return 0;
}

}  // namespace qc
