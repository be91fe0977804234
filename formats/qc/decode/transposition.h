// Tensors that are another tensor's elements in transposed order.
#pragma once

#include <cstdint>

#include "core/bytes.h"

namespace qc {

/// The source as a batch of rows x columns matrices of elements of `width` bytes, each transposed
/// on its own.
struct Transposition {
  std::uint64_t rows = 0;
  std::uint64_t columns = 0;
  std::uint64_t width = 0;

  /// True for an element width and matrices that `size` bytes hold a whole number of.
  bool fits(std::uint64_t size) const noexcept;

  friend bool operator==(const Transposition&, const Transposition&) = default;
};

/// Writes the transposed source. Both spans have the same size, which the transposition fits.
void transpose(ByteView source, const Transposition& how, MutableBytes out) noexcept;

/// Calls body(source element, target element) for `count` elements, in the order of the target;
/// stops when it returns false, and returns whether it never did.
template <typename Body>
bool for_each_transposed(std::uint64_t count, const Transposition& how, Body&& body) {
  const std::uint64_t matrix = how.rows * how.columns;
  std::uint64_t target = 0;
  for (std::uint64_t begin = 0; begin < count; begin += matrix) {
    for (std::uint64_t column = 0; column < how.columns; ++column) {
      for (std::uint64_t row = 0; row < how.rows; ++row) {
        if (!body(begin + row * how.columns + column, target++)) return false;
      }
    }
  }
  return true;
}

}  // namespace qc
