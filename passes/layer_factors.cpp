#include "passes/layer_factors.h"

#include <algorithm>

#include "system/parallel.h"

namespace qc {
namespace {

constexpr double kDamping = 0.01;         // of the factors, in means of the diagonal
constexpr std::size_t kSmallMatrix = 32;  // below, columns are rounded in their own order

// E[a b^T] - E[a] E[b]^T of a group, where `centred`.
std::vector<double> group_moments(const std::vector<double>& products,
                                  const std::vector<double>& left, const std::vector<double>& right,
                                  std::size_t group, std::size_t columns, bool centred) {
  const std::size_t size = columns * columns;
  const auto begin = products.begin() + static_cast<std::ptrdiff_t>(group * size);
  std::vector<double> result(begin, begin + static_cast<std::ptrdiff_t>(size));
  if (!centred) return result;
  for (std::size_t i = 0; i < columns; ++i) {
    for (std::size_t j = 0; j < columns; ++j) {
      result[i * columns + j] -= left[group * columns + i] * right[group * columns + j];
    }
  }
  return result;
}

void shrink_correlations(const Moments& moments, std::vector<double>& h) {
  const auto columns = static_cast<double>(moments.columns);
  const double kept = 1 - columns / (columns + 4 * static_cast<double>(moments.count));
  for (std::size_t i = 0; i < h.size(); ++i) {
    if (i % (moments.columns + 1) != 0) h[i] *= kept;
  }
}

}  // namespace

std::vector<double> second_moments(const Moments& moments, std::size_t group, bool centred) {
  std::vector<double> h =
      group_moments(moments.second, moments.mean, moments.mean, group, moments.columns, centred);
  shrink_correlations(moments, h);
  return h;
}

std::vector<double> cross_moments(const Moments& moments, std::size_t group, bool centred) {
  std::vector<double> c = group_moments(moments.cross, moments.reference_mean, moments.mean, group,
                                        moments.columns, centred);
  shrink_correlations(moments, c);
  return c;
}

std::vector<double> column_energies(const Moments& moments, std::size_t group, bool centred) {
  const std::size_t columns = moments.columns;
  std::vector<double> energies(columns);
  for (std::size_t i = 0; i < columns; ++i) {
    const std::size_t at = group * columns + i;
    if (moments.is_table) {
      energies[i] = moments.second[at] + 1 / static_cast<double>(moments.count + columns);
      continue;
    }
    const double mean = centred ? moments.mean[at] : 0;
    energies[i] = std::max(moments.second[at * columns + i] - mean * mean, 0.0);
  }
  return energies;
}

ColumnOrder rounding_order(const MatrixForm& form) {
  return form.columns < kSmallMatrix ? ColumnOrder::kNatural : ColumnOrder::kBySize;
}

std::vector<InverseFactor> layer_factors(const WeightLayer& layer, const Moments* moments,
                                         ColumnOrder order, unsigned threads) {
  const MatrixForm& form = layer.form;
  std::vector<InverseFactor> factors(form.groups);
  if (moments == nullptr) {
    const std::vector<double> ones(form.columns, 1.0);
    factors.assign(form.groups, factor_inverse_diagonal(ones, 0));
    return factors;
  }
  const unsigned inner_threads = form.groups == 1 ? threads : 1;
  parallel_for(form.groups, threads, [&](std::size_t g) {
    const bool centred = layer.bias.has_value();
    factors[g] = moments->is_table
                     ? factor_inverse_diagonal(column_energies(*moments, g, centred), 0)
                     : factor_inverse(second_moments(*moments, g, centred), form.columns, order,
                                      kDamping, inner_threads);
  });
  return factors;
}

std::vector<double> mean_outputs(const MatrixForm& form, std::span<const float> weights,
                                 std::span<const double> mean) {
  std::vector<double> outputs(form.groups * form.rows);
  for (std::size_t row = 0; row < outputs.size(); ++row) {
    const double* columns = &mean[row / form.rows * form.columns];
    for (std::size_t i = 0; i < form.columns; ++i) {
      outputs[row] += weights[row * form.columns + i] * columns[i];
    }
  }
  return outputs;
}

}  // namespace qc
