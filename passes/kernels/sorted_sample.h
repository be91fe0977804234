// Values in ascending order, with sums over any stretch of them.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace qc {

/// A sorted copy of finite values, for one-dimensional clustering.
class SortedSample {
 public:
  /// O(n). Requires that no value is NaN or infinite.
  explicit SortedSample(std::span<const float> values);

  std::span<const float> values() const noexcept { return values_; }
  std::size_t size() const noexcept { return values_.size(); }
  /// Number of different values.
  std::size_t distinct() const noexcept { return distinct_; }

  /// Sum of the values [begin, end), added up directly (no difference of running totals, which
  /// would lose the small values beside a large one). O(1 + (end - begin) / 64).
  double sum(std::size_t begin, std::size_t end) const noexcept;

 private:
  std::vector<float> values_;
  std::vector<double> block_sums_;
  std::size_t distinct_ = 0;
};

}  // namespace qc
