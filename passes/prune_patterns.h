// Zeros in patterns that runtimes have kernels for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "passes/weight_layers.h"

namespace qc {

/// Leaves of four inputs in a row the two weights that are largest, for every output and place of a
/// kernel (2:4, Mishra et al., arXiv 2104.08378). `taps`: elements of a kernel; inputs behind the
/// last four stay.
void prune_two_of_four(const WeightLayer& layer, std::size_t taps, std::span<float> values);

/// Zeroes a fraction of the blocks of four outputs in a row by one input, those with the least
/// squares (as XNNPACK's sparse kernels take them, Elsen et al., arXiv 1911.09723); those that are
/// zero already count.
void prune_four_by_one(const WeightLayer& layer, double rate, std::span<float> values);

}  // namespace qc
