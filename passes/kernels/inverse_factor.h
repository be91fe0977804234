// The Cholesky factor by which errors of rounded weights are made up for in the others.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace qc {

/// In which order the columns of a weight matrix are rounded.
enum class ColumnOrder {
  kNatural,
  kBySize,  ///< by falling H_jj: what is rounded late can make up for less
};

/// U with U^T U = (H + damping * mean(diag H) * I)^-1, upper triangular (Frantar et al., GPTQ,
/// arXiv 2210.17323, step 3), for the columns in some order. Where column j is rounded with the
/// error e, the loss 1/2 e^2 / U_jj^2 is all that remains once the later columns k take
/// -e / U_jj * U_jk.
struct InverseFactor {
  std::vector<std::uint32_t> order;  ///< of the columns: the place p is that of column order[p]
  std::vector<float> diagonal;       ///< U_jj by place
  std::vector<float> upper;          ///< {columns, columns} by place; empty where U is diagonal
  std::vector<bool> dead;            ///< by column: no sample had anything but zero there, H_jj = 0
  double damping = 0;                ///< that was used
};

/// Factors H {columns, columns}, positive semidefinite. `damping` grows by ten until the
/// factorisation succeeds; dead columns get the mean of the diagonal, and a matrix of zeros that
/// of the identity. Computed in float64; the result does not depend on `threads`. Throws
/// Error(kUnsupported) for NaN and Inf.
InverseFactor factor_inverse(std::span<const double> h, std::size_t columns, ColumnOrder order,
                             double damping, unsigned threads = 1);

/// The same of a diagonal matrix {columns} of finite numbers, of which nothing has to be factored.
InverseFactor factor_inverse_diagonal(std::span<const double> h, double damping);

}  // namespace qc
