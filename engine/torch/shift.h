// Training with shifts in place of multiplications ("Binarized Neural Networks", arXiv 1602.02830,
// section 3.3 and algorithms 3 and 4).
#pragma once

#include <ATen/core/Tensor.h>
#include <torch/optim/adam.h>

namespace qc::torch_engine {

/// nearest_power_of_two() of every element, without a gradient.
at::Tensor nearest_powers_of_two(const at::Tensor& values);

/// Algorithm 3: normalises every channel of x {N, C, ...} by the mean and an approximate variance
/// of the batch, of which only powers of two are multiplied with. Gradients take those for what
/// they stand for. `scale` holds powers of two already. The running statistics move by `momentum`.
at::Tensor shift_batch_norm(const at::Tensor& x, const at::Tensor& scale, const at::Tensor& bias,
                            const at::Tensor& running_mean, const at::Tensor& running_variance,
                            double momentum, double epsilon);

/// Variances whose inverse deviations are the powers of two nearest to those of `variances`, so
/// that an ordinary batch normalisation shifts: 1 / sqrt(v' + epsilon) = AP2(1 / sqrt(v +
/// epsilon)).
at::Tensor shift_variances(const at::Tensor& variances, double epsilon);

/// Algorithm 4: AdaMax whose step is a mean gradient times powers of two. The state is that of
/// Adam, with the running maximum of |g| in the place of the mean square.
class ShiftAdaMax : public torch::optim::Adam {
 public:
  using Adam::Adam;
  at::Tensor step(LossClosure closure = nullptr) override;

  /// 1 - beta_1 = 2^-3, 1 - beta_2 = 2^-10.
  static torch::optim::AdamOptions options(double learning_rate);
};

}  // namespace qc::torch_engine
