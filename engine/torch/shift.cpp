#include "engine/torch/shift.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/grad_mode.h>

#include <cmath>
#include <memory>
#include <numbers>
#include <tuple>
#include <utility>
#include <vector>

#include "passes/kernels/power_of_two.h"

namespace qc::torch_engine {
namespace {

// Forward the power of two, backward the value itself.
at::Tensor shifting(const at::Tensor& values) {
  return nearest_powers_of_two(values) + (values - values.detach());
}

}  // namespace

at::Tensor nearest_powers_of_two(const at::Tensor& values) {
  const at::NoGradGuard no_gradient;
  const at::Tensor mantissas = std::get<0>(at::frexp(values)).abs_();
  const at::Tensor halves = mantissas.lt(1 / std::numbers::sqrt2).to(values.scalar_type());
  // Dividing a float by its own mantissa is exact.
  const at::Tensor powers = (values / mantissas).mul_(1 - halves * 0.5);
  return powers.masked_fill_(values.eq(0), 0);
}

at::Tensor shift_batch_norm(const at::Tensor& x, const at::Tensor& scale, const at::Tensor& bias,
                            const at::Tensor& running_mean, const at::Tensor& running_variance,
                            double momentum, double epsilon) {
  std::vector<std::int64_t> axes;
  std::vector<std::int64_t> channels(static_cast<std::size_t>(x.dim()), 1);
  for (std::int64_t axis = 0; axis < x.dim(); ++axis) {
    if (axis != 1) axes.push_back(axis);
  }
  channels[1] = x.size(1);
  const at::Tensor mean = x.mean(axes, /*keepdim=*/true);
  const at::Tensor centred = x - mean;
  const at::Tensor variance = (centred * shifting(centred)).mean(axes, /*keepdim=*/true);
  const at::Tensor inverse = shifting(at::rsqrt(variance + epsilon));
  {
    const at::NoGradGuard no_gradient;
    running_mean.mul_(1 - momentum).add_(mean.reshape({-1}), momentum);
    running_variance.mul_(1 - momentum).add_(variance.reshape({-1}), momentum);
  }
  return centred * inverse * scale.reshape(channels) + bias.reshape(channels);
}

at::Tensor shift_variances(const at::Tensor& variances, double epsilon) {
  const at::NoGradGuard no_gradient;
  const at::Tensor inverse = nearest_powers_of_two(at::rsqrt(variances + epsilon));
  // A variance may not be negative: the shift of the least one that is not takes its place.
  const double least = nearest_power_of_two(static_cast<float>(1 / std::sqrt(epsilon)));
  const double largest = least * least * epsilon <= 1 ? least : least / 2;
  return inverse.clamp_max(largest).pow(-2).sub_(epsilon);
}

torch::optim::AdamOptions ShiftAdaMax::options(double learning_rate) {
  torch::optim::AdamOptions options(learning_rate);
  options.betas({1 - 0x1p-3, 1 - 0x1p-10});
  return options;
}

at::Tensor ShiftAdaMax::step(LossClosure closure) {
  constexpr double kLeastMaximum = 1e-30;
  at::Tensor loss;
  if (closure != nullptr) loss = closure();
  const at::NoGradGuard no_gradient;
  for (torch::optim::OptimizerParamGroup& group : param_groups_) {
    const auto& settings = dynamic_cast<const torch::optim::AdamOptions&>(group.options());
    const auto [mean_decay, maximum_decay] = settings.betas();
    for (at::Tensor& weights : group.params()) {
      if (!weights.grad().defined()) continue;
      at::Tensor gradient = weights.grad();
      if (settings.weight_decay() != 0) gradient = gradient.add(weights, settings.weight_decay());
      std::unique_ptr<torch::optim::OptimizerParamState>& kept =
          state_[c10::guts::to_string(weights.unsafeGetTensorImpl())];
      if (kept == nullptr) {
        auto fresh = std::make_unique<torch::optim::AdamParamState>();
        fresh->step(0);
        fresh->exp_avg(at::zeros_like(weights));
        fresh->exp_avg_sq(at::zeros_like(weights));
        kept = std::move(fresh);
      }
      auto& state = dynamic_cast<torch::optim::AdamParamState&>(*kept);
      state.step(state.step() + 1);
      at::Tensor& mean = state.exp_avg();
      at::Tensor& maximum = state.exp_avg_sq();
      mean.mul_(mean_decay).add_(gradient, 1 - mean_decay);
      maximum.copy_(at::maximum(maximum * maximum_decay, gradient.abs()));
      const double correction = 1 - std::pow(mean_decay, static_cast<double>(state.step()));
      const double rate = nearest_power_of_two(static_cast<float>(settings.lr() / correction));
      weights.sub_(mean * nearest_powers_of_two(maximum.clamp_min(kLeastMaximum).reciprocal()),
                   rate);
    }
  }
  return loss;
}

}  // namespace qc::torch_engine
