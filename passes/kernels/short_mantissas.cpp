#include "passes/kernels/short_mantissas.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

namespace qc {

double round_mantissa(double value, int bits) noexcept {
  int exponent = 0;
  const double fraction = std::frexp(value, &exponent);
  return std::ldexp(std::nearbyint(std::ldexp(fraction, bits + 1)), exponent - bits - 1);
}

std::vector<double> with_short_mantissas(const KMeansResult& clusters, double excess) {
  constexpr int kMostBits = std::numeric_limits<double>::digits - 1;
  std::vector<double> rounded(clusters.centroids.size());
  for (int bits = 0; bits < kMostBits; ++bits) {
    double added = 0;
    for (std::size_t i = 0; i < rounded.size(); ++i) {
      rounded[i] = round_mantissa(clusters.centroids[i], bits);
      const double moved = rounded[i] - clusters.centroids[i];
      added += static_cast<double>(clusters.counts[i]) * moved * moved;
    }
    const bool different =
        std::ranges::adjacent_find(rounded, std::greater_equal{}) == rounded.end();
    if (different && added <= excess * clusters.sse) return rounded;
  }
  return clusters.centroids;
}

}  // namespace qc
