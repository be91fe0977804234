// Pruning with compensation against the plain definition: greedy, with systems solved anew.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <span>
#include <tuple>
#include <vector>

#include "model_builder.h"
#include "moment_matrices.h"
#include "passes/kernels/inverse_factor.h"
#include "passes/kernels/obs_pruning.h"
#include "passes/kernels/rate_rounding.h"

namespace qc {
namespace {

using test::damped;
using test::Matrix;
using test::second_moments;
using test::solve;
using testing::Each;
using testing::ElementsAre;

constexpr double kDamping = 0.01;

struct Layer {
  std::size_t groups;
  std::size_t rows;
  std::size_t columns;
  std::vector<float> weights;
  Matrix h;  // damped {groups, columns, columns}
  std::vector<InverseFactor> factors;

  Layer(std::size_t its_groups, std::size_t its_rows, std::size_t its_columns, std::uint64_t seed)
      : groups(its_groups), rows(its_rows), columns(its_columns) {
    weights = test::bell_values(groups * rows * columns, seed, 0.5F);
    for (std::size_t g = 0; g < groups; ++g) {
      set_moments(g, second_moments(columns, 3 * columns + 5, seed + g + 1));
    }
  }

  void set_moments(std::size_t group, const Matrix& own) {
    factors.resize(groups);
    factors[group] = factor_inverse(own, columns, ColumnOrder::kNatural, kDamping);
    h.resize(groups * columns * columns);
    std::ranges::copy(damped(own, columns, kDamping),
                      h.begin() + static_cast<std::ptrdiff_t>(group * columns * columns));
  }

  PruningProblem problem() const {
    return {
        .groups = groups, .rows = rows, .columns = columns, .weights = weights, .factors = factors};
  }

  CompensatedPruning prune(std::uint64_t zeros, unsigned threads = 1) const {
    return prune_with_compensation(problem(), zeros, threads);
  }

  double loss(std::span<const float> values) const {
    const std::vector<double> ones(groups * rows, 1);
    return quadratic_loss(weights, values, h, ones, groups, rows, columns);
  }

  // The weights with zeros where others have them.
  std::vector<float> zeroed(std::span<const float> pruned) const {
    std::vector<float> values = weights;
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (pruned[i] == 0) values[i] = 0;
    }
    return values;
  }
};

std::size_t zeros_of(std::span<const float> values) {
  return static_cast<std::size_t>(std::ranges::count(values, 0.0F));
}

// H of the columns from `first` on.
Matrix trailing(const Matrix& h, std::size_t size, std::size_t first) {
  Matrix result;
  for (std::size_t i = first; i < size; ++i) {
    for (std::size_t j = first; j < size; ++j) result.push_back(h[i * size + j]);
  }
  return result;
}

// One row as the algorithm is defined: the zeros are those of the least w^2 / [H^-1]_jj, where H is
// that of the columns not passed yet; for each of them the later columns move to the minimum of the
// loss, with all earlier ones as they are.
std::vector<double> pruned_by_solving(std::vector<double> w, const Matrix& h, std::size_t zeros) {
  const std::size_t size = w.size();
  std::vector<double> losses(size);
  for (std::size_t j = 0; j < size; ++j) {
    std::vector<double> unit(size - j, 0.0);
    unit[0] = 1;
    losses[j] = w[j] * w[j] / solve(trailing(h, size, j), unit)[0];
  }
  std::vector<std::size_t> order(size);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t j) { return losses[j]; });
  std::vector<bool> goes(size, false);
  for (std::size_t i = 0; i < zeros; ++i) goes[order[i]] = true;
  for (std::size_t j = 0; j < size; ++j) {
    if (!goes[j]) continue;
    if (j + 1 < size) {
      std::vector<double> right;
      for (std::size_t k = j + 1; k < size; ++k) right.push_back(w[j] * h[k * size + j]);
      const std::vector<double> moves = solve(trailing(h, size, j + 1), right);
      for (std::size_t k = j + 1; k < size; ++k) w[k] += moves[k - j - 1];
    }
    w[j] = 0;
  }
  return w;
}

TEST(ObsPruning, IsTheGreedyAlgorithm) {
  for (std::size_t size = 1; size <= 6; ++size) {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      const Layer layer(1, 1, size, 100 * size + seed);
      for (std::size_t zeros = 0; zeros < size; ++zeros) {
        const CompensatedPruning pruning = layer.prune(zeros);
        const std::vector<double> wanted =
            pruned_by_solving({layer.weights.begin(), layer.weights.end()}, layer.h, zeros);
        for (std::size_t i = 0; i < size; ++i) {
          EXPECT_NEAR(pruning.values[i], wanted[i], 2e-4) << size << ' ' << seed << ' ' << zeros;
        }
      }
    }
  }
}

// The errors in units of U_jj add up to the quadratic form, also over blocks of columns (of 128)
// and parts of rows (of 64).
TEST(ObsPruning, LossIsTheQuadraticForm) {
  for (const auto& [groups, rows, columns] :
       {std::tuple{1U, 5U, 8U}, {3U, 2U, 9U}, {1U, 70U, 20U}, {2U, 3U, 300U}}) {
    const Layer layer(groups, rows, columns, 11);
    const CompensatedPruning pruning = layer.prune(layer.weights.size() / 2);
    EXPECT_NEAR(pruning.loss / layer.loss(pruning.values), 1, 0.01) << columns;
  }
}

TEST(ObsPruning, CompensationPays) {
  double with = 0;
  double without = 0;
  for (std::uint64_t seed = 20; seed < 30; ++seed) {
    const Layer layer(1, 8, 150, seed);
    const std::vector<float> values = layer.prune(600).values;
    EXPECT_LT(layer.loss(values), layer.loss(layer.zeroed(values))) << seed;
    with += layer.loss(values);
    without += layer.loss(layer.zeroed(values));
  }
  EXPECT_LT(with, 0.6 * without);
}

// A single weight that goes has the least loss that is possible where it is first, and never more
// than without the others' help.
TEST(ObsPruning, OneZeroNeverCostsMoreThanWithoutCompensation) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const Layer layer(1, 1, 6, seed);
    const std::vector<float> values = layer.prune(1).values;
    EXPECT_LE(layer.loss(values), layer.loss(layer.zeroed(values)) * (1 + 1e-5));
  }
}

// With independent inputs those of the least w^2 H_jj go, and nothing else changes.
TEST(ObsPruning, DiagonalMomentsOrderByMagnitudeTimesInput) {
  Layer layer(1, 4, 6, 3);
  Matrix h(36, 0.0);
  for (std::size_t i = 0; i < 6; ++i) h[i * 7] = 0.5 + static_cast<double>(i);
  layer.set_moments(0, h);
  const std::vector<float> values = layer.prune(11).values;
  std::vector<double> losses;
  for (std::size_t i = 0; i < 24; ++i) {
    losses.push_back(layer.weights[i] * layer.weights[i] * layer.h[i % 6 * 7]);
  }
  std::vector<double> sorted = losses;
  std::ranges::sort(sorted);
  for (std::size_t i = 0; i < 24; ++i) {
    EXPECT_EQ(values[i], losses[i] < sorted[11] ? 0 : layer.weights[i]) << i;
  }
  Layer table(1, 4, 6, 3);
  table.factors = {factor_inverse_diagonal(std::vector<double>{0.5, 1.5, 2.5, 3.5, 4.5, 5.5}, 0)};
  EXPECT_EQ(zeros_of(table.prune(11).values), 11U);
}

TEST(ObsPruning, LeavesExactlyTheZerosAskedFor) {
  for (const auto& [groups, rows, columns] :
       {std::tuple{1U, 7U, 5U}, {5U, 1U, 9U}, {1U, 3U, 129U}, {2U, 65U, 260U}}) {
    const Layer layer(groups, rows, columns, 40);
    const std::size_t count = layer.weights.size();
    for (const std::size_t zeros :
         {std::size_t{0}, std::size_t{1}, count / 3, count - 2, count - 1}) {
      EXPECT_EQ(zeros_of(layer.prune(zeros).values), zeros) << columns;
    }
  }
}

TEST(ObsPruning, ZerosThatAreThereStayAndCount) {
  Layer layer(2, 3, 140, 41);
  for (std::size_t i = 0; i < layer.weights.size(); ++i) {
    // Many of the first block of the first group, few elsewhere.
    if ((i < 420 && i % 140 < 120) || i % 17 == 0) layer.weights[i] = i % 2 == 0 ? 0.0F : -0.0F;
  }
  const std::size_t there = zeros_of(layer.weights);
  for (const std::size_t zeros :
       {std::size_t{10}, there, there + 1, there + 200, std::size_t{839}}) {
    const std::vector<float> values = layer.prune(zeros).values;
    EXPECT_EQ(zeros_of(values), std::max(zeros, there));
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (layer.weights[i] != 0) continue;
      EXPECT_EQ(values[i], 0);
      EXPECT_FALSE(std::signbit(values[i]));
    }
  }
  EXPECT_EQ(layer.prune(there).values, layer.zeroed(layer.weights)) << "nothing else changes";
}

TEST(ObsPruning, WeightsOfDeadColumnsGoFirst) {
  constexpr std::size_t kColumns = 150;
  Layer layer(1, 4, kColumns, 42);
  Matrix h = second_moments(kColumns, 500, 43);
  const std::vector<std::size_t> dead = {3, 70, 149};
  for (const std::size_t column : dead) {
    for (std::size_t i = 0; i < kColumns; ++i)
      h[i * kColumns + column] = h[column * kColumns + i] = 0;
  }
  layer.set_moments(0, h);
  const auto dead_zeros = [&](std::size_t zeros) {
    const std::vector<float> values = layer.prune(zeros).values;
    EXPECT_EQ(zeros_of(values), zeros);
    std::size_t count = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const bool is_dead = std::ranges::count(dead, i % kColumns) > 0;
      if (is_dead && values[i] == 0) ++count;
      EXPECT_TRUE(!is_dead || values[i] == 0 || values[i] == layer.weights[i]);
    }
    return count;
  };
  EXPECT_EQ(dead_zeros(5), 5U);
  EXPECT_EQ(dead_zeros(12), 12U);
  EXPECT_EQ(dead_zeros(300), 12U);
  EXPECT_EQ(layer.prune(12).loss, 0);
}

TEST(ObsPruning, ThreadsDoNotMatter) {
  for (const std::size_t groups : {1U, 3U}) {
    const Layer layer(groups, 130, 140, 44);
    const CompensatedPruning one = layer.prune(groups * 9000, 1);
    const CompensatedPruning two = layer.prune(groups * 9000, 2);
    EXPECT_EQ(one.values, two.values);
    EXPECT_EQ(one.loss, two.loss);
  }
}

// Equal weights, so that only their places tell them apart.
TEST(ObsPruning, TiesGoByPosition) {
  Layer layer(1, 2, 3, 45);
  layer.weights.assign(6, 1.0F);
  layer.factors = {factor_inverse_diagonal(std::vector<double>{1, 1, 1}, 0)};
  EXPECT_THAT(layer.prune(4).values, ElementsAre(0, 0, 0, 0, 1, 1));
  layer.weights.assign(6, 0.0F);
  EXPECT_THAT(layer.prune(4).values, Each(0.0F));
}

}  // namespace
}  // namespace qc
