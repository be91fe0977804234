// Fixing the weights of matrices one column after the other, so that those behind make up for the
// errors. For kernels only: it includes the library for matrices.
#pragma once

#include <Eigen/Core>
#include <cstddef>
#include <span>
#include <vector>

#include "passes/kernels/inverse_factor.h"

namespace qc {

/// Columns that are fixed together: their errors reach those behind the block at once.
inline constexpr std::size_t kColumnBlock = 128;
/// Rows that one thread goes through.
inline constexpr std::size_t kCompensatedRows = 64;

/// Fixes the places [from, to) of rows {rows, columns} that are in the order of a factor (GPTQ,
/// arXiv 2210.17323, algorithm 1). `fix(row, place, weight)` gives the weight its value and returns
/// the error in units of U_jj, which the later weights of the row take over at once up to `to`, and
/// behind it when all places are fixed. Goes through all rows before the next place. Requires
/// to - from <= kColumnBlock.
template <typename Fix>
void fix_columns(const InverseFactor& factor, std::size_t from, std::size_t to,
                 std::span<float> weights, const Fix& fix) {
  using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  using Stride = Eigen::OuterStride<>;
  const auto index = [](std::size_t n) { return static_cast<Eigen::Index>(n); };
  const std::size_t columns = factor.order.size();
  const std::size_t rows = weights.size() / columns;
  std::vector<float> errors(rows * kColumnBlock);
  for (std::size_t place = from; place < to; ++place) {
    for (std::size_t r = 0; r < rows; ++r) {
      float* row = &weights[r * columns];
      const float error = fix(r, place, row[place]);
      errors[r * kColumnBlock + place - from] = error;
      if (error == 0 || factor.upper.empty()) continue;
      const float* upper = &factor.upper[place * columns];
      for (std::size_t p = place + 1; p < to; ++p) row[p] -= error * upper[p];
    }
  }
  if (factor.upper.empty() || to == columns) return;
  Eigen::Map<Matrix, 0, Stride> rest(&weights[to], index(rows), index(columns - to),
                                     Stride(index(columns)));
  const Eigen::Map<const Matrix, 0, Stride> block(errors.data(), index(rows), index(to - from),
                                                  Stride(index(kColumnBlock)));
  const Eigen::Map<const Matrix, 0, Stride> upper(&factor.upper[from * columns + to],
                                                  index(to - from), index(columns - to),
                                                  Stride(index(columns)));
  rest.noalias() -= block * upper;
}

}  // namespace qc
