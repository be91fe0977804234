// A sample in ascending order, cut into bins whose totals are known.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace qc {

/// Values of a bin, or of a stretch of bins.
struct Totals {
  double sum = 0;
  std::uint64_t count = 0;

  double mean() const noexcept { return sum / static_cast<double>(count); }
};

/// A sample of finite values for one-dimensional clustering: bins in ascending order, none of them
/// empty. An exact sample has a bin for every distinct value. A coarse one is made in a single pass
/// over the values: its bins hold the values that agree in sign, exponent and the first 11 bits of
/// the mantissa, and may be split later where it matters. Where `times` is not empty, it says how
/// often each value counts: once at least, and fewer than 2^32 times altogether.
class BinnedSample {
 public:
  /// O(n). Requires that no value is NaN or infinite and that there are fewer than 2^32.
  static BinnedSample exact(std::span<const float> values,
                            std::span<const std::uint32_t> times = {});

  /// A coarse sample, or an exact one where that would have fewer than `least_bins` bins or where
  /// the values are so few that nothing is gained. The values and `times` must outlive the sample.
  /// Requires what exact() does, and values that are not empty. O(n), with 16 MiB of scratch
  /// memory.
  static BinnedSample coarse(std::span<const float> values, std::size_t least_bins,
                             std::span<const std::uint32_t> times = {});

  std::size_t size() const noexcept { return bins_.size(); }
  bool is_coarse() const noexcept { return !values_.empty(); }
  float largest() const noexcept { return largest_; }
  /// The smallest value of a bin.
  float lowest(std::size_t bin) const noexcept { return bins_[bin].lowest; }
  /// Mean of the values of a bin; the value itself where all are equal.
  double mean(std::size_t bin) const noexcept { return totals(bin).mean(); }
  /// True when the values of a bin are equal.
  bool is_pure(std::size_t bin) const noexcept;

  Totals totals(std::size_t bin) const noexcept { return {bins_[bin].sum, bins_[bin].count}; }
  /// Of the bins [begin, end), added up directly: a difference of running totals would lose the
  /// small values beside a large one. O(1 + (end - begin) / 64).
  Totals totals(std::size_t begin, std::size_t end) const noexcept;

  /// Gives every distinct value in the named bins of a coarse sample a bin of its own. O(n).
  void split(std::span<const std::size_t> bins);

 private:
  struct Bin {
    double sum = 0;
    std::uint32_t count = 0;
    float lowest = 0;
  };

  template <typename Entry>
  static std::vector<Bin> distinct_bins(std::vector<Entry> entries);

  BinnedSample(std::vector<Bin> bins, float largest);

  void sum_blocks();

  std::vector<Bin> bins_;
  std::vector<Totals> blocks_;
  float largest_ = 0;
  std::span<const float> values_;  // of a coarse sample
  std::span<const std::uint32_t> times_;
};

}  // namespace qc
