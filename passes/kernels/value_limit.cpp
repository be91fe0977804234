#include "passes/kernels/value_limit.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace qc {
namespace {

constexpr int kMostHalvings = 12;
constexpr int kBisections = 5;  // of a factor of two in the step
// Of the first grid, so that the wider levels behind still reach the largest weight.
constexpr std::size_t kMostUniformLevels = 1024;
constexpr double kClearlyWorse = 1.1;
// Sums of steps must not fall short of the largest weight, which would add a level.
constexpr double kRoom = 1 + 1e-9;

bool has_at_most(const RateRounding& rounding, std::size_t most) {
  const auto nonzero = std::ranges::count_if(
      rounding.levels, [](const RateLevel& level) { return level.value != 0; });
  return static_cast<std::size_t>(nonzero) <= most;
}

}  // namespace

RateRounding round_to_few_values(RateProblem problem, std::size_t most, unsigned threads) {
  double largest = 0;
  for (const float weight : problem.weights) {
    largest = std::max(largest, std::fabs(static_cast<double>(weight)));
  }
  const std::size_t uniform = std::min(most / 2, kMostUniformLevels);
  problem.uniform_levels = uniform;
  const double unit = first_step(problem, 1);
  if (unit <= 0 || largest <= 0) return round_to_rate(problem, 1, threads);
  const auto round = [&](double step) {
    return round_to_rate(problem, (step / unit) * (step / unit), threads);
  };
  double fits = kRoom * largest / static_cast<double>(uniform);
  RateRounding best = round(fits);
  double too_fine = 0;
  for (int halving = 0; halving < kMostHalvings; ++halving) {
    RateRounding finer = round(fits / 2);
    if (!has_at_most(finer, most)) {
      too_fine = fits / 2;
      break;
    }
    // A grid that is finer near zero is coarser far from it.
    if (finer.loss > kClearlyWorse * best.loss) return best;
    fits /= 2;
    if (finer.loss < best.loss) best = std::move(finer);
  }
  if (too_fine <= 0) return best;
  for (int i = 0; i < kBisections; ++i) {
    const double middle = std::sqrt(fits * too_fine);
    RateRounding rounding = round(middle);
    if (has_at_most(rounding, most)) {
      fits = middle;
      if (rounding.loss < best.loss) best = std::move(rounding);
    } else {
      too_fine = middle;
    }
  }
  return best;
}

}  // namespace qc
