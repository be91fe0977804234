// What the outputs of a layer lose when some of its inputs go, and the others make up for them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "passes/kernels/inverse_factor.h"

namespace qc {

/// The least of sum over rows o of (w_o - q_o) H (w_o - q_o)^T where the `removed` columns of every
/// q_o are zero: the sum of w_S ((H^-1)_SS)^-1 w_S^T, the optimal brain surgeon's loss for several
/// weights at once. `weights` {rows, columns}; `factor` of H, in the order of the columns.
double removal_cost(const InverseFactor& factor, std::span<const float> weights, std::size_t rows,
                    std::span<const std::uint32_t> removed);

}  // namespace qc
