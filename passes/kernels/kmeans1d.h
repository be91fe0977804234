// One-dimensional k-means: the shared values of weight sharing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "passes/kernels/sorted_sample.h"

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
  std::vector<double> centroids;  ///< ascending, all different
  double sse = 0;      ///< sum of squared distances of the values to their nearest centroid
  int iterations = 0;  ///< of Lloyd's algorithm: how often the centroids moved
};

inline constexpr int kMaxLloydIterations = 300;

/// At most `k` starting centroids, ascending and all different: fewer where equal values make
/// several coincide. `seed` matters to kRandom only. Requires 1 <= k <= sample.distinct().
std::vector<double> initial_centroids(const SortedSample& sample, std::size_t k, KMeansInit init,
                                      std::uint64_t seed);

/// Lloyd's algorithm: every value goes to its nearest centroid (to the lower one at the same
/// distance), every centroid to the mean of its values, until no value changes its centroid. A
/// centroid without values is dropped, so the result may have fewer. O(k log n + n / 64) a round.
KMeansResult lloyd(const SortedSample& sample, std::vector<double> centroids,
                   int max_iterations = kMaxLloydIterations);

/// Clusters a sample into at most `k` groups. With no more than `k` distinct values these are the
/// centroids and the error is 0. kOptimal gives the smallest error: exactly for up to 65,536
/// distinct values; on 4 million bell-shaped ones it was within 1e-5 of it for k <= 256, 1e-4 for k
/// = 4096 and 1e-3 for k = 65,536. The result depends on nothing but the arguments; sums are kept
/// in double and in a fixed order. Requires a sample that is not empty and k >= 1.
KMeansResult kmeans_1d(const SortedSample& sample, std::size_t k, KMeansInit init,
                       std::uint64_t seed = 0);

/// For each value the index of its nearest centroid, the lower one at the same distance. Requires
/// ascending centroids, at least one, and no NaN.
std::vector<std::uint32_t> assign_nearest(std::span<const float> values,
                                          std::span<const double> centroids);

}  // namespace qc
