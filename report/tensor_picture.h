// What the values of a tensor look like: how often each size occurs, and where the zeros are.
#pragma once

#include <array>
#include <cstdint>

#include "core/bytes.h"
#include "graph/tensor_info.h"

namespace qc {

/// How many values lie in each of equally wide ranges from -limit to limit. Zeros are counted
/// apart, and what lies beyond is in the outermost ranges.
struct Histogram {
  static constexpr std::size_t kBins = 64;

  double limit = 0;
  std::array<std::uint64_t, kBins> bins{};
  std::uint64_t zeros = 0;
};

/// The largest magnitude of the elements; NaNs and infinities are none.
double largest_magnitude(DataType type, ByteView elements);

/// Of elements of a type for which is_value_type() holds. Requires a positive limit.
Histogram histogram_of(DataType type, ByteView elements, double limit);

/// Where the values of a matrix that are not zero are: rows are output channels, columns all else.
/// A cell of the grid stands for a block of elements and holds the share of them that are kept,
/// from 0 to 255.
struct SparsityPattern {
  std::uint32_t rows = 0;
  std::uint32_t columns = 0;
  Bytes kept;

  /// As a PNG image of one pixel a cell: opaque black where all values are kept, transparent where
  /// none is. Throws Error(kInternal) when libpng fails.
  Bytes png() const;
};

/// Of a tensor with at least one element, in at most 128 x 96 cells. `tensor.channel_axis` names
/// the rows; without one the first axis does.
SparsityPattern sparsity_pattern(const TensorInfo& tensor, ByteView elements);

}  // namespace qc
