#include "passes/kernels/lockstep.h"

#include "passes/kernels/damped_cholesky.h"

namespace qc {

std::vector<float> lockstep_weights(std::span<const float> weights, std::size_t rows,
                                    std::size_t columns, std::span<const double> h,
                                    std::span<const double> c, double damping) {
  using Floats = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const auto size = static_cast<Eigen::Index>(columns);
  const Eigen::Map<const RowMatrix> own(h.data(), size, size);
  const Eigen::Map<const RowMatrix> cross(c.data(), size, size);
  const RowMatrix wide =
      Eigen::Map<const Floats>(weights.data(), static_cast<Eigen::Index>(rows), size)
          .cast<double>();
  RowMatrix factor = own;
  damped_cholesky(factor, own.trace() > 0 ? own.trace() / static_cast<double>(columns) : 1,
                  damping);
  RowMatrix change = (wide * (cross - own)).transpose();
  factor.triangularView<Eigen::Lower>().solveInPlace(change);
  factor.triangularView<Eigen::Lower>().transpose().solveInPlace(change);
  const Floats result = (wide + change.transpose()).cast<float>();
  return {result.data(), result.data() + result.size()};
}

}  // namespace qc
