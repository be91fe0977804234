#include "passes/kernels/kmeans1d.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "core/random.h"
#include "passes/kernels/optimal_partition.h"

namespace qc {
namespace {

// Index of the first bin whose mean is above `limit`, searched outwards from `hint`: borders move
// little from one iteration to the next.
std::size_t first_above(const BinnedSample& sample, double limit, std::size_t hint) {
  std::size_t low = hint;
  std::size_t high = hint;
  std::size_t stride = 1;
  while (high < sample.size() && sample.mean(high) <= limit) {
    low = high + 1;
    high = std::min(sample.size(), high + stride);
    stride *= 2;
  }
  while (low > 0 && sample.mean(low - 1) > limit) {
    high = low - 1;
    low -= std::min(low, stride);
    stride *= 2;
  }
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    if (sample.mean(middle) <= limit) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

double border(double lower, double upper) noexcept { return lower + (upper - lower) / 2; }

// Moves the end of each cluster to where its centroid stops being the nearest.
void update_ends(const BinnedSample& sample, std::span<const double> centroids,
                 std::vector<std::size_t>& ends) {
  for (std::size_t i = 0; i + 1 < centroids.size(); ++i) {
    ends[i] = first_above(sample, border(centroids[i], centroids[i + 1]), ends[i]);
  }
  ends.back() = sample.size();
}

std::vector<std::size_t> ends_of(const BinnedSample& sample, std::span<const double> centroids) {
  std::vector<std::size_t> ends(centroids.size(), 0);
  update_ends(sample, centroids, ends);
  return ends;
}

// The means of the clusters that have values; the ends of the others are dropped.
std::vector<double> means(const BinnedSample& sample, std::vector<std::size_t>& ends) {
  ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
  if (ends.front() == 0) ends.erase(ends.begin());
  std::vector<double> centroids;
  centroids.reserve(ends.size());
  std::size_t begin = 0;
  for (const std::size_t end : ends) {
    centroids.push_back(sample.totals(begin, end).mean());
    begin = end;
  }
  return centroids;
}

// Splits the bins of several values next to the ends of clusters; false when there are none.
bool split_at(std::span<const std::size_t> ends, BinnedSample& sample) {
  constexpr std::size_t kOnEitherSide = 2;
  std::vector<std::size_t> found;
  std::size_t next = 0;
  for (const std::size_t end : ends.first(ends.size() - 1)) {
    const std::size_t last = std::min(end + kOnEitherSide, sample.size());
    for (std::size_t bin = std::max(next, end - std::min(end, kOnEitherSide)); bin < last; ++bin) {
      if (!sample.is_pure(bin)) found.push_back(bin);
      next = bin + 1;
    }
  }
  if (!found.empty()) sample.split(found);
  return !found.empty();
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

std::vector<double> quantiles(const BinnedSample& sample, std::size_t k) {
  const auto count = static_cast<double>(sample.totals(0, sample.size()).count);
  std::vector<double> centroids;
  std::size_t bin = 0;
  auto up_to = static_cast<double>(sample.totals(bin).count);
  for (std::size_t i = 0; i < k; ++i) {
    const double height = (static_cast<double>(i) + 0.5) / static_cast<double>(k);
    const double position = std::min(std::floor(height * count), count - 1);
    while (up_to <= position) up_to += static_cast<double>(sample.totals(++bin).count);
    centroids.push_back(sample.mean(bin));
  }
  return centroids;
}

// Selection sampling (Knuth, The Art of Computer Programming 2, 3.4.2, algorithm S).
std::vector<double> random_values(const BinnedSample& sample, std::size_t k, std::uint64_t seed) {
  SplitMix64 random(seed);
  std::vector<double> centroids;
  for (std::size_t bin = 0; bin < sample.size() && centroids.size() < k; ++bin) {
    const auto wanted = static_cast<double>(k - centroids.size());
    const auto left = static_cast<double>(sample.size() - bin);
    if (random.uniform() * left < wanted) centroids.push_back(sample.mean(bin));
  }
  return centroids;
}

std::vector<double> optimal_means(const BinnedSample& sample, std::size_t k) {
  // 64 bins per centroid keep the error within 1e-4 of the optimum; the limit bounds the time.
  constexpr std::size_t kMostBins = std::size_t{1} << 20;
  const std::size_t bins = std::clamp(64 * k, std::size_t{1} << 16, kMostBins);
  const bool whole = sample.size() <= kMostBins && sample.is_coarse();
  std::vector<std::size_t> ends = optimal_partition(sample, k, whole ? sample.size() : bins);
  return means(sample, ends);
}

// The result where there are no more values than centroids.
KMeansResult every_value(const BinnedSample& sample) {
  KMeansResult result;
  result.every_value = true;
  for (std::size_t bin = 0; bin < sample.size(); ++bin) {
    result.centroids.push_back(sample.mean(bin));
    result.counts.push_back(sample.totals(bin).count);
  }
  return result;
}

// Starts that are chosen among the values themselves need them all.
BinnedSample sample_for(std::span<const float> values, std::span<const std::uint32_t> times,
                        std::size_t k, KMeansInit init) {
  constexpr std::size_t kBinsPerCentroid = 64;
  const bool exact = init == KMeansInit::kDensity || init == KMeansInit::kRandom;
  return exact ? BinnedSample::exact(values, times)
               : BinnedSample::coarse(values, kBinsPerCentroid * k, times);
}

KMeansResult clusters_of(BinnedSample sample, std::size_t k, KMeansInit init, std::uint64_t seed) {
  if (sample.size() <= k) return every_value(sample);
  std::vector<double> start = initial_centroids(sample, k, init, seed);
  if (init == KMeansInit::kOptimal && split_at(ends_of(sample, start), sample)) {
    start = optimal_means(sample, k);
  }
  return lloyd(std::move(sample), std::move(start));
}

// Numbers in proportion to the importance, whose sums are exact and fit into their type.
std::vector<std::uint32_t> multiples(std::span<const float> importance) {
  constexpr std::size_t kMostTimes = std::size_t{1} << 28;
  const std::size_t count = std::max<std::size_t>(importance.size(), 1);
  const double mean =
      std::accumulate(importance.begin(), importance.end(), 0.0) / static_cast<double>(count);
  const auto parts =
      static_cast<double>(std::bit_floor(std::max<std::size_t>(kMostTimes / count, 1)));
  std::vector<std::uint32_t> times;
  times.reserve(importance.size());
  for (const float value : importance) {
    const double exact = mean > 0 ? value / mean * parts : 1;
    times.push_back(static_cast<std::uint32_t>(std::max(std::nearbyint(exact), 1.0)));
  }
  return times;
}

}  // namespace

std::vector<double> initial_centroids(const BinnedSample& sample, std::size_t k, KMeansInit init,
                                      std::uint64_t seed) {
  std::vector<double> centroids;
  switch (init) {
    case KMeansInit::kLinear:
      centroids = evenly_spaced(sample.lowest(0), sample.largest(), k);
      break;
    case KMeansInit::kDensity:
      centroids = quantiles(sample, k);
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

KMeansResult lloyd(BinnedSample sample, std::vector<double> centroids, int max_iterations) {
  constexpr int kMostSplits = 3;
  KMeansResult result;
  std::vector<std::size_t> ends;
  for (int splits = 0;; ++splits) {
    ends = ends_of(sample, centroids);
    while (result.iterations < max_iterations) {
      centroids = means(sample, ends);
      ++result.iterations;
      const std::vector<std::size_t> previous = ends;
      update_ends(sample, centroids, ends);
      if (ends == previous) break;
    }
    if (splits == kMostSplits || !split_at(ends, sample)) break;
  }
  std::size_t begin = 0;
  for (std::size_t i = 0; i < centroids.size(); ++i) {
    result.counts.push_back(sample.totals(begin, ends[i]).count);
    for (; begin < ends[i]; ++begin) {
      const double distance = sample.mean(begin) - centroids[i];
      result.sse += static_cast<double>(sample.totals(begin).count) * distance * distance;
    }
  }
  result.centroids = std::move(centroids);
  return result;
}

KMeansResult kmeans_1d(std::span<const float> values, std::size_t k, KMeansInit init,
                       std::uint64_t seed) {
  return clusters_of(sample_for(values, {}, k, init), k, init, seed);
}

KMeansResult weighted_kmeans_1d(std::span<const float> values, std::span<const float> importance,
                                std::size_t k) {
  const std::vector<std::uint32_t> times = multiples(importance);
  constexpr KMeansInit kInit = KMeansInit::kOptimal;
  return clusters_of(sample_for(values, times, k, kInit), k, kInit, 0);
}

NearestCentroid::NearestCentroid(std::span<const double> centroids) : borders_before_(kCells + 1) {
  for (std::size_t i = 0; i + 1 < centroids.size(); ++i) {
    // A float is at most a border exactly when it is at most the largest float not above it.
    const double exact = border(centroids[i], centroids[i + 1]);
    auto rounded = static_cast<float>(exact);
    if (rounded > exact) rounded = std::nextafter(rounded, -std::numeric_limits<float>::infinity());
    borders_.push_back(ordered_key(rounded));
  }
  std::uint32_t passed = 0;
  for (std::size_t cell = 0; cell <= kCells; ++cell) {
    while (passed < borders_.size() && borders_[passed] >> kFineBits < cell) ++passed;
    borders_before_[cell] = passed;
  }
}

}  // namespace qc
