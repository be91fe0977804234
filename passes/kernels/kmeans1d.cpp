#include "passes/kernels/kmeans1d.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/random.h"
#include "passes/kernels/optimal_partition.h"

namespace qc {
namespace {

// Index of the first value above `limit`, searched outwards from `hint`: borders move little from
// one iteration to the next.
std::size_t first_above(std::span<const float> values, double limit, std::size_t hint) {
  std::size_t low = hint;
  std::size_t high = hint;
  std::size_t stride = 1;
  while (high < values.size() && values[high] <= limit) {
    low = high + 1;
    high = std::min(values.size(), high + stride);
    stride *= 2;
  }
  while (low > 0 && values[low - 1] > limit) {
    high = low - 1;
    low -= std::min(low, stride);
    stride *= 2;
  }
  const auto begin = values.begin();
  const auto found = std::upper_bound(begin + static_cast<std::ptrdiff_t>(low),
                                      begin + static_cast<std::ptrdiff_t>(high), limit);
  return static_cast<std::size_t>(found - begin);
}

double border(double lower, double upper) noexcept { return lower + (upper - lower) / 2; }

// Moves the end of each cluster to where its centroid stops being the nearest.
void update_ends(std::span<const float> values, std::span<const double> centroids,
                 std::vector<std::size_t>& ends) {
  for (std::size_t i = 0; i + 1 < centroids.size(); ++i) {
    ends[i] = first_above(values, border(centroids[i], centroids[i + 1]), ends[i]);
  }
  ends.back() = values.size();
}

// The means of the clusters that have values; the ends of the others are dropped.
std::vector<double> means(const SortedSample& sample, std::vector<std::size_t>& ends) {
  ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
  if (ends.front() == 0) ends.erase(ends.begin());
  std::vector<double> centroids;
  centroids.reserve(ends.size());
  std::size_t begin = 0;
  for (const std::size_t end : ends) {
    centroids.push_back(sample.sum(begin, end) / static_cast<double>(end - begin));
    begin = end;
  }
  return centroids;
}

double squared_error(std::span<const float> values, std::span<const double> centroids,
                     std::span<const std::size_t> ends) {
  double total = 0;
  std::size_t i = 0;
  for (std::size_t cluster = 0; cluster < centroids.size(); ++cluster) {
    double error = 0;
    for (; i < ends[cluster]; ++i) {
      const double distance = values[i] - centroids[cluster];
      error += distance * distance;
    }
    total += error;
  }
  return total;
}

std::vector<double> evenly_spaced(double low, double high, std::size_t k) {
  if (k == 1) return {border(low, high)};
  std::vector<double> centroids;
  for (std::size_t i = 0; i < k; ++i) {
    const double part = static_cast<double>(i) / static_cast<double>(k - 1);
    centroids.push_back(low + (high - low) * part);
  }
  return centroids;
}

std::vector<double> quantiles(std::span<const float> values, std::size_t k) {
  std::vector<double> centroids;
  for (std::size_t i = 0; i < k; ++i) {
    const double height = (static_cast<double>(i) + 0.5) / static_cast<double>(k);
    const auto rank = static_cast<std::size_t>(height * static_cast<double>(values.size()));
    centroids.push_back(values[std::min(rank, values.size() - 1)]);
  }
  return centroids;
}

// Selection sampling (Knuth, The Art of Computer Programming 2, 3.4.2, algorithm S).
std::vector<double> random_values(const SortedSample& sample, std::size_t k, std::uint64_t seed) {
  SplitMix64 random(seed);
  std::vector<double> centroids;
  std::size_t left = sample.distinct();
  const std::span<const float> values = sample.values();
  for (std::size_t i = 0; i < values.size() && centroids.size() < k; ++i) {
    if (i > 0 && values[i] == values[i - 1]) continue;
    const auto wanted = static_cast<double>(k - centroids.size());
    if (random.uniform() * static_cast<double>(left) < wanted) centroids.push_back(values[i]);
    --left;
  }
  return centroids;
}

std::vector<double> optimal_means(const SortedSample& sample, std::size_t k) {
  // 64 bins per centroid keep the error within 1e-4 of the optimum; the limit bounds the time.
  const std::size_t bins = std::clamp(64 * k, std::size_t{1} << 16, std::size_t{1} << 20);
  std::vector<std::size_t> ends = optimal_partition(sample, k, bins);
  return means(sample, ends);
}

std::vector<double> distinct_values(const SortedSample& sample) {
  std::vector<double> distinct(sample.values().begin(), sample.values().end());
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  return distinct;
}

}  // namespace

std::vector<double> initial_centroids(const SortedSample& sample, std::size_t k, KMeansInit init,
                                      std::uint64_t seed) {
  std::vector<double> centroids;
  switch (init) {
    case KMeansInit::kLinear:
      centroids = evenly_spaced(sample.values().front(), sample.values().back(), k);
      break;
    case KMeansInit::kDensity:
      centroids = quantiles(sample.values(), k);
      break;
    case KMeansInit::kRandom:
      centroids = random_values(sample, k, seed);
      break;
    case KMeansInit::kOptimal:
      centroids = optimal_means(sample, k);
      break;
  }
  centroids.erase(std::unique(centroids.begin(), centroids.end()), centroids.end());
  return centroids;
}

KMeansResult lloyd(const SortedSample& sample, std::vector<double> centroids, int max_iterations) {
  KMeansResult result;
  std::vector<std::size_t> ends(centroids.size(), 0);
  update_ends(sample.values(), centroids, ends);
  while (result.iterations < max_iterations) {
    centroids = means(sample, ends);
    ++result.iterations;
    const std::vector<std::size_t> previous = ends;
    update_ends(sample.values(), centroids, ends);
    if (ends == previous) break;
  }
  result.sse = squared_error(sample.values(), centroids, ends);
  result.centroids = std::move(centroids);
  return result;
}

KMeansResult kmeans_1d(const SortedSample& sample, std::size_t k, KMeansInit init,
                       std::uint64_t seed) {
  if (sample.distinct() <= k) return {distinct_values(sample), 0, 0};
  return lloyd(sample, initial_centroids(sample, k, init, seed));
}

std::vector<std::uint32_t> assign_nearest(std::span<const float> values,
                                          std::span<const double> centroids) {
  // A float is at most a border exactly when it is at most the largest float not above the border.
  std::vector<float> borders;
  for (std::size_t i = 0; i + 1 < centroids.size(); ++i) {
    const double exact = border(centroids[i], centroids[i + 1]);
    auto rounded = static_cast<float>(exact);
    if (rounded > exact) rounded = std::nextafter(rounded, -std::numeric_limits<float>::infinity());
    borders.push_back(rounded);
  }
  std::vector<std::uint32_t> nearest(values.size());
  std::ranges::transform(values, nearest.begin(), [&](float value) {
    // std::lower_bound without branches, which random values would mispredict.
    std::size_t below = 0;
    std::size_t count = borders.size();
    while (count > 0) {
      const std::size_t half = (count + 1) / 2;
      below += borders[below + half - 1] < value ? half : 0;
      count -= half;
    }
    return static_cast<std::uint32_t>(below);
  });
  return nearest;
}

}  // namespace qc
