// How sure a number measured on samples is.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace qc {

struct Interval {
  double low = 0;
  double high = 0;
};

/// The central 95% of what a statistic is on samples drawn again from `count` ones, with
/// replacement (Efron, the percentile bootstrap), 1000 times. `statistic` is given the indices
/// drawn. The same numbers on every machine. Requires count > 0.
Interval bootstrap_interval(std::size_t count,
                            const std::function<double(std::span<const std::size_t>)>& statistic);

/// The 95% interval of a rate that was 1 on `count` samples, which the bootstrap cannot tell from
/// certainty: Wilson's (1927), or 0 to its complement for a rate that was 0. Requires count > 0.
Interval unanimous_interval(std::size_t count, bool all);

}  // namespace qc
