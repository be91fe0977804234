#include "engine/torch/constrained.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <span>
#include <vector>

#include "core/error.h"

namespace qc::torch_engine {
namespace {

at::Tensor groups_tensor(const Constraint& constraint, at::Device device) {
  const std::vector<std::int64_t> groups(constraint.groups.begin(), constraint.groups.end());
  return at::tensor(groups, at::kLong).to(device);
}

// The elements of a contiguous float tensor on the CPU.
std::span<float> floats(const at::Tensor& tensor) {
  return {tensor.data_ptr<float>(), static_cast<std::size_t>(tensor.numel())};
}

// The centroids: the weights of a group are equal, so the first one is their value.
at::Tensor first_of_each_group(const at::Tensor& flat, const Constraint& constraint) {
  const std::uint32_t count = *std::ranges::max_element(constraint.groups);
  std::vector<float> centroids(count, 0);
  const at::Tensor cpu = flat.cpu();
  const auto* values = cpu.data_ptr<float>();
  for (std::size_t i = constraint.groups.size(); i-- > 0;) {
    if (constraint.groups[i] > 0) centroids[constraint.groups[i] - 1] = values[i];
  }
  return at::tensor(centroids, at::kFloat).to(flat.device());
}

}  // namespace

ConstrainedTensor::ConstrainedTensor(std::size_t source, const at::Tensor& initial,
                                     const Constraint* constraint)
    : source_(source),
      weights_(initial.detach().to(at::kFloat, /*non_blocking=*/false,
                                   /*copy=*/true)) {
  if (constraint != nullptr && constraint->form) {
    form_ = constraint->form;
    channels_ = constraint->channels;
  }
  if (constraint != nullptr && !constraint->groups.empty()) {
    if (constraint->groups.size() != static_cast<std::size_t>(weights_.numel())) {
      throw Error(ErrorCode::kInternal, fmt::format("a constraint of {} elements for tensor {}",
                                                    constraint->groups.size(), source));
    }
    const at::Tensor groups = groups_tensor(*constraint, weights_.device());
    const bool any = std::ranges::any_of(constraint->groups, [](auto group) { return group > 0; });
    if (constraint->shared && any) {
      groups_ = groups;
      leaf_ = first_of_each_group(weights_.reshape({-1}), *constraint);
    } else {
      mask_ = groups.gt(0).to(at::kFloat).reshape(weights_.sizes());
    }
  }
  if (form_) leaf_ = weights_.clone();
  // Convolutions are faster with channels last.
  if (weights_.dim() == 4) {
    weights_ = weights_.contiguous(at::MemoryFormat::ChannelsLast);
    if (mask_.defined()) mask_ = mask_.contiguous(at::MemoryFormat::ChannelsLast);
  }
  weights_.set_requires_grad(true);
  if (!leaf_.defined()) leaf_ = weights_;
  spread();
}

void ConstrainedTensor::gather_gradient() {
  at::Tensor& gradient = weights_.mutable_grad();
  if (!gradient.defined()) return;
  if (form_) {
    at::Tensor latent_gradient = gradient.contiguous().to(at::kCPU).clone();
    const at::Tensor latent = leaf_.detach().to(at::kCPU);
    straight_through(*form_, floats(latent), channels_, floats(latent_gradient));
    leaf_.mutable_grad() = latent_gradient.to(leaf_.device());
    if (mask_.defined()) leaf_.mutable_grad().mul_(mask_);
    return;
  }
  if (mask_.defined()) gradient.mul_(mask_);
  if (!groups_.defined()) return;
  const at::Tensor sums =
      at::bincount(groups_, gradient.reshape({-1}), leaf_.numel() + 1).narrow(0, 1, leaf_.numel());
  leaf_.mutable_grad() = sums.to(at::kFloat);
  gradient.zero_();
}

void ConstrainedTensor::spread(std::optional<std::uint64_t> seed) {
  const at::NoGradGuard no_gradient;
  if (form_) {
    if (mask_.defined()) leaf_.mul_(mask_);
    at::Tensor latent = leaf_.detach().to(at::kCPU);
    clip_latent(*form_, floats(latent));
    at::Tensor formed = at::empty_like(latent);
    apply_form(*form_, floats(latent), channels_, seed, floats(formed));
    leaf_.copy_(latent);
    weights_.copy_(formed);
    if (mask_.defined()) weights_.mul_(mask_);
  } else if (groups_.defined()) {
    const at::Tensor table = at::cat({at::zeros({1}, leaf_.options()), leaf_.detach()});
    weights_.copy_(table.index_select(0, groups_).reshape(weights_.sizes()));
  } else if (mask_.defined()) {
    weights_.mul_(mask_);
  }
}

void ConstrainedTensor::restore(const at::Tensor& snapshot) {
  {
    const at::NoGradGuard no_gradient;
    leaf_.copy_(snapshot);
  }
  spread();
}

}  // namespace qc::torch_engine
