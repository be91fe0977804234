#include "passes/kernels/damped_cholesky.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace qc {

double damped_cholesky(RowMatrix& h, double scale, double damping) {
  if (!h.allFinite()) {
    throw Error(ErrorCode::kUnsupported, "the calibration samples give NaN or Inf in the network");
  }
  const Eigen::VectorXd diagonal = h.diagonal();
  for (;; damping = std::max(damping * 10, 1e-8)) {
    if (!std::isfinite(scale * damping)) {
      throw Error(ErrorCode::kUnsupported, "second moments that no damping makes definite");
    }
    // A factorisation that failed has left the upper triangle as it was.
    h.triangularView<Eigen::StrictlyLower>() = h.transpose();
    h.diagonal() = diagonal.array() + scale * damping;
    const Eigen::LLT<Eigen::Ref<RowMatrix>> cholesky(h);
    if (cholesky.info() == Eigen::Success) return damping;
  }
}

}  // namespace qc
