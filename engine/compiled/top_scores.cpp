#include "engine/compiled/top_scores.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace qc {
namespace {

// Cross-entropy of the label, in nats.
double loss_of_scores(std::span<const float> scores, float of_label) {
  const double largest = *std::ranges::max_element(scores);
  double sum = 0;
  for (const float score : scores) sum += std::exp(score - largest);
  return std::log(sum) + largest - of_label;
}

double loss_of_probability(float probability) {
  return -std::log(std::max(probability, std::numeric_limits<float>::min()));
}

}  // namespace

void TopScores::add(std::span<const float> scores, std::int64_t label) {
  const auto index = static_cast<std::size_t>(label);
  const float of_label = scores[index];
  // Of equal scores the first is the higher one; a NaN is lower than all.
  std::size_t higher = 0;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const bool before = i < index ? scores[i] >= of_label : scores[i] > of_label;
    if (i != index && (before || std::isnan(of_label))) ++higher;
  }
  sums_.samples += 1;
  sums_.top1 += higher < 1 ? 1 : 0;
  sums_.top5 += higher < 5 ? 1 : 0;
  sums_.loss += probabilities_ ? loss_of_probability(of_label) : loss_of_scores(scores, of_label);
}

Metrics TopScores::metrics() const {
  const auto count = static_cast<double>(std::max<std::uint64_t>(sums_.samples, 1));
  return {sums_.samples, sums_.loss / count, sums_.top1 / count, sums_.top5 / count};
}

}  // namespace qc
