// Ternary and five-level weights: W ~ scale * T with T in {-1, 0, 1} (Li, Liu, Ternary Weight
// Networks, arXiv 1605.04711) or {-2, -1, 0, 1, 2}.
#pragma once

#include <limits>
#include <span>

namespace qc {

/// How weights become multiples of a scale: 0 up to a magnitude of `low`, +-1 above it, and +-2
/// above `high`.
struct LevelFit {
  double scale = 0;
  double low = 0;
  double high = std::numeric_limits<double>::infinity();
};

/// factor * mean|w|: TWN's thresholds for normal weights (0.75), uniform ones (2/3) and its rule of
/// thumb (0.7; section 2.2). 0 for no values.
double mean_threshold(std::span<const float> values, double factor) noexcept;

/// The scale that minimises the squared error for given thresholds: the mean magnitude of the
/// weights above `low`, those above `high` counting half (TWN, equation 5). 0 where there are none.
LevelFit fit_scale(std::span<const float> values, double low, double high) noexcept;

/// The threshold and scale of the smallest squared error, by sorting: the maximum over D of
/// (sum of |w| > D)^2 / #{|w| > D} (TWN, equation 6). O(n log n). Requires finite values.
LevelFit fit_ternary(std::span<const float> values);

/// The same for five levels: the maximum over D1 < D2 of (S1 + 2 S2)^2 / (n1 + 4 n2), where S1 and
/// n1 are the sum and number of the magnitudes between the thresholds, S2 and n2 of those above.
/// For a given scale a the best thresholds are a/2 and 3a/2, so only the pairs that some scale
/// gives are looked at. O(n log n). Requires finite values.
LevelFit fit_five_levels(std::span<const float> values);

/// The multiple, -2 to 2, of a value.
constexpr int level_of(float value, const LevelFit& fit) noexcept {
  const double magnitude = value < 0 ? -static_cast<double>(value) : static_cast<double>(value);
  const int level = (magnitude > fit.low ? 1 : 0) + (magnitude > fit.high ? 1 : 0);
  return value < 0 ? -level : level;
}

}  // namespace qc
