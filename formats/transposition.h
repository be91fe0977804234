// Tensors that are another tensor's elements in transposed order.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "codecs/shared/element.h"
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
};

/// Writes the transposed source. Both spans have the same size, which the transposition fits.
void transpose(ByteView source, const Transposition& how, MutableBytes out) noexcept;

/// A number that depends on the elements but not on their order; it adds up over parts of a tensor.
std::uint64_t order_free_hash(const TensorView& tensor) noexcept;

/// How `target`, of shape `dims`, comes from `source` by swapping two runs of its axes; nothing
/// when it does not. Both have the same element and size.
std::optional<Transposition> find_transposition(const TensorView& source, const TensorView& target,
                                                std::span<const std::int64_t> dims);

}  // namespace qc
