// k-means in which values count differently, against every way to cut the sorted values.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "model_builder.h"
#include "passes/kernels/kmeans1d.h"

namespace qc {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;

// The smallest error of k runs over all ways to cut sorted values, one cut after the other.
double smallest_error(std::span<const std::pair<float, float>> sorted, std::size_t k) {
  if (sorted.empty()) return 0;
  double least = std::numeric_limits<double>::infinity();
  double weight = 0;
  double sum = 0;
  for (std::size_t end = 1; end <= sorted.size(); ++end) {
    weight += sorted[end - 1].second;
    sum += static_cast<double>(sorted[end - 1].second) * sorted[end - 1].first;
    if (k == 1 && end < sorted.size()) continue;
    double error = 0;
    for (const auto& [value, importance] : sorted.first(end)) {
      error += importance * (value - sum / weight) * (value - sum / weight);
    }
    if (end < sorted.size()) error += smallest_error(sorted.subspan(end), k - 1);
    least = std::min(least, error);
  }
  return least;
}

double error_of(std::span<const float> values, std::span<const float> importance,
                std::span<const double> centroids) {
  const NearestCentroid nearest(centroids);
  double error = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double distance = values[i] - centroids[nearest(values[i])];
    error += importance[i] * distance * distance;
  }
  return error;
}

RC_GTEST_PROP(WeightedKMeans, IsOptimal, ()) {
  const auto count = *rc::gen::inRange<std::size_t>(1, 11);
  std::vector<float> values;
  std::vector<float> importance;
  std::vector<std::pair<float, float>> sorted;
  for (std::size_t i = 0; i < count; ++i) {
    values.push_back(static_cast<float>(*rc::gen::inRange(-50, 51)) * 0.01F);
    importance.push_back(static_cast<float>(*rc::gen::inRange(1, 200)) * 0.125F);
    sorted.emplace_back(values.back(), importance.back());
  }
  std::ranges::sort(sorted);
  const auto k = *rc::gen::inRange<std::size_t>(1, 6);
  const KMeansResult result = weighted_kmeans_1d(values, importance, k);
  RC_ASSERT(result.centroids.size() <= k);
  RC_ASSERT(error_of(values, importance, result.centroids) <=
            smallest_error(sorted, k) * (1 + 1e-5) + 1e-9);
}

TEST(WeightedKMeans, EqualWeightsAreNone) {
  for (const std::size_t count : {100U, 3000U}) {
    const std::vector<float> values = test::bell_values(count, 9);
    const std::vector<float> importance(count, 0.3F);
    for (const std::size_t k : {1U, 2U, 16U}) {
      const KMeansResult plain = kmeans_1d(values, k, KMeansInit::kOptimal);
      const KMeansResult weighted = weighted_kmeans_1d(values, importance, k);
      ASSERT_EQ(weighted.centroids.size(), plain.centroids.size());
      for (std::size_t i = 0; i < plain.centroids.size(); ++i) {
        EXPECT_NEAR(weighted.centroids[i], plain.centroids[i], 1e-12);
      }
    }
  }
}

TEST(WeightedKMeans, ImportantValuesAreKept) {
  const std::vector<float> values = {0, 1, 2, 3, 4, 5};
  EXPECT_THAT(weighted_kmeans_1d(values, std::vector<float>{1, 1, 1e6F, 1, 1, 1}, 2).centroids,
              ElementsAre(DoubleNear(2, 1e-4), DoubleNear(4.5, 1e-4)));
  // What has no importance has very little.
  const KMeansResult result = weighted_kmeans_1d(values, std::vector<float>{0, 0, 0, 0, 1, 1}, 1);
  EXPECT_THAT(result.centroids, ElementsAre(DoubleNear(4.5, 1e-5)));
  EXPECT_THAT(weighted_kmeans_1d(values, std::vector<float>(6, 0), 1).centroids, ElementsAre(2.5));
}

// So many values that bins are coarse at first, with an importance that follows the value, so that
// the centroids move.
TEST(WeightedKMeans, WeightsOfManyValuesCount) {
  const std::vector<float> values = test::bell_values(300000, 10);
  std::vector<float> importance;
  for (const float value : values) importance.push_back(value > 0 ? 9.0F : 1.0F);
  const KMeansResult plain = kmeans_1d(values, 16, KMeansInit::kOptimal);
  const KMeansResult weighted = weighted_kmeans_1d(values, importance, 16);
  EXPECT_LT(error_of(values, importance, weighted.centroids),
            0.9 * error_of(values, importance, plain.centroids));
  // Every centroid is the mean of the values that are nearest.
  const NearestCentroid nearest(weighted.centroids);
  std::vector<double> sums(weighted.centroids.size());
  std::vector<double> counts(weighted.centroids.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t k = nearest(values[i]);
    sums[k] += static_cast<double>(values[i]) * importance[i];
    counts[k] += importance[i];
  }
  for (std::size_t i = 0; i < sums.size(); ++i) {
    EXPECT_NEAR(sums[i] / counts[i], weighted.centroids[i], 1e-4);
  }
}

TEST(WeightedKMeans, KeepsFewDistinctValues) {
  const KMeansResult result =
      weighted_kmeans_1d(std::vector<float>{3, -1, 3, 2}, std::vector<float>{1, 2, 3, 4}, 3);
  EXPECT_THAT(result.centroids, ElementsAre(-1, 2, 3));
  EXPECT_TRUE(result.every_value);
}

}  // namespace
}  // namespace qc
