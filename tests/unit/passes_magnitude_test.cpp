#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "passes/kernels/fixed_point.h"
#include "passes/kernels/magnitude.h"

namespace qc {
namespace {

using Tensors = std::vector<std::vector<float>>;

std::uint64_t count_zeros(const Tensors& tensors) {
  std::uint64_t zeros = 0;
  for (const auto& values : tensors)
    zeros += static_cast<std::uint64_t>(std::ranges::count(values, 0.0F));
  return zeros;
}

Tensors pruned(Tensors tensors, std::uint64_t zeros) {
  MagnitudeCut cut = cut_for_zeros(tensors, zeros);
  for (auto& values : tensors) apply_cut(values, cut);
  return tensors;
}

// The same by sorting all positions by magnitude.
Tensors pruned_by_sorting(Tensors tensors, std::uint64_t zeros) {
  std::vector<float*> places;
  for (auto& values : tensors) {
    for (float& value : values) places.push_back(&value);
  }
  std::ranges::stable_sort(places, {}, [](const float* place) { return std::fabs(*place); });
  for (std::uint64_t i = 0; i < zeros; ++i) *places[i] = 0;
  return tensors;
}

TEST(Magnitude, RateIsTheDecimalTheUserWrote) {
  EXPECT_EQ(zeros_at_rate(0.29, 100), 29U);
  EXPECT_EQ(zeros_at_rate(0.9, 10), 9U);
  EXPECT_EQ(zeros_at_rate(0.5, 7), 3U);
  EXPECT_EQ(zeros_at_rate(0, 1000), 0U);
  EXPECT_EQ(zeros_at_rate(0.99, 1), 0U);
  EXPECT_EQ(zeros_at_rate(std::nextafter(1.0, 0.0), 5), 4U);
  EXPECT_EQ(zeros_at_rate(0.5, 0), 0U);
}

TEST(Magnitude, BreaksTiesByPosition) {
  const Tensors tensors = {{1, -1, 2, 1}, {-1, 1, 3}};
  EXPECT_EQ(pruned(tensors, 3), (Tensors{{0, 0, 2, 0}, {-1, 1, 3}}));
  EXPECT_EQ(pruned(tensors, 4), (Tensors{{0, 0, 2, 0}, {0, 1, 3}}));
}

TEST(Magnitude, CountsZerosThatAreThere) {
  const Tensors tensors = {{0, 5, -0.0F, 4, 3}};
  EXPECT_EQ(count_zeros(pruned(tensors, 1)), 2U);
  EXPECT_EQ(count_zeros(pruned(tensors, 2)), 2U);
  EXPECT_EQ(pruned(tensors, 3), (Tensors{{0, 5, 0, 4, 0}}));
  EXPECT_EQ(cut_for_zeros(tensors, 1).threshold, 0);
}

TEST(Magnitude, WritesPositiveZeros) {
  std::vector<float> values = {-0.0F, -1e-3F, 0.0F, 1.0F};
  MagnitudeCut cut{.threshold = 0.5, .ties = 0};
  apply_cut(values, cut);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(std::bit_cast<std::uint32_t>(values[i]), 0U) << i;
}

TEST(Magnitude, OrdersSubnormalValues) {
  const float tiny = std::numeric_limits<float>::denorm_min();
  const Tensors tensors = {{3 * tiny, -tiny, 2 * tiny, 1}};
  EXPECT_EQ(pruned(tensors, 2), (Tensors{{3 * tiny, 0, 0, 1}}));
}

TEST(Magnitude, KeepsValuesAtTheThreshold) {
  std::vector<float> values = {0.5F, -0.5F, 0.25F, std::nextafter(0.5F, 0.0F)};
  MagnitudeCut cut{.threshold = 0.5, .ties = 0};
  apply_cut(values, cut);
  EXPECT_EQ(values, (std::vector<float>{0.5F, -0.5F, 0, 0}));
}

TEST(Magnitude, StandardDeviationIsThePopulations) {
  EXPECT_DOUBLE_EQ(standard_deviation(std::vector<float>{2, 4, 4, 4, 5, 5, 7, 9}), 2.0);
  EXPECT_EQ(standard_deviation(std::vector<float>{3, 3, 3}), 0.0);
  EXPECT_EQ(standard_deviation({}), 0.0);
}

RC_GTEST_PROP(Magnitude, AgreesWithSorting, ()) {
  Tensors tensors;
  std::uint64_t count = 0;
  const auto tensor_count = *rc::gen::inRange<std::size_t>(1, 4);
  for (std::size_t i = 0; i < tensor_count; ++i) {
    // Few distinct magnitudes, so that ties are common.
    const auto steps = *rc::gen::container<std::vector<int>>(rc::gen::inRange(-9, 10));
    std::vector<float> values;
    values.reserve(steps.size());
    for (const int step : steps) values.push_back(static_cast<float>(step) * 0.1F);
    count += values.size();
    tensors.push_back(std::move(values));
  }
  RC_PRE(count > 0U);
  const auto zeros = *rc::gen::inRange<std::uint64_t>(0, count);
  const Tensors result = pruned(tensors, zeros);
  RC_ASSERT(result == pruned_by_sorting(tensors, zeros));
  RC_ASSERT(count_zeros(result) == std::max(zeros, count_zeros(tensors)));
}

TEST(FixedPoint, PicksTheFinestStepThatFits) {
  const FixedPointGrid grid =
      fixed_point_grid(std::vector<double>{-0.5, 0.3, 0.9}, 8, DataType::kFloat);
  EXPECT_EQ(grid.exponent, -7);
  EXPECT_EQ(grid.round(0.9), 115.0 / 128);
  EXPECT_EQ(grid.round(-0.5), -0.5);
  // -1 is an 8-bit number of steps 2^-7, 1 is not.
  EXPECT_EQ(fixed_point_grid(std::vector<double>{-1}, 8, DataType::kFloat).exponent, -7);
  EXPECT_EQ(fixed_point_grid(std::vector<double>{1}, 8, DataType::kFloat).exponent, -6);
  // Rounding up to 128 steps of 2^-7 must not overflow either.
  EXPECT_EQ(fixed_point_grid(std::vector<double>{127.6 / 128}, 8, DataType::kFloat).exponent, -6);
}

TEST(FixedPoint, RoundsToPositiveZero) {
  const FixedPointGrid grid = fixed_point_grid(std::vector<double>{1}, 4, DataType::kFloat);
  EXPECT_FALSE(std::signbit(grid.round(-1e-6)));
}

TEST(FixedPoint, StaysWithinTheStorageType) {
  const FixedPointGrid half = fixed_point_grid(std::vector<double>{65504}, 4, DataType::kFloat16);
  EXPECT_LE(half.round(65504), 65504);
  EXPECT_EQ(fixed_point_grid(std::vector<double>{1}, 16, DataType::kFloat16).bits, 12);
  EXPECT_EQ(fixed_point_grid(std::vector<double>{1}, 16, DataType::kBfloat16).bits, 9);
  const FixedPointGrid subnormal =
      fixed_point_grid(std::vector<double>{0x1p-24}, 8, DataType::kFloat16);
  EXPECT_EQ(subnormal.round(0x1p-24), 0x1p-24);
}

RC_GTEST_PROP(FixedPoint, ErrsByHalfAStepAtMost, ()) {
  const auto integers = *rc::gen::nonEmpty<std::vector<int>>();
  const int bits = *rc::gen::inRange(2, 17);
  std::vector<double> values;
  values.reserve(integers.size());
  for (const int integer : integers) values.push_back(static_cast<float>(integer) * 1e-6F);
  const FixedPointGrid grid = fixed_point_grid(values, bits, DataType::kFloat);
  for (const double value : values) {
    RC_ASSERT(std::fabs(grid.round(value) - value) <= std::ldexp(0.5, grid.exponent));
    RC_ASSERT(grid.round(grid.round(value)) == grid.round(value));
  }
}

}  // namespace
}  // namespace qc
