#include "engine/compiled/top_scores.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "core/random.h"

namespace qc {
namespace {

// Place of the label when all classes are sorted by their scores, and its loss by definition.
struct Expected {
  std::ptrdiff_t place;
  double loss;
};

Expected expected(const std::vector<float>& scores, std::int64_t label) {
  std::vector<std::int64_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, [&](std::int64_t a, std::int64_t b) {
    return scores[static_cast<std::size_t>(a)] > scores[static_cast<std::size_t>(b)];
  });
  double sum = 0;
  for (const float score : scores) sum += std::exp(static_cast<double>(score));
  return {std::ranges::find(order, label) - order.begin(),
          std::log(sum) - scores[static_cast<std::size_t>(label)]};
}

TEST(TopScores, CountsAsSortingDoes) {
  SplitMix64 random(1);
  TopScores sums(/*probabilities=*/false);
  Metrics by_definition;
  for (int sample = 0; sample < 200; ++sample) {
    // Few values, so that some are equal.
    std::vector<float> scores(10);
    for (float& score : scores) score = static_cast<float>(random.next() % 20) / 4;
    const auto label = static_cast<std::int64_t>(random.next() % 10);
    sums.add(scores, label);
    const auto [place, loss] = expected(scores, label);
    by_definition.top1 += place < 1 ? 1.0 / 200 : 0;
    by_definition.top5 += place < 5 ? 1.0 / 200 : 0;
    by_definition.loss += loss / 200;
  }
  const Metrics metrics = sums.metrics();
  EXPECT_EQ(metrics.samples, 200U);
  EXPECT_NEAR(metrics.top1, by_definition.top1, 1e-9);
  EXPECT_NEAR(metrics.top5, by_definition.top5, 1e-9);
  EXPECT_NEAR(metrics.loss, by_definition.loss, 1e-9);
}

TEST(TopScores, TakesProbabilitiesAsTheyAre) {
  TopScores sums(/*probabilities=*/true);
  sums.add(std::vector{0.25F, 0.75F}, 0);
  EXPECT_NEAR(sums.metrics().loss, std::log(4.0), 1e-6);
  sums.add(std::vector{0.0F, 1.0F}, 0);
  EXPECT_TRUE(std::isfinite(sums.metrics().loss));
}

TEST(TopScores, NotANumberIsNeverBest) {
  TopScores sums(/*probabilities=*/false);
  sums.add(std::vector{1.0F, std::numeric_limits<float>::quiet_NaN()}, 1);
  EXPECT_EQ(sums.metrics().top1, 0);
}

}  // namespace
}  // namespace qc
