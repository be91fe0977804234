// Rounding with compensation to so many values.
#pragma once

#include <cstddef>

#include "passes/kernels/rate_rounding.h"

namespace qc {

/// round_to_rate() with the least loss that leaves at most `most` values besides zero: at the
/// lowest lambda that does, within a twentieth, unless a higher one loses less. The search starts
/// where the first grid has no more values than these and goes on in steps of two, then by
/// bisection: 18 roundings at most. RateProblem::uniform_levels is chosen here. The result does not
/// depend on `threads`. Requires what round_to_rate() does and an even `most`.
RateRounding round_to_few_values(RateProblem problem, std::size_t most, unsigned threads);

}  // namespace qc
