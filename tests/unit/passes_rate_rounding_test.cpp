// Rounding with compensation against plain definitions: inverses by elimination, all assignments of
// a few weights, the quadratic form written out.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <span>
#include <tuple>
#include <vector>

#include "core/error.h"
#include "core/float_types.h"
#include "core/random.h"
#include "model_builder.h"
#include "moment_matrices.h"
#include "passes/kernels/inverse_factor.h"
#include "passes/kernels/lockstep.h"
#include "passes/kernels/quadratic_form.h"
#include "passes/kernels/rate_rounding.h"
#include "passes/kernels/value_limit.h"

namespace qc {
namespace {

using test::damped;
using test::Matrix;
using test::second_moments;
using test::solve;

double upper_at(const InverseFactor& factor, std::size_t row, std::size_t column) {
  return factor.upper[row * factor.order.size() + column];
}

TEST(InverseFactor, IsAFactorOfTheInverseInItsOrder) {
  constexpr std::size_t kSize = 7;
  const Matrix h = second_moments(kSize, 40, 1);
  for (const ColumnOrder order : {ColumnOrder::kNatural, ColumnOrder::kBySize}) {
    const InverseFactor factor = factor_inverse(h, kSize, order, 0.01);
    EXPECT_EQ(factor.damping, 0.01);
    const Matrix full = damped(h, kSize, 0.01);
    // (U^T U) times the columns of H is those of the identity.
    for (std::size_t column = 0; column < kSize; ++column) {
      std::vector<double> u(kSize, 0.0);
      for (std::size_t i = 0; i < kSize; ++i) {
        for (std::size_t j = i; j < kSize; ++j) {
          u[i] += upper_at(factor, i, j) * full[factor.order[j] * kSize + factor.order[column]];
        }
      }
      for (std::size_t row = 0; row < kSize; ++row) {
        double sum = 0;
        for (std::size_t i = 0; i <= row; ++i) sum += upper_at(factor, i, row) * u[i];
        EXPECT_NEAR(sum, row == column ? 1 : 0, 1e-4) << row << ", " << column;
      }
    }
    for (std::size_t i = 0; i < kSize; ++i) EXPECT_EQ(factor.diagonal[i], upper_at(factor, i, i));
  }
}

// Larger than the blocks that it is made in.
TEST(InverseFactor, OfManyColumnsIsTheSameForAnyThreads) {
  constexpr std::size_t kSize = 600;
  const Matrix h = second_moments(kSize, 700, 2);
  const InverseFactor factor = factor_inverse(h, kSize, ColumnOrder::kNatural, 0.01);
  EXPECT_EQ(factor_inverse(h, kSize, ColumnOrder::kNatural, 0.01, 3).upper, factor.upper);
  const Matrix full = damped(h, kSize, 0.01);
  // U H is the lower triangle U^-T, whose diagonal is that of the inverse of U.
  for (std::size_t i = 0; i < kSize; i += 7) {
    for (std::size_t j = i; j < kSize; j += 31) {
      double sum = 0;
      for (std::size_t k = i; k < kSize; ++k) sum += upper_at(factor, i, k) * full[k * kSize + j];
      EXPECT_NEAR(sum, i == j ? 1 / upper_at(factor, i, i) : 0, 1e-4) << i << ", " << j;
    }
  }
}

TEST(QuadraticForm, IsWhatItsDefinitionSays) {
  constexpr std::size_t kColumns = 9;
  constexpr std::size_t kRows = 150;  // more than a thread's block
  const Matrix h = second_moments(kColumns, 40, 3);
  const std::vector<float> weights = test::bell_values(kRows * kColumns, 4, 1);
  const std::vector<float> zeros(weights.size(), 0);
  const std::vector<double> twos(kRows, 2.0);
  const double expected = quadratic_loss(weights, zeros, h, twos, 1, kRows, kColumns);
  const double form = quadratic_form(weights, h, kColumns, 1);
  EXPECT_NEAR(form, expected, 1e-9 * expected);
  EXPECT_EQ(quadratic_form(weights, h, kColumns, 3), form);
}

TEST(InverseFactor, PutsLargeColumnsFirst) {
  const Matrix h = {1, 0, 0, 0, 9, 0, 0, 0, 4};
  EXPECT_THAT(factor_inverse(h, 3, ColumnOrder::kBySize, 0.01).order,
              testing::ElementsAre(1, 2, 0));
  EXPECT_THAT(factor_inverse(h, 3, ColumnOrder::kNatural, 0.01).order,
              testing::ElementsAre(0, 1, 2));
}

// Fewer samples than columns, dead columns, nothing but zeros.
TEST(InverseFactor, DampsUntilItSucceeds) {
  const InverseFactor singular =
      factor_inverse(second_moments(8, 2, 3), 8, ColumnOrder::kNatural, 0);
  EXPECT_GT(singular.damping, 0);
  for (const float value : singular.upper) EXPECT_TRUE(std::isfinite(value));

  Matrix h = second_moments(4, 30, 4);
  for (std::size_t i = 0; i < 4; ++i) h[i * 4 + 2] = h[2 * 4 + i] = 0;
  const InverseFactor dead = factor_inverse(h, 4, ColumnOrder::kNatural, 0.01);
  EXPECT_THAT(dead.dead, testing::ElementsAre(false, false, true, false));

  // Variances of constant columns, after cancellation.
  const InverseFactor constant = factor_inverse(Matrix{1e-20, 0, 0, 0, -1e-12, 0, 0, 0, -1e-12}, 3,
                                                ColumnOrder::kNatural, 0.01);
  EXPECT_THAT(constant.dead, testing::ElementsAre(false, true, true));
  for (const float value : constant.diagonal) EXPECT_TRUE(std::isfinite(value) && value > 0);

  const InverseFactor zeros = factor_inverse(Matrix(9, 0.0), 3, ColumnOrder::kNatural, 0.01);
  EXPECT_THAT(zeros.dead, testing::Each(true));
  for (const float value : zeros.diagonal) EXPECT_GT(value, 0);
}

TEST(InverseFactor, RefusesWhatIsNoNumber) {
  Matrix h = second_moments(3, 10, 5);
  for (const double bad :
       {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    h[4] = bad;
    EXPECT_THROW(factor_inverse(h, 3, ColumnOrder::kNatural, 0.01), Error);
  }
}

// Once the first weight is fixed, what the factor makes of the others is the least squares' answer.
TEST(InverseFactor, CompensatesAsSolvingAgainWould) {
  constexpr std::size_t kSize = 6;
  const Matrix h = second_moments(kSize, 50, 6);
  const InverseFactor factor = factor_inverse(h, kSize, ColumnOrder::kNatural, 0.01);
  const Matrix full = damped(h, kSize, 0.01);
  const double moved = 0.3;  // of weight 0, so that the others move by -H_rr^-1 H_r0 times it
  Matrix rest;
  std::vector<double> right;
  for (std::size_t i = 1; i < kSize; ++i) {
    right.push_back(-moved * full[i * kSize]);
    for (std::size_t j = 1; j < kSize; ++j) rest.push_back(full[i * kSize + j]);
  }
  const std::vector<double> wanted = solve(rest, right);
  const double error = -moved / upper_at(factor, 0, 0);
  for (std::size_t i = 1; i < kSize; ++i) {
    EXPECT_NEAR(-error * upper_at(factor, 0, i), wanted[i - 1], 1e-5);
  }
}

TEST(Lockstep, IsTheLeastSquaresAnswer) {
  constexpr std::size_t kRows = 2;
  constexpr std::size_t kColumns = 3;
  // y are x, scaled and mixed: the weights that undo this are known.
  const Matrix mix = {2, 0.5, 0, 0, 1, 0.25, 0.5, 0, 4};  // y = mix x
  const Matrix xx = second_moments(kColumns, 60, 7);
  Matrix h(9, 0.0);
  Matrix c(9, 0.0);
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t j = 0; j < 3; ++j) {
      for (std::size_t k = 0; k < 3; ++k) {
        c[i * 3 + j] += xx[i * 3 + k] * mix[j * 3 + k];
        for (std::size_t l = 0; l < 3; ++l) {
          h[i * 3 + j] += mix[i * 3 + k] * xx[k * 3 + l] * mix[j * 3 + l];
        }
      }
    }
  }
  const std::vector<float> weights = test::bell_values(kRows * kColumns, 8, 1.0F);
  const std::vector<float> fitted = lockstep_weights(weights, kRows, kColumns, h, c, 1e-9);
  // W' mix = W
  for (std::size_t row = 0; row < kRows; ++row) {
    for (std::size_t j = 0; j < 3; ++j) {
      double sum = 0;
      for (std::size_t k = 0; k < 3; ++k) sum += fitted[row * 3 + k] * mix[k * 3 + j];
      EXPECT_NEAR(sum, weights[row * 3 + j], 1e-4);
    }
  }
  // Nothing changed upstream: nothing changes here.
  const std::vector<float> same = lockstep_weights(weights, kRows, kColumns, xx, xx, 0.02);
  for (std::size_t i = 0; i < same.size(); ++i) EXPECT_NEAR(same[i], weights[i], 1e-6);
}

struct Layer {
  std::size_t groups;
  std::size_t rows;
  std::size_t columns;
  std::vector<float> weights;
  Matrix h;  // {groups, columns, columns}
  std::vector<InverseFactor> factors;
  std::vector<double> importance;

  Layer(std::size_t its_groups, std::size_t its_rows, std::size_t its_columns, std::uint64_t seed,
        double damping = 1e-6)
      : groups(its_groups), rows(its_rows), columns(its_columns) {
    weights = test::bell_values(groups * rows * columns, seed, 0.5F);
    for (std::size_t g = 0; g < groups; ++g) {
      const Matrix own = second_moments(columns, 3 * columns + 5, seed + g + 1);
      factors.push_back(factor_inverse(own, columns, ColumnOrder::kBySize, damping));
      h.insert(h.end(), own.begin(), own.end());
    }
    SplitMix64 random(seed);
    for (std::size_t i = 0; i < groups * rows; ++i) importance.push_back(0.5 + random.uniform());
  }

  RateProblem problem() const {
    return {.groups = groups,
            .rows = rows,
            .columns = columns,
            .weights = weights,
            .factors = factors,
            .importance = importance};
  }

  double loss(std::span<const float> rounded) const {
    return quadratic_loss(weights, rounded, h, importance, groups, rows, columns);
  }

  // The same without correlations between inputs.
  std::vector<InverseFactor> uncorrelated() const {
    std::vector<InverseFactor> result;
    for (std::size_t g = 0; g < groups; ++g) {
      std::vector<double> diagonal;
      for (std::size_t i = 0; i < columns; ++i) {
        diagonal.push_back(h[g * columns * columns + i * (columns + 1)]);
      }
      result.push_back(factor_inverse_diagonal(diagonal, 1e-6));
    }
    return result;
  }
};

// The errors in units of U_jj add up to the quadratic form: compensation and loss agree. A block
// of columns is 128 wide, and one of rows 64.
TEST(RateRounding, LossIsTheQuadraticForm) {
  for (const auto& [groups, rows, columns] :
       {std::tuple{1, 5, 8}, {3, 2, 9}, {1, 70, 20}, {2, 3, 150}}) {
    const Layer layer(static_cast<std::size_t>(groups), static_cast<std::size_t>(rows),
                      static_cast<std::size_t>(columns), 11);
    const RateRounding rounding = round_to_rate(layer.problem(), 0.01, 1);
    EXPECT_GT(rounding.loss, 0);
    EXPECT_NEAR(rounding.loss / layer.loss(rounding.values), 1, 0.01)
        << groups << " " << rows << " " << columns;
  }
}

TEST(RateRounding, ValuesAreLevelsAndTheirCounts) {
  const Layer layer(1, 12, 30, 12);
  const RateRounding rounding = round_to_rate(layer.problem(), 0.02, 1);
  std::set<float> values;
  for (const RateLevel& level : rounding.levels) {
    EXPECT_TRUE(values.insert(static_cast<float>(level.value)).second);
    EXPECT_EQ(static_cast<std::uint64_t>(
                  std::ranges::count(rounding.values, static_cast<float>(level.value))),
              level.count);
  }
  EXPECT_LT(rounding.levels.size(), 40);
  // No code of the weights is shorter than their entropy.
  double entropy = 0;
  for (const RateLevel& level : rounding.levels) {
    const double share = static_cast<double>(level.count) / 360;
    entropy -= static_cast<double>(level.count) * std::log2(share);
  }
  EXPECT_GE(rounding.bits, entropy);
}

TEST(RateRounding, DearerBitsAreFewerAndWorse) {
  const Layer layer(1, 20, 40, 13);
  double bits = std::numeric_limits<double>::infinity();
  double loss = 0;
  for (const double lambda : {1e-5, 1e-4, 1e-3, 1e-2, 1e-1}) {
    const RateRounding rounding = round_to_rate(layer.problem(), lambda, 1);
    EXPECT_LT(rounding.bits, bits);
    EXPECT_GT(rounding.loss, loss);
    bits = rounding.bits;
    loss = rounding.loss;
  }
  // In the end everything is pruned.
  EXPECT_THAT(round_to_rate(layer.problem(), 1e3, 1).values, testing::Each(0.0F));
}

TEST(RateRounding, CheapBitsBuyCloseness) {
  // At high rates a bit more divides the loss by four, as lambda is. Entries of the codebook cost
  // some of that.
  const Layer layer(1, 600, 32, 9);
  double before = round_to_rate(layer.problem(), 1e-3, 1).loss;
  for (double lambda = 1e-3 / 4; lambda > 1e-6; lambda /= 4) {
    const double loss = round_to_rate(layer.problem(), lambda, 1).loss;
    EXPECT_LT(loss, before / 2.5) << lambda;
    before = loss;
  }
  // No price is so low that the levels do not suffice.
  EXPECT_LT(round_to_rate(layer.problem(), 1e-14, 1).loss, before / 10);
}

// The price of loss and bits together, by the model's own count of bits.
TEST(RateRounding, CompensationPays) {
  constexpr double kLambda = 0.01;
  double with = 0;
  double without = 0;
  for (std::uint64_t seed = 20; seed < 30; ++seed) {
    const Layer layer(1, 24, 32, seed);
    const RateRounding compensated = round_to_rate(layer.problem(), kLambda, 1);
    const std::vector<InverseFactor> plain = layer.uncorrelated();
    RateProblem problem = layer.problem();
    problem.factors = plain;
    const RateRounding independent = round_to_rate(problem, kLambda, 1);
    with += layer.loss(compensated.values) + kLambda * compensated.bits;
    without += layer.loss(independent.values) + kLambda * independent.bits;
  }
  EXPECT_LT(with, 0.9 * without);
}

// All assignments of a row to the levels that were found: compensation cannot beat the best of
// them, and is not far from it.
TEST(RateRounding, IsNearTheBestAssignmentOfAll) {
  constexpr double kLambda = 0.05;
  double found = 0;
  double best = 0;
  for (std::uint64_t seed = 40; seed < 60; ++seed) {
    const Layer layer(1, 1, 6, seed);
    const RateRounding rounding = round_to_rate(layer.problem(), kLambda, 1);
    const std::vector<RateLevel>& levels = rounding.levels;
    std::vector<std::size_t> chosen(6, 0);
    double least = std::numeric_limits<double>::infinity();
    for (bool more = true; more;) {
      std::vector<float> values;
      for (const std::size_t k : chosen) values.push_back(static_cast<float>(levels[k].value));
      least = std::min(least, layer.loss(values));
      std::size_t i = 0;
      while (i < 6 && ++chosen[i] == levels.size()) chosen[i++] = 0;
      more = i < 6;
    }
    const double own = layer.loss(rounding.values);
    EXPECT_GE(own, least * 0.999);
    found += own;
    best += least;
  }
  EXPECT_LT(found, 2.5 * best);
}

TEST(RateRounding, DeadColumnsBecomeZero) {
  Layer layer(1, 4, 5, 70);
  for (std::size_t i = 0; i < 5; ++i) layer.h[i * 5 + 3] = layer.h[3 * 5 + i] = 0;
  layer.factors = {factor_inverse(layer.h, 5, ColumnOrder::kBySize, 0.01)};
  const RateRounding rounding = round_to_rate(layer.problem(), 1e-4, 1);
  for (std::size_t row = 0; row < 4; ++row) {
    EXPECT_EQ(rounding.values[row * 5 + 3], 0);
    EXPECT_NE(rounding.values[row * 5], 0);
  }
}

TEST(RateRounding, ThreadsDoNotMatter) {
  const Layer layer(2, 200, 140, 71);
  const RateRounding one = round_to_rate(layer.problem(), 0.003, 1);
  const RateRounding four = round_to_rate(layer.problem(), 0.003, 4);
  EXPECT_EQ(one.values, four.values);
  EXPECT_EQ(one.bits, four.bits);
  EXPECT_EQ(one.loss, four.loss);
}

TEST(RateRounding, HalvesAreRoundedToHalves) {
  const Layer layer(1, 10, 16, 72);
  RateProblem problem = layer.problem();
  problem.type = DataType::kFloat16;
  for (const RateLevel& level : round_to_rate(problem, 0.001, 1).levels) {
    EXPECT_EQ(stored_value(DataType::kFloat16, level.value), level.value);
  }
}

TEST(RateRounding, NothingButZerosAndNothingThatMatters) {
  Layer layer(1, 3, 4, 73);
  std::ranges::fill(layer.weights, 0.0F);
  EXPECT_THAT(round_to_rate(layer.problem(), 0.01, 1).values, testing::Each(0.0F));
  Layer unimportant(1, 3, 4, 74);
  std::ranges::fill(unimportant.importance, 0.0);
  EXPECT_THAT(round_to_rate(unimportant.problem(), 0.01, 1).values, testing::Each(0.0F));
}

// An outlier a hundred deviations out has a level near it.
TEST(RateRounding, OutliersAreKept) {
  Layer layer(1, 16, 16, 75);
  layer.weights[37] = 60;
  const RateRounding rounding = round_to_rate(layer.problem(), 1e-3, 1);
  EXPECT_NEAR(rounding.values[37], 60, 3);
}

std::size_t nonzero_values(std::span<const float> values) {
  const std::set<float> distinct(values.begin(), values.end());
  return distinct.size() - distinct.count(0.0F);
}

TEST(RateRounding, ZerosStayWhereAskedFor) {
  Layer layer(2, 9, 140, 76);
  for (std::size_t i = 0; i < layer.weights.size(); i += 3) layer.weights[i] = 0;
  RateProblem problem = layer.problem();
  problem.zeros_stay = true;
  const std::vector<float> kept = round_to_rate(problem, 1e-4, 1).values;
  const std::vector<float> freed = round_to_rate(layer.problem(), 1e-4, 1).values;
  std::size_t revived = 0;
  for (std::size_t i = 0; i < layer.weights.size(); i += 3) {
    EXPECT_EQ(kept[i], 0);
    revived += freed[i] != 0 ? 1 : 0;
  }
  EXPECT_GT(revived, 0);
}

TEST(ValueLimit, LeavesSoManyValuesAtMost) {
  const Layer layer(1, 40, 60, 77);
  double before = std::numeric_limits<double>::infinity();
  for (const std::size_t most : {2U, 4U, 8U, 16U, 32U, 64U, 256U}) {
    const RateRounding rounding = round_to_few_values(layer.problem(), most, 1);
    EXPECT_LE(nonzero_values(rounding.values), most);
    EXPECT_GT(nonzero_values(rounding.values), std::min<std::size_t>(most, 64) / 2);
    const double loss = layer.loss(rounding.values);
    EXPECT_LT(loss, before) << most;
    before = loss;
  }
}

// A single far one must not take the values of all others.
TEST(ValueLimit, CopesWithOutliers) {
  Layer layer(1, 30, 40, 78);
  const double plain = layer.loss(round_to_few_values(layer.problem(), 16, 1).values);
  layer.weights[100] = 40;
  const RateRounding rounding = round_to_few_values(layer.problem(), 16, 1);
  EXPECT_LE(nonzero_values(rounding.values), 16);
  EXPECT_LT(layer.loss(rounding.values), 20 * plain);
}

TEST(ValueLimit, NothingToRound) {
  Layer layer(1, 3, 4, 79);
  std::ranges::fill(layer.weights, 0.0F);
  EXPECT_THAT(round_to_few_values(layer.problem(), 4, 1).values, testing::Each(0.0F));
  Layer dead(1, 3, 4, 80);
  dead.factors = {factor_inverse(Matrix(16, 0.0), 4, ColumnOrder::kNatural, 0.01)};
  EXPECT_THAT(round_to_few_values(dead.problem(), 4, 1).values, testing::Each(0.0F));
}

TEST(ValueLimit, ThreadsDoNotMatter) {
  const Layer layer(2, 70, 140, 81);
  EXPECT_EQ(round_to_few_values(layer.problem(), 8, 1).values,
            round_to_few_values(layer.problem(), 8, 2).values);
}

}  // namespace
}  // namespace qc
