#include "passes/kernels/removal_cost.h"

#include <Eigen/Cholesky>
#include <Eigen/Core>

namespace qc {

double removal_cost(const InverseFactor& factor, std::span<const float> weights, std::size_t rows,
                    std::span<const std::uint32_t> removed) {
  using Matrix = Eigen::MatrixXd;
  const std::size_t columns = factor.diagonal.size();
  const auto count = static_cast<Eigen::Index>(removed.size());
  Matrix part = Matrix::Zero(static_cast<Eigen::Index>(columns), count);
  Matrix gone(count, static_cast<Eigen::Index>(rows));
  for (Eigen::Index i = 0; i < count; ++i) {
    const std::uint32_t column = removed[static_cast<std::size_t>(i)];
    if (factor.upper.empty()) {
      part(column, i) = factor.diagonal[column];
    } else {
      for (std::size_t k = 0; k <= column; ++k) {
        part(static_cast<Eigen::Index>(k), i) = factor.upper[k * columns + column];
      }
    }
    for (std::size_t row = 0; row < rows; ++row) {
      gone(i, static_cast<Eigen::Index>(row)) = weights[row * columns + column];
    }
  }
  const Matrix inverse = part.transpose() * part;
  const Eigen::LLT<Matrix> cholesky(inverse);
  return cholesky.matrixL().solve(gone).squaredNorm();
}

}  // namespace qc
