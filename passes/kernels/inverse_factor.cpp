#include "passes/kernels/inverse_factor.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "passes/kernels/damped_cholesky.h"
#include "system/parallel.h"

namespace qc {
namespace {

using Eigen::Index;

constexpr std::size_t kInverseBlock = 256;  // columns

// The mean of the diagonal over the columns that are not dead; 1 where all are. Variances of
// constant columns may be below zero, as differences of rounded numbers.
double mean_of_live(std::span<const double> diagonal) {
  double sum = 0;
  double live = 0;
  for (const double value : diagonal) {
    if (value <= 0) continue;
    sum += value;
    ++live;
  }
  return live > 0 ? sum / live : 1;
}

std::vector<std::uint32_t> ordered(std::span<const double> diagonal, ColumnOrder order) {
  std::vector<std::uint32_t> places(diagonal.size());
  std::iota(places.begin(), places.end(), 0U);
  if (order == ColumnOrder::kBySize) {
    std::stable_sort(places.begin(), places.end(),
                     [&](std::uint32_t a, std::uint32_t b) { return diagonal[a] > diagonal[b]; });
  }
  return places;
}

// L^-1 of a lower triangle, a block of columns after the other: above its diagonal block each is
// zero.
RowMatrix inverse_of_lower(const RowMatrix& lower, unsigned threads) {
  const auto size = static_cast<std::size_t>(lower.rows());
  RowMatrix inverse = RowMatrix::Identity(lower.rows(), lower.cols());
  parallel_for((size + kInverseBlock - 1) / kInverseBlock, threads, [&](std::size_t i) {
    const auto from = static_cast<Index>(i * kInverseBlock);
    const Index rest = lower.rows() - from;
    const Index width = std::min(static_cast<Index>(kInverseBlock), rest);
    RowMatrix block = inverse.block(from, from, rest, width);
    lower.bottomRightCorner(rest, rest).triangularView<Eigen::Lower>().solveInPlace(block);
    inverse.block(from, from, rest, width) = block;
  });
  return inverse;
}

}  // namespace

InverseFactor factor_inverse(std::span<const double> h, std::size_t columns, ColumnOrder order,
                             double damping, unsigned threads) {
  std::vector<double> diagonal(columns);
  for (std::size_t i = 0; i < columns; ++i) diagonal[i] = h[i * columns + i];
  InverseFactor factor;
  factor.order = ordered(diagonal, order);
  const double mean = mean_of_live(diagonal);
  for (const double value : diagonal) factor.dead.push_back(value <= 0);

  // With J for the reversal of rows and columns and J H J = L L^T, the factor is J L^-1 J.
  const auto size = static_cast<Index>(columns);
  RowMatrix reversed(size, size);
  const auto source = [&](Index place) {
    return static_cast<std::size_t>(factor.order[columns - 1 - static_cast<std::size_t>(place)]);
  };
  for (Index i = 0; i < size; ++i) {
    for (Index j = 0; j < size; ++j) reversed(i, j) = h[source(i) * columns + source(j)];
    if (factor.dead[source(i)]) reversed(i, i) = mean;
  }
  factor.damping = damped_cholesky(reversed, mean, damping);
  const RowMatrix inverse = inverse_of_lower(reversed, threads);
  factor.diagonal.resize(columns);
  factor.upper.assign(columns * columns, 0);
  for (std::size_t i = 0; i < columns; ++i) {
    for (std::size_t j = i; j < columns; ++j) {
      factor.upper[i * columns + j] = static_cast<float>(
          inverse(static_cast<Index>(columns - 1 - i), static_cast<Index>(columns - 1 - j)));
    }
    factor.diagonal[i] = factor.upper[i * columns + i];
  }
  return factor;
}

InverseFactor factor_inverse_diagonal(std::span<const double> h, double damping) {
  InverseFactor factor;
  factor.order = ordered(h, ColumnOrder::kNatural);
  factor.damping = damping;
  const double mean = mean_of_live(h);
  for (const double value : h) {
    factor.dead.push_back(value <= 0);
    const double damped = value + mean * damping;
    factor.diagonal.push_back(static_cast<float>(1 / std::sqrt(damped > 0 ? damped : mean)));
  }
  return factor;
}

}  // namespace qc
