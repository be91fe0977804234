// Zeros of float tensors. A zero may be negative: -0 equals +0 as a number, but has other bits,
// which lossless storage must keep.
#pragma once

#include <cstdint>

#include "core/bytes.h"
#include "core/tensor.h"

namespace qc {

/// Elements that are zero.
struct ZeroCount {
  std::uint64_t zeros = 0;     ///< of either sign
  std::uint64_t negative = 0;  ///< -0 among them

  ZeroCount& operator+=(const ZeroCount& other) noexcept;

  /// Zeroth-order entropy of the zeros' signs in bytes: about what they cost a packed file.
  double sign_bytes() const noexcept;
};

/// Counts the zeros of a payload. Requires is_value_type(type) and whole elements.
ZeroCount count_zeros(DataType type, ByteView payload) noexcept;

/// Writes +0 over every -0, under the same requirements. Nothing else changes.
void make_zeros_positive(DataType type, MutableBytes payload) noexcept;

}  // namespace qc
