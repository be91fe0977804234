// One-dimensional k-means: the shared values of weight sharing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "passes/kernels/binned_sample.h"
#include "passes/kernels/ordered_key.h"

namespace qc {

/// How the first centroids are chosen (Han et al., Deep Compression, arXiv 1510.00149,
/// section 3.2).
enum class KMeansInit {
  kLinear,   ///< evenly spaced between the smallest and the largest value, both included
  kDensity,  ///< at evenly spaced heights of the cumulative distribution, (i + 1/2) / k
  kRandom,   ///< different values of the sample, drawn by a seed; each is equally likely
  kOptimal,  ///< the means of the best partition, see optimal_partition.h
};

struct KMeansResult {
  std::vector<double> centroids;      ///< ascending, all different
  std::vector<std::uint64_t> counts;  ///< by centroid: of the values that it is the mean of
  /// Sum of squared distances of the values to their centroid. Values that share a bin of a coarse
  /// sample count as their mean, which leaves out less than 1e-6 of the values' squares.
  double sse = 0;
  bool every_value = false;  ///< the centroids are all the values that there are
  int iterations = 0;        ///< of Lloyd's algorithm: how often the centroids moved
};

inline constexpr int kMaxLloydIterations = 300;

/// At most `k` starting centroids, ascending and all different: fewer where equal values make
/// several coincide. `seed`, of a stream (stream_seed()), matters
/// to kRandom only. Requires 1 <= k <= sample.size(), and an exact
/// sample for kDensity and kRandom.
std::vector<double> initial_centroids(const BinnedSample& sample, std::size_t k, KMeansInit init,
                                      std::uint64_t seed);

/// Lloyd's algorithm: every value goes to its nearest centroid (to the lower one at the same
/// distance), every centroid to the mean of its values, until no value changes its centroid. A
/// centroid without values is dropped, so the result may have fewer. The bins of a coarse sample go
/// to the centroid nearest to their mean; those at the borders are split until no border is left
/// inside a bin, or three times. O(k log n + n / 64) a round for n bins.
KMeansResult lloyd(BinnedSample sample, std::vector<double> centroids,
                   int max_iterations = kMaxLloydIterations);

/// Clusters values into at most `k` groups. With no more than `k` distinct values these are the
/// centroids. kOptimal gives the smallest error: exactly for up to 65,536 distinct values among
/// fewer than 262,144; on millions of bell-shaped ones it was within 1e-5 of it for k <= 256, 1e-4
/// for k = 4096 and 1e-3 for k = 65,536. The result depends on nothing but the arguments. Requires
/// finite values, fewer than 2^32, and 1 <= k <= 65,536.
KMeansResult kmeans_1d(std::span<const float> values, std::size_t k, KMeansInit init,
                       std::uint64_t seed = 0);

/// Minimises the sum of importance_i * (w_i - c)^2 over at most `k` centroids c, as kmeans_1d()
/// with kOptimal does for values that are all alike (Kim et al., SqueezeLLM, arXiv 2306.07629,
/// equation 4). Importance is taken in whole multiples of its mean over a power of two, 2^28 / n at
/// most, and of one at least; counts and sse of the result are in these. Requires what kmeans_1d()
/// does, fewer than 2^30 values, and importance that is finite and not negative.
KMeansResult weighted_kmeans_1d(std::span<const float> values, std::span<const float> importance,
                                std::size_t k);

/// Finds the nearest centroid of a value. Copies what it needs of the centroids.
class NearestCentroid {
 public:
  /// Requires 1 to 65,536 ascending centroids.
  explicit NearestCentroid(std::span<const double> centroids);

  /// Index of the nearest centroid, the lower one at the same distance. Requires that the value is
  /// not NaN.
  std::uint32_t operator()(float value) const noexcept {
    const std::uint32_t key = ordered_key(value);
    const std::size_t cell = key >> kFineBits;
    std::uint32_t below = borders_before_[cell];
    // std::lower_bound without branches, which random values would mispredict. Mostly there is no
    // border in the cell, or one.
    for (std::uint32_t count = borders_before_[cell + 1] - below; count > 0;) {
      const std::uint32_t half = (count + 1) / 2;
      below += borders_[below + half - 1] < key ? half : 0;
      count -= half;
    }
    return below;
  }

 private:
  // A cell holds the values that share sign, exponent and the first 7 bits of the mantissa.
  static constexpr unsigned kFineBits = 16;
  static constexpr std::size_t kCells = std::size_t{1} << (32 - kFineBits);

  std::vector<std::uint32_t> borders_;         // between centroids, as ordered keys
  std::vector<std::uint32_t> borders_before_;  // by cell, and their number
};

}  // namespace qc
