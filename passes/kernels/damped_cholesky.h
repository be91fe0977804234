// Cholesky factors of second moments, which are singular where samples are few. For kernels only:
// it includes the library for matrices.
#pragma once

#include <Eigen/Cholesky>

namespace qc {

using RowMatrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// Replaces the lower triangle of the symmetric H by L with L L^T = H + damping * scale * I, where
/// `damping` grows by ten until there is one; returns that. Requires scale > 0. Throws
/// Error(kUnsupported) for NaN and Inf.
double damped_cholesky(RowMatrix& h, double scale, double damping);

}  // namespace qc
