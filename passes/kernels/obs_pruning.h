// Pruning in which the weights that stay make up for those that go: the optimal brain surgeon for
// whole layers (Frantar, Alistarh, SparseGPT, arXiv 2301.00774).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "passes/kernels/inverse_factor.h"

namespace qc {

/// Weights to prune: matrices W {groups, rows, columns} with the loss
/// 1/2 * sum over rows o of (w_o - q_o) H (w_o - q_o)^T.
struct PruningProblem {
  std::size_t groups = 1;
  std::size_t rows = 0;
  std::size_t columns = 0;
  std::span<const float> weights;
  std::span<const InverseFactor> factors;  ///< of the H of each group, in the order of the columns
};

struct CompensatedPruning {
  std::vector<float> values;  ///< {groups, rows, columns}
  double loss = 0;            ///< as above, with the damped H
};

/// Leaves exactly `zeros` zeros, or as many as there are if that is more. Weights that are zero
/// stay zero and count. Goes through blocks of columns, each with its share of the zeros: of all
/// rows those weights go whose loss alone, w^2 / (2 U_jj^2), is least (SparseGPT, equation 3 and
/// algorithm 1), and the later columns make up for them. Weights of dead columns go before all
/// others. The result does not depend on `threads`. Requires finite weights, fewer than 2^32, and
/// more of them than `zeros`.
CompensatedPruning prune_with_compensation(const PruningProblem& problem, std::uint64_t zeros,
                                           unsigned threads);

}  // namespace qc
