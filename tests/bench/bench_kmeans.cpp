// Weight sharing by optimal one-dimensional k-means: time, and how far from the optimum.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <span>

#include "bench.h"
#include "model_builder.h"
#include "passes/kernels/kmeans1d.h"
#include "passes/kernels/magnitude.h"
#include "passes/kernels/optimal_partition.h"

namespace qc::bench {
namespace {

constexpr std::size_t kFullCount = 4'000'000;
constexpr std::size_t kQuickCount = 100'000;
constexpr std::size_t kSmallCount = 2000;
constexpr double kPruned = 0.1;
constexpr std::array<std::size_t, 2> kCentroids = {32, 256};

/// Nonzero weights of a pruned layer.
std::vector<float> pruned_weights(std::size_t count) {
  std::vector<std::vector<float>> tensors = {test::bell_values(count, 3)};
  MagnitudeCut cut = cut_for_zeros(tensors, zeros_at_rate(kPruned, count));
  apply_cut(tensors.front(), cut);
  std::vector<float> nonzero;
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
double smallest_error(std::span<const float> sorted, std::size_t k) {
  const RunErrors error(sorted);
  const std::size_t n = sorted.size();
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

/// The same by the graph search of `optimal_partition`, every value in a bin of its own.
double partition_error(const SortedSample& sample, std::size_t k) {
  const RunErrors error(sample.values());
  long double sum = 0;
  std::size_t begin = 0;
  for (const std::size_t end : optimal_partition(sample, k, sample.distinct())) {
    sum += error(begin, end);
    begin = end;
  }
  return static_cast<double>(sum);
}

std::string run(const BenchOptions& options) {
  const int repetitions = options.quick ? 2 : 5;
  const std::vector<float> weights = pruned_weights(options.quick ? kQuickCount : kFullCount);
  const SortedSample sample(weights);
  const SortedSample small{std::span<const float>(weights).first(kSmallCount)};
  const double sort = median_seconds([&] { const SortedSample sorted(weights); }, repetitions);

  MarkdownTable table({"centroids", "sort s", "cluster s", "assign s", "sum s",
                       fmt::format("excess, {} values", small.size()),
                       fmt::format("excess, {} values", sample.size())});
  for (const std::size_t k : kCentroids) {
    tell(fmt::format("  {} centroids", k));
    const KMeansResult result = kmeans_1d(sample, k, KMeansInit::kOptimal);
    const double cluster =
        median_seconds([&] { kmeans_1d(sample, k, KMeansInit::kOptimal); }, repetitions);
    const double assign =
        median_seconds([&] { assign_nearest(weights, result.centroids); }, repetitions);
    const double small_error = kmeans_1d(small, k, KMeansInit::kOptimal).sse;
    table.add_row({fmt::format("{}", k), fmt::format("{:.3f}", sort),
                   fmt::format("{:.3f}", cluster), fmt::format("{:.3f}", assign),
                   fmt::format("{:.3f}", sort + cluster + assign),
                   fmt::format("{:.1e}", small_error / smallest_error(small.values(), k) - 1),
                   fmt::format("{:.1e}", result.sse / partition_error(sample, k) - 1)});
  }
  return table.text();
}

}  // namespace

const BenchTable kKmeansTable{
    .name = "kmeans",
    .title = "Weight sharing: `share --init optimal`",
    .about =
        "4 million normal weights, the smallest 10% pruned, one core, medians of 5. *Excess* is "
        "the\n"
        "squared error over that of the exact optimum, relative: for the small sample by dynamic\n"
        "programming over every split, for all weights by `optimal_partition` with a bin for "
        "every\n"
        "value.",
    .run = run,
};

}  // namespace qc::bench
