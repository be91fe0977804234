// Weight sharing by optimal one-dimensional k-means: time, and how far from the optimum.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <limits>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "bench.h"
#include "harness.h"
#include "model_builder.h"
#include "passes/kernels/kmeans1d.h"
#include "passes/kernels/magnitude.h"
#include "passes/kernels/optimal_partition.h"

namespace qc::bench {
namespace {

constexpr std::size_t kCount = 4'444'444;
constexpr std::size_t kLargeCount = 44'444'444;
constexpr std::size_t kQuickCount = 300'000;
constexpr std::size_t kSmallCount = 2000;
constexpr double kPruned = 0.1;
constexpr std::array<std::size_t, 2> kCentroids = {32, 256};

/// Nonzero weights of a pruned layer.
std::vector<float> pruned_weights(std::size_t count) {
  std::vector<std::vector<float>> tensors = {test::bell_values(count, 3)};
  MagnitudeCut cut = cut_for_zeros(tensors, zeros_at_rate(kPruned, count));
  apply_cut(tensors.front(), cut);
  std::vector<float> nonzero;
  nonzero.reserve(count);
  std::ranges::copy_if(tensors.front(), std::back_inserter(nonzero),
                       [](float v) { return v != 0; });
  return nonzero;
}

/// Prefix sums, which give the squared error of a run at once. Long doubles, because it is the
/// small difference of two large sums.
class RunErrors {
 public:
  explicit RunErrors(std::span<const float> sorted) : sums_(1), squares_(1) {
    for (const long double value : sorted) {
      sums_.push_back(sums_.back() + value);
      squares_.push_back(squares_.back() + value * value);
    }
  }

  long double operator()(std::size_t begin, std::size_t end) const {
    const long double sum = sums_[end] - sums_[begin];
    return squares_[end] - squares_[begin] - sum * sum / static_cast<long double>(end - begin);
  }

 private:
  std::vector<long double> sums_;
  std::vector<long double> squares_;
};

/// The smallest squared error of k clusters, by dynamic programming over every split: O(k n^2).
double smallest_error(std::vector<float> values, std::size_t k) {
  std::ranges::sort(values);
  const RunErrors error(values);
  const std::size_t n = values.size();
  std::vector<long double> best(n + 1, std::numeric_limits<long double>::infinity());
  best[0] = 0;
  for (std::size_t cluster = 0; cluster < k; ++cluster) {
    for (std::size_t end = n; end > cluster; --end) {
      for (std::size_t begin = cluster; begin < end; ++begin) {
        best[end] = std::min(best[end], best[begin] + error(begin, end));
      }
    }
  }
  return static_cast<double>(best[n]);
}

/// Sum of squared distances of the values to their nearest centroid.
double error_of(std::span<const float> values, std::span<const double> centroids) {
  const NearestCentroid nearest(centroids);
  double sum = 0;
  for (const float value : values) {
    const double distance = value - centroids[nearest(value)];
    sum += distance * distance;
  }
  return sum;
}

/// That of the best centroids, by the graph search of `optimal_partition` with every value in a bin
/// of its own.
double partition_error(std::span<const float> values, std::size_t k) {
  const BinnedSample sample = BinnedSample::exact(values);
  std::vector<double> centroids;
  std::size_t begin = 0;
  for (const std::size_t end : optimal_partition(sample, k, sample.size())) {
    centroids.push_back(sample.totals(begin, end).mean());
    begin = end;
  }
  return error_of(values, centroids);
}

/// Reads every value once.
void read_all(std::span<const float> values) {
  std::uint32_t bits = 0;
  for (const float value : values) bits ^= std::bit_cast<std::uint32_t>(value);
  benchmark::DoNotOptimize(bits);
}

struct Rival {
  std::string seconds = "-";
  std::string excess = "-";
};

/// scikit-learn on the same values, where it is installed.
Rival run_sklearn(std::span<const float> values, std::size_t k, double least_error) {
  const harness::TempDir temp;
  harness::write_file(temp / "values", std::string(reinterpret_cast<const char*>(values.data()),
                                                   values.size_bytes()));
  harness::RunOptions options;
  options.program = "/usr/bin/python3";
  options.timeout = std::chrono::minutes(10);
  const harness::RunResult result =
      harness::run({(harness::source_dir() / "tests/bench/kmeans_sklearn.py").string(),
                    temp / "values", std::to_string(k)},
                   options);
  double seconds = 0;
  double error = 0;
  if (result.exit_code != 0 || !(std::istringstream(result.out) >> seconds >> error)) return {};
  return {fmt::format("{:.1f}", seconds), fmt::format("{:.1e}", error / least_error - 1)};
}

std::string run(const BenchOptions& options) {
  const int repetitions = options.quick ? 2 : 5;
  const std::vector<std::size_t> counts =
      options.quick ? std::vector{kQuickCount} : std::vector{kCount, kLargeCount};
  MarkdownTable table({"values", "centroids", "read s", "cluster s", "assign s", "sum s", "excess",
                       fmt::format("excess of {}", kSmallCount), "scikit-learn s", "its excess"});
  for (const std::size_t count : counts) {
    const std::vector<float> weights = pruned_weights(count);
    const std::span<const float> small = std::span(weights).first(kSmallCount);
    for (const std::size_t k : kCentroids) {
      tell(fmt::format("  {} values, {} centroids", weights.size(), k));
      const KMeansResult result = kmeans_1d(weights, k, KMeansInit::kOptimal);
      const double read = median_seconds([&] { read_all(weights); }, repetitions);
      const double cluster =
          median_seconds([&] { kmeans_1d(weights, k, KMeansInit::kOptimal); }, repetitions);
      std::vector<std::uint32_t> codes(weights.size());
      const double assign = median_seconds(
          [&] {
            std::ranges::transform(weights, codes.begin(), NearestCentroid(result.centroids));
          },
          repetitions);
      const double least = partition_error(weights, k);
      const double small_error =
          error_of(small, kmeans_1d(small, k, KMeansInit::kOptimal).centroids);
      const Rival rival = count < kLargeCount ? run_sklearn(weights, k, least) : Rival{};
      table.add_row(
          {fmt::format("{}", weights.size()), fmt::format("{}", k), fmt::format("{:.4f}", read),
           fmt::format("{:.3f}", cluster), fmt::format("{:.3f}", assign),
           fmt::format("{:.3f}", cluster + assign),
           fmt::format("{:.1e}", error_of(weights, result.centroids) / least - 1),
           fmt::format("{:.1e}", small_error / smallest_error({small.begin(), small.end()}, k) - 1),
           rival.seconds, rival.excess});
    }
  }
  return table.text();
}

}  // namespace

const BenchTable kKmeansTable{
    .name = "kmeans",
    .title = "Weight sharing: `share --init optimal`",
    .about =
        "Normal weights, the smallest 10% pruned, one core, medians of 5. *read* is one pass over\n"
        "the values. Clustering makes one pass to bin them and one or two to split the bins at "
        "the\n"
        "borders of clusters; Lloyd's iterations work on bins and read no values. *Excess* is the\n"
        "squared error over that of the exact optimum, relative: by `optimal_partition` with a "
        "bin\n"
        "for every value, and of the first 2000 values by dynamic programming over every split.\n"
        "scikit-learn (`KMeans(n_init=1)`, one thread) where it is installed, not on the most\n"
        "values.",
    .run = run,
};

}  // namespace qc::bench
