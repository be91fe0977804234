// Second moments of made-up inputs, and linear algebra that is too simple to be wrong.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "model_builder.h"

namespace qc::test {

using Matrix = std::vector<double>;  ///< row-major

/// E[x x^T] of columns that depend on one another, of rank at most `samples`.
inline Matrix second_moments(std::size_t size, std::size_t samples, std::uint64_t seed) {
  const std::vector<float> drawn = bell_values((size + 1) * samples, seed, 1.0F);
  Matrix h(size * size, 0.0);
  for (std::size_t s = 0; s < samples; ++s) {
    const float* own = &drawn[s * (size + 1)];
    std::vector<double> x(size);
    for (std::size_t i = 0; i < size; ++i) x[i] = own[i] + 0.8 * own[(i + 1) % size] + own[size];
    for (std::size_t i = 0; i < size; ++i) {
      for (std::size_t j = 0; j < size; ++j) {
        h[i * size + j] += x[i] * x[j] / static_cast<double>(samples);
      }
    }
  }
  return h;
}

/// H with `damping` times the mean of its diagonal on that.
inline Matrix damped(Matrix h, std::size_t size, double damping) {
  double mean = 0;
  for (std::size_t i = 0; i < size; ++i) mean += h[i * size + i] / static_cast<double>(size);
  for (std::size_t i = 0; i < size; ++i) h[i * size + i] += damping * mean;
  return h;
}

/// Solves h x = b by elimination with pivots.
inline std::vector<double> solve(Matrix h, std::vector<double> b) {
  const std::size_t n = b.size();
  for (std::size_t column = 0; column < n; ++column) {
    std::size_t pivot = column;
    for (std::size_t row = column; row < n; ++row) {
      if (std::fabs(h[row * n + column]) > std::fabs(h[pivot * n + column])) pivot = row;
    }
    for (std::size_t k = 0; k < n; ++k) std::swap(h[column * n + k], h[pivot * n + k]);
    std::swap(b[column], b[pivot]);
    for (std::size_t row = 0; row < n; ++row) {
      if (row == column) continue;
      const double factor = h[row * n + column] / h[column * n + column];
      for (std::size_t k = column; k < n; ++k) h[row * n + k] -= factor * h[column * n + k];
      b[row] -= factor * b[column];
    }
  }
  for (std::size_t i = 0; i < n; ++i) b[i] /= h[i * n + i];
  return b;
}

}  // namespace qc::test
