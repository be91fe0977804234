#include "passes/kernels/ternary.h"

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "passes/kernels/radix_sort.h"

namespace qc {
namespace {

// Magnitudes from the largest to the smallest, and the sums of the first so many.
struct SortedMagnitudes {
  explicit SortedMagnitudes(std::span<const float> unsorted) {
    std::vector<std::uint32_t> keys;  // floats without a sign sort like their bits
    keys.reserve(unsorted.size());
    for (const float value : unsorted)
      keys.push_back(std::bit_cast<std::uint32_t>(std::fabs(value)));
    radix_sort(keys);
    values.reserve(keys.size());
    sums = {0};
    sums.reserve(keys.size() + 1);
    for (std::size_t i = keys.size(); i-- > 0;) {
      values.push_back(std::bit_cast<float>(keys[i]));
      sums.push_back(sums.back() + static_cast<double>(values.back()));
    }
  }

  // How many of the largest are the same as the one at `begin`, and end where.
  std::size_t end_of_ties(std::size_t begin) const noexcept {
    std::size_t end = begin + 1;
    while (end < values.size() && values[end] == values[begin]) ++end;
    return end;
  }

  // A threshold below the first `count` values and not below the rest.
  double threshold_after(std::size_t count) const noexcept {
    if (count == 0) return std::numeric_limits<double>::infinity();
    return count < values.size() ? static_cast<double>(values[count]) : 0;
  }

  std::vector<float> values;
  std::vector<double> sums;
};

}  // namespace

double mean_threshold(std::span<const float> values, double factor) noexcept {
  double sum = 0;
  for (const float value : values) sum += std::fabs(static_cast<double>(value));
  return values.empty() ? 0 : factor * sum / static_cast<double>(values.size());
}

LevelFit fit_scale(std::span<const float> values, double low, double high) noexcept {
  LevelFit fit{0, low, high};
  double products = 0;
  double squares = 0;
  for (const float value : values) {
    const int level = level_of(value, fit);
    products += level * static_cast<double>(value);
    squares += level * level;
  }
  if (squares > 0) fit.scale = products / squares;
  return fit;
}

LevelFit fit_ternary(std::span<const float> values) {
  const SortedMagnitudes sorted(values);
  double best = 0;
  LevelFit fit;
  for (std::size_t count = 0; count < sorted.values.size() && sorted.values[count] > 0;) {
    count = sorted.end_of_ties(count);
    const double gain = sorted.sums[count] * sorted.sums[count] / static_cast<double>(count);
    if (gain <= best) continue;
    best = gain;
    fit.scale = sorted.sums[count] / static_cast<double>(count);
    fit.low = sorted.threshold_after(count);
  }
  return fit;
}

LevelFit fit_five_levels(std::span<const float> values) {
  const SortedMagnitudes sorted(values);
  const std::size_t n = sorted.values.size();
  double best = 0;
  LevelFit fit;
  // As the scale falls, `once` values exceed half of it and `twice` three halves of it.
  std::size_t once = 0;
  std::size_t twice = 0;
  for (;;) {
    const bool more = once < n && sorted.values[once] > 0;
    if (!more && twice == once) break;
    // The next value v to pass a threshold is the one at the larger scale: 2 v or 2/3 v.
    const auto at = [&](std::size_t i) { return static_cast<double>(sorted.values[i]); };
    if (!more || (twice < once && at(twice) >= 3 * at(once))) {
      twice = sorted.end_of_ties(twice);
    } else {
      once = sorted.end_of_ties(once);
    }
    const double products = sorted.sums[once] + sorted.sums[twice];
    const double squares = static_cast<double>(once) + 3 * static_cast<double>(twice);
    const double gain = products * products / squares;
    if (gain <= best) continue;
    best = gain;
    fit = {products / squares, sorted.threshold_after(once), sorted.threshold_after(twice)};
  }
  return fit;
}

}  // namespace qc
