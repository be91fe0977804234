#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

#include "core/random.h"
#include "model_builder.h"
#include "passes/kernels/kmeans1d.h"
#include "passes/kernels/optimal_partition.h"
#include "passes/kernels/radix_sort.h"
#include "passes/kernels/short_mantissas.h"

namespace qc {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;

constexpr std::array kInits = {KMeansInit::kLinear, KMeansInit::kDensity, KMeansInit::kRandom,
                               KMeansInit::kOptimal};

double error_of_run(std::span<const float> sorted) {
  double sum = 0;
  for (const float value : sorted) sum += value;
  const double mean = sum / static_cast<double>(sorted.size());
  double error = 0;
  for (const float value : sorted) error += (value - mean) * (value - mean);
  return error;
}

// The smallest error of k clusters by dynamic programming over all splits, O(k n^2) run errors.
double smallest_error(std::span<const float> sorted, std::size_t k) {
  const std::size_t n = sorted.size();
  const double none = std::numeric_limits<double>::infinity();
  std::vector<double> best(n + 1, none);
  best[0] = 0;
  for (std::size_t cluster = 0; cluster < k; ++cluster) {
    std::vector<double> next(n + 1, none);
    next[0] = 0;
    for (std::size_t end = 1; end <= n; ++end) {
      for (std::size_t begin = 0; begin < end; ++begin) {
        if (best[begin] == none) continue;
        next[end] =
            std::min(next[end], best[begin] + error_of_run(sorted.subspan(begin, end - begin)));
      }
    }
    best = next;
  }
  return best[n];
}

double error_of_ends(std::span<const float> values, const BinnedSample& sample,
                     std::span<const std::size_t> ends) {
  std::vector<float> sorted(values.begin(), values.end());
  std::ranges::sort(sorted);
  double error = 0;
  std::size_t begin = 0;
  for (const std::size_t end_bin : ends) {
    const std::size_t end = sample.totals(0, end_bin).count;
    error += error_of_run(std::span(sorted).subspan(begin, end - begin));
    begin = end;
  }
  return error;
}

// The error counted value by value against every centroid.
double error_of_centroids(std::span<const float> values, std::span<const double> centroids) {
  double error = 0;
  for (const float value : values) {
    double nearest = std::numeric_limits<double>::infinity();
    for (const double centroid : centroids) {
      nearest = std::min(nearest, std::fabs(value - centroid));
    }
    error += nearest * nearest;
  }
  return error;
}

std::vector<std::uint32_t> assign_nearest(std::span<const float> values,
                                          std::span<const double> centroids) {
  std::vector<std::uint32_t> codes(values.size());
  std::ranges::transform(values, codes.begin(), NearestCentroid(centroids));
  return codes;
}

// Unless cut short, Lloyd's algorithm ends where every centroid is the mean of what is nearest.
void expect_means(std::span<const float> values, std::span<const double> centroids) {
  EXPECT_EQ(std::ranges::adjacent_find(centroids, std::ranges::greater_equal{}), centroids.end());
  const std::vector<std::uint32_t> codes = assign_nearest(values, centroids);
  std::vector<double> sums(centroids.size());
  std::vector<double> counts(centroids.size());
  double scale = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    sums[codes[i]] += values[i];
    counts[codes[i]] += 1;
    scale = std::max(scale, std::fabs(static_cast<double>(values[i])));
  }
  for (std::size_t i = 0; i < centroids.size(); ++i) {
    EXPECT_NEAR(sums[i] / counts[i], centroids[i], 1e-9 * scale) << i;
  }
}

void expect_nearest(std::span<const float> values, std::span<const double> centroids) {
  const std::vector<std::uint32_t> codes = assign_nearest(values, centroids);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double distance = std::fabs(values[i] - centroids[codes[i]]);
    for (const std::size_t rival : {codes[i] - std::size_t{1}, codes[i] + std::size_t{1}}) {
      if (rival >= centroids.size()) continue;
      // The border between two centroids is rounded like they are.
      const double rounding =
          4 * std::numeric_limits<double>::epsilon() * std::fabs(centroids[rival]);
      ASSERT_LE(distance, std::fabs(values[i] - centroids[rival]) + rounding);
    }
  }
}

// Values of several kinds: coarse ones with many repeats, fine ones, some far from zero beside
// their spread, and some with outliers.
rc::Gen<std::vector<float>> sample_values() {
  const auto coarse = rc::gen::map(rc::gen::inRange(-20, 21),
                                   [](int step) { return static_cast<float>(step) * 0.25F; });
  const auto fine = rc::gen::map(rc::gen::inRange(-1000000, 1000001),
                                 [](int step) { return static_cast<float>(step) * 1e-7F; });
  const auto far = rc::gen::map(rc::gen::inRange(-50, 51), [](int step) {
    return 1048576.0F + static_cast<float>(step) * 0.125F;
  });
  const auto outliers = rc::gen::element(-1e6F, -30.0F, 30.0F, 1e6F);
  return rc::gen::oneOf(
      rc::gen::nonEmpty(rc::gen::container<std::vector<float>>(coarse)),
      rc::gen::nonEmpty(rc::gen::container<std::vector<float>>(fine)),
      rc::gen::nonEmpty(rc::gen::container<std::vector<float>>(far)),
      rc::gen::nonEmpty(rc::gen::container<std::vector<float>>(
          rc::gen::weightedOneOf<float>({{8, fine}, {1, coarse}, {1, outliers}}))));
}

TEST(RadixSort, SortsEveryWidth) {
  SplitMix64 random(1);
  for (const std::size_t count : {0U, 1U, 100U, 5000U}) {
    std::vector<std::uint16_t> narrow(count);
    std::vector<std::uint64_t> wide(count);
    for (std::size_t i = 0; i < count; ++i) {
      narrow[i] = static_cast<std::uint16_t>(random.next());
      wide[i] = random.next() >> (i % 64);
    }
    radix_sort(narrow);
    radix_sort(wide);
    EXPECT_TRUE(std::ranges::is_sorted(narrow));
    EXPECT_TRUE(std::ranges::is_sorted(wide));
  }
}

// Values that are normal, and so many that a coarse sample of them is no exact one.
std::vector<float> many_values(std::uint64_t seed) { return test::bell_values(300000, seed); }

TEST(BinnedSample, SortsSignsSubnormalsAndRepeats) {
  const float tiny = std::numeric_limits<float>::denorm_min();
  const BinnedSample sample =
      BinnedSample::exact(std::vector<float>{1, -tiny, -0.0F, tiny, -3, 1, 3e38F, 0, -3e38F});
  const std::vector<float> expected = {-3e38F, -3, -tiny, 0, tiny, 1, 3e38F};
  ASSERT_EQ(sample.size(), expected.size());
  for (std::size_t bin = 0; bin < expected.size(); ++bin) {
    EXPECT_EQ(sample.lowest(bin), expected[bin]);
    EXPECT_EQ(sample.mean(bin), expected[bin]);
    EXPECT_EQ(sample.totals(bin).count, expected[bin] == 0 || expected[bin] == 1 ? 2U : 1U);
    EXPECT_TRUE(sample.is_pure(bin));
  }
  EXPECT_EQ(sample.largest(), 3e38F);
}

TEST(BinnedSample, SumsEveryStretch) {
  std::vector<float> values(1000);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  const BinnedSample sample = BinnedSample::exact(values);
  for (const std::size_t begin : {0U, 1U, 63U, 64U, 65U, 500U}) {
    for (const std::size_t end : {500U, 511U, 512U, 513U, 999U, 1000U}) {
      const auto expected = static_cast<double>((end - begin) * (begin + end - 1)) / 2;
      const Totals totals = sample.totals(begin, end);
      EXPECT_EQ(totals.sum, end > begin ? expected : 0) << begin << ' ' << end;
      EXPECT_EQ(totals.count, end - begin);
    }
  }
}

// Every bin of a coarse sample against those of the exact one, before and after a split.
TEST(BinnedSample, CoarseBinsHoldNeighboursAndSplitIntoValues) {
  std::vector<float> values = many_values(1);
  for (std::size_t i = 0; i < values.size(); i += 3) values[i] = std::round(values[i] * 64) / 64;
  const BinnedSample exact = BinnedSample::exact(values);
  BinnedSample coarse = BinnedSample::coarse(values, 1);
  ASSERT_LT(coarse.size(), exact.size());
  EXPECT_EQ(coarse.largest(), exact.largest());

  std::vector<std::size_t> some;
  for (std::size_t bin = 0; bin < coarse.size(); bin += 7) some.push_back(bin);
  for (int round = 0; round < 2; ++round) {
    std::size_t begin = 0;
    for (std::size_t bin = 0; bin < coarse.size(); ++bin) {
      EXPECT_EQ(exact.lowest(begin), coarse.lowest(bin));
      std::size_t end = begin;
      while (end < exact.size() &&
             (bin + 1 == coarse.size() || exact.lowest(end) < coarse.lowest(bin + 1))) {
        ++end;
      }
      const Totals expected = exact.totals(begin, end);
      EXPECT_EQ(coarse.totals(bin).count, expected.count);
      EXPECT_EQ(coarse.totals(bin).sum, expected.sum);
      EXPECT_EQ(coarse.is_pure(bin), end - begin == 1);
      EXPECT_LE(exact.lowest(end - 1) - exact.lowest(begin),
                std::fabs(exact.lowest(begin)) * 0x1p-10F);
      begin = end;
    }
    EXPECT_EQ(begin, exact.size());
    coarse.split(some);
  }
}

TEST(BinnedSample, IsExactWhereBinsWouldBeFew) {
  std::vector<float> values = many_values(2);
  for (float& value : values) value = 1 + value * 0x1p-12F;
  EXPECT_EQ(BinnedSample::coarse(values, 2048).size(), BinnedSample::exact(values).size());
  EXPECT_LT(BinnedSample::coarse(values, 1).size(), 2048U);
}

RC_GTEST_PROP(KMeans, OptimalIsOptimal, ()) {
  const std::vector<float> values = *sample_values();
  const auto k = *rc::gen::inRange<std::size_t>(1, 9);
  const KMeansResult result = kmeans_1d(values, k, KMeansInit::kOptimal);
  std::vector<float> sorted = values;
  std::ranges::sort(sorted);
  RC_ASSERT(result.centroids.size() <= k);
  RC_ASSERT(error_of_centroids(values, result.centroids) <=
            smallest_error(sorted, k) * (1 + 1e-9) + 1e-12);
}

RC_GTEST_PROP(KMeans, CentroidsAreTheMeansOfTheirValues, ()) {
  const std::vector<float> values = *sample_values();
  const auto k = *rc::gen::inRange<std::size_t>(1, 20);
  const KMeansInit init = *rc::gen::elementOf(kInits);
  expect_means(values, kmeans_1d(values, k, init, 7).centroids);
}

RC_GTEST_PROP(KMeans, LloydNeverIncreasesTheError, ()) {
  const std::vector<float> values = *sample_values();
  const BinnedSample sample = BinnedSample::exact(values);
  const auto k = *rc::gen::inRange<std::size_t>(1, 20);
  RC_PRE(k <= sample.size());
  const KMeansInit init = *rc::gen::elementOf(kInits);
  const std::vector<double> start = initial_centroids(sample, k, init, 3);
  double before = error_of_centroids(values, start);
  for (int iterations = 1; iterations < 10; ++iterations) {
    const double after = error_of_centroids(values, lloyd(sample, start, iterations).centroids);
    RC_ASSERT(after <= before * (1 + 1e-12) + 1e-15);
    before = after;
  }
}

RC_GTEST_PROP(KMeans, AssignsToTheNearest, ()) {
  const std::vector<float> values = *sample_values();
  const auto k = *rc::gen::inRange<std::size_t>(1, 20);
  expect_nearest(values, kmeans_1d(values, k, KMeansInit::kLinear).centroids);
}

TEST(KMeans, AssignsManyValuesToTheNearest) {
  const std::vector<float> values = many_values(3);
  for (const std::size_t k : {1U, 2U, 32U, 1000U}) {
    expect_nearest(values, kmeans_1d(values, k, KMeansInit::kLinear).centroids);
  }
}

TEST(KMeans, AssignsTiesToTheLowerCentroid) {
  const std::vector<double> centroids = {-1, 0, 1, 2};
  EXPECT_THAT(assign_nearest(std::vector<float>{-2, -0.5F, 0.5F, 0.75F, 1.5F, 9}, centroids),
              ElementsAre(0, 0, 1, 2, 2, 3));
  EXPECT_THAT(assign_nearest(std::vector<float>{5, -5}, std::vector<double>{0}), ElementsAre(0, 0));
}

TEST(KMeans, StartsAsThePaperSays) {
  const BinnedSample sample = BinnedSample::exact(std::vector<float>{0, 1, 2, 3, 4, 5, 6, 100});
  EXPECT_THAT(initial_centroids(sample, 3, KMeansInit::kLinear, 0), ElementsAre(0, 50, 100));
  EXPECT_THAT(initial_centroids(sample, 1, KMeansInit::kLinear, 0), ElementsAre(50));
  EXPECT_THAT(initial_centroids(sample, 4, KMeansInit::kDensity, 0), ElementsAre(1, 3, 5, 100));
}

TEST(KMeans, DrawsDifferentValuesBySeed) {
  const std::vector<float> values = test::bell_values(1000, 2);
  const BinnedSample sample = BinnedSample::exact(values);
  const auto draw = [&](std::uint64_t seed) {
    return initial_centroids(sample, 8, KMeansInit::kRandom, seed);
  };
  EXPECT_EQ(draw(1).size(), 8U);
  EXPECT_EQ(draw(1), draw(1));
  EXPECT_NE(draw(1), draw(2));
  const BinnedSample repeats = BinnedSample::exact(std::vector<float>{1, 1, 1, 1, 1, 1, 1, 2, 3});
  EXPECT_THAT(initial_centroids(repeats, 3, KMeansInit::kRandom, 5), ElementsAre(1, 2, 3));
}

TEST(KMeans, DropsEmptyClusters) {
  // Five evenly spaced centroids, three of them far from every value.
  const std::vector<float> values = {0, 1, 2, 3, 4, 5, 1000};
  const KMeansResult result = kmeans_1d(values, 5, KMeansInit::kLinear);
  EXPECT_THAT(result.centroids, ElementsAre(2.5, 1000));
}

TEST(KMeans, DropsCentroidsOutsideTheValues) {
  const BinnedSample sample = BinnedSample::exact(std::vector<float>{1, 2, 3});
  EXPECT_THAT(lloyd(sample, {-100, -50, 2, 70}).centroids, ElementsAre(2));
}

TEST(KMeans, KeepsFewDistinctValues) {
  for (const KMeansInit init : kInits) {
    const KMeansResult all = kmeans_1d(std::vector<float>{3, -1, 3, 2}, 3, init);
    EXPECT_THAT(all.centroids, ElementsAre(-1, 2, 3));
    EXPECT_TRUE(all.every_value);
    const KMeansResult equal = kmeans_1d(std::vector<float>{7, 7, 7}, 4, init);
    EXPECT_THAT(equal.centroids, ElementsAre(7));
    EXPECT_TRUE(equal.every_value);
  }
}

TEST(KMeans, OneClusterIsTheMean) {
  for (const KMeansInit init : kInits) {
    const KMeansResult result = kmeans_1d(std::vector<float>{1, 2, 6}, 1, init);
    EXPECT_THAT(result.centroids, ElementsAre(3));
    EXPECT_FALSE(result.every_value);
  }
}

TEST(KMeans, SeparatesSubnormalValues) {
  const float tiny = std::numeric_limits<float>::denorm_min();
  const std::vector<float> values = {tiny, 3 * tiny, 1e-30F, 1.5e-30F};
  const KMeansResult result = kmeans_1d(values, 2, KMeansInit::kOptimal);
  EXPECT_THAT(result.centroids,
              ElementsAre(DoubleNear(2.0 * tiny, 1e-50), DoubleNear(1.25e-30, 1e-36)));
}

TEST(KMeans, BalancedDataNeedSplicedPaths) {
  // Equally spaced values: for most k no penalty gives exactly k clusters.
  std::vector<float> values(64);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  const BinnedSample sample = BinnedSample::exact(values);
  for (std::size_t k = 1; k <= values.size(); ++k) {
    const std::vector<std::size_t> ends = optimal_partition(sample, k, 1 << 16);
    EXPECT_EQ(ends.size(), k);
    EXPECT_EQ(ends.back(), values.size());
    EXPECT_NEAR(error_of_ends(values, sample, ends), smallest_error(values, k), 1e-9) << k;
  }
}

TEST(KMeans, AnOffsetDoesNotBlurThePartition) {
  // Multiples of 2^-3, so that adding 2^20 loses nothing.
  std::vector<float> near;
  std::vector<float> far;
  for (const float value : test::bell_values(5000, 8, 10)) {
    near.push_back(std::round(value * 8) / 8);
    far.push_back(near.back() + 0x1p20F);
  }
  EXPECT_EQ(optimal_partition(BinnedSample::exact(near), 150, 1 << 16),
            optimal_partition(BinnedSample::exact(far), 150, 1 << 16));
}

TEST(KMeans, OutliersDoNotBlurThePartition) {
  std::vector<float> values = test::bell_values(5000, 8);
  const std::vector<std::size_t> expected =
      optimal_partition(BinnedSample::exact(values), 16, 1 << 16);
  values.push_back(-1e7F);
  values.push_back(1e7F);
  const std::vector<std::size_t> ends = optimal_partition(BinnedSample::exact(values), 18, 1 << 16);
  ASSERT_EQ(ends.size(), 18U);
  for (std::size_t i = 0; i < 16; ++i) EXPECT_EQ(ends[i + 1], expected[i] + 1) << i;
}

TEST(KMeans, CoarseBinsComeNearTheOptimum) {
  std::vector<float> values = test::bell_values(20000, 4);
  values.push_back(3.0F);
  values.push_back(-5.0F);
  const BinnedSample sample = BinnedSample::exact(values);
  for (const std::size_t k : {2U, 7U, 32U}) {
    const double exact = error_of_ends(values, sample, optimal_partition(sample, k, values.size()));
    const auto coarse = optimal_partition(sample, k, 64 * k);
    EXPECT_EQ(coarse.size(), k);
    std::vector<double> means;
    std::size_t begin = 0;
    for (const std::size_t end : coarse) {
      means.push_back(sample.totals(begin, end).mean());
      begin = end;
    }
    EXPECT_LE(error_of_centroids(values, lloyd(sample, means).centroids), exact * (1 + 1e-4)) << k;
  }
}

TEST(KMeans, ManyValuesWithBinsOfTheirOwnKind) {
  // More distinct values than bins, half of all values equal, and one far outlier.
  std::vector<float> values = test::bell_values(100000, 6);
  for (std::size_t i = 0; i < values.size(); i += 2) values[i] = 0.01F;
  values.push_back(1e4F);
  const BinnedSample sample = BinnedSample::exact(values);
  const double exact = error_of_ends(values, sample, optimal_partition(sample, 16, values.size()));
  EXPECT_LE(error_of_centroids(values, kmeans_1d(values, 16, KMeansInit::kOptimal).centroids),
            exact * (1 + 1e-4));
}

RC_GTEST_PROP(KMeans, ReportsCountsAndError, ()) {
  const std::vector<float> values = *sample_values();
  const auto k = *rc::gen::inRange<std::size_t>(1, 20);
  const KMeansResult result = kmeans_1d(values, k, *rc::gen::elementOf(kInits), 7);
  const double expected = error_of_centroids(values, result.centroids);
  RC_ASSERT(std::fabs(result.sse - expected) <= 1e-9 * expected + 1e-12);
  std::vector<std::uint64_t> counts(result.centroids.size());
  for (const std::uint32_t code : assign_nearest(values, result.centroids)) ++counts[code];
  RC_ASSERT(result.counts == counts);
}

// The low bits of a mantissa that are zero.
int trailing_zeros(double value) { return std::countr_zero(std::bit_cast<std::uint64_t>(value)); }

RC_GTEST_PROP(ShortMantissas, AreTheShortestThatCostLittle, ()) {
  const std::vector<float> values = *sample_values();
  const auto k = *rc::gen::inRange<std::size_t>(1, 20);
  const double excess = *rc::gen::element(0.0, 1e-6, 1e-3);
  const KMeansResult clusters = kmeans_1d(values, k, KMeansInit::kOptimal);
  const std::vector<double> rounded = with_short_mantissas(clusters, excess);
  RC_ASSERT(rounded.size() == clusters.centroids.size());
  RC_ASSERT(std::ranges::adjacent_find(rounded, std::ranges::greater_equal{}) == rounded.end());
  const double allowed = (1 + excess) * error_of_centroids(values, clusters.centroids);
  RC_ASSERT(error_of_centroids(values, rounded) <= allowed * (1 + 1e-9) + 1e-12);

  // Any shorter, and two would be equal or the values too far from where they were.
  int zeros = 52;
  for (const double centroid : rounded) {
    if (centroid != 0) zeros = std::min(zeros, trailing_zeros(centroid));
  }
  if (zeros >= 52) return;
  const double unit = std::ldexp(1.0, zeros + 1 - 52);
  std::vector<double> shorter;
  double added = 0;
  for (std::size_t i = 0; i < rounded.size(); ++i) {
    const double centroid = clusters.centroids[i];
    const double step = unit * std::exp2(std::floor(std::log2(std::fabs(centroid))));
    shorter.push_back(centroid == 0 ? 0 : std::nearbyint(centroid / step) * step);
    const double moved = shorter.back() - centroid;
    added += static_cast<double>(clusters.counts[i]) * moved * moved;
  }
  const bool different =
      std::ranges::adjacent_find(shorter, std::ranges::greater_equal{}) == shorter.end();
  RC_ASSERT(!different || added >= excess * clusters.sse * (1 - 1e-9));
}

// Bins of a coarse sample, the search over them and the splits at the borders, against a search
// over every value.
TEST(KMeans, ManyValuesComeNearTheOptimum) {
  const std::vector<float> values = many_values(5);
  const BinnedSample sample = BinnedSample::exact(values);
  for (const std::size_t k : {2U, 32U, 256U}) {
    const double exact = error_of_ends(values, sample, optimal_partition(sample, k, values.size()));
    const KMeansResult result = kmeans_1d(values, k, KMeansInit::kOptimal);
    EXPECT_LE(error_of_centroids(values, result.centroids), exact * (1 + 1e-5)) << k;
    expect_means(values, result.centroids);
  }
}

TEST(KMeans, OptimalIsNeverWorseThanTheOthers) {
  const std::vector<float> values = test::bell_values(50000, 9);
  for (const std::size_t k : {4U, 32U, 256U}) {
    const auto error = [&](KMeansInit init) {
      return error_of_centroids(values, kmeans_1d(values, k, init, 1).centroids);
    };
    const double best = error(KMeansInit::kOptimal);
    for (const KMeansInit init : kInits) EXPECT_LE(best, error(init) * (1 + 1e-9)) << k;
  }
}

}  // namespace
}  // namespace qc
