// Weights for the inputs that a layer of a compressed network really gets.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace qc {

/// The matrix W' {rows, columns} that makes of the inputs y of the compressed network what W makes
/// of those of the reference, x, in the least squares:
/// W' = W + W (C - H) (H + damping * mean(diag H) * I)^-1 with H = E[y y^T] and C = E[x y^T], both
/// {columns, columns}. `damping` grows by ten until the factorisation succeeds.
std::vector<float> lockstep_weights(std::span<const float> weights, std::size_t rows,
                                    std::size_t columns, std::span<const double> h,
                                    std::span<const double> c, double damping);

}  // namespace qc
