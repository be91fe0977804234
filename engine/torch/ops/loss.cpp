// Losses.
#include <ATen/ATen.h>

#include <array>
#include <limits>

#include "engine/torch/ops/common.h"

namespace qc::torch_engine {
namespace {

at::Tensor negative_log_likelihood(const OpContext& op, const at::Tensor& log_probabilities) {
  const std::string reduction = op.string_or("reduction", "mean");
  at::Reduction::Reduction mode = at::Reduction::Mean;
  if (reduction == "none") {
    mode = at::Reduction::None;
  } else if (reduction == "sum") {
    mode = at::Reduction::Sum;
  } else if (reduction != "mean") {
    op.refuse("reduction=" + reduction);
  }
  const c10::optional<at::Tensor> weight =
      op.has(2) ? c10::optional<at::Tensor>(op.in(2)) : c10::nullopt;
  // Without the attribute no label is ignored; this one would be out of range anyway.
  const std::int64_t ignored = op.int_or("ignore_index", std::numeric_limits<std::int64_t>::min());
  return at::nll_loss_nd(log_probabilities, op.in(1).to(at::kLong), weight, mode, ignored);
}

Values nll_loss(const OpContext& op) { return {negative_log_likelihood(op, float_in(op, 0))}; }

Values softmax_cross_entropy(const OpContext& op) {
  const at::Tensor log_probabilities = at::log_softmax(float_in(op, 0), 1);
  return {negative_log_likelihood(op, log_probabilities), log_probabilities};
}

constexpr std::array kOperators = std::to_array<Operator>({
    {"NegativeLogLikelihoodLoss", 12, nll_loss},
    {"SoftmaxCrossEntropyLoss", 12, softmax_cross_entropy},
});

}  // namespace

std::span<const Operator> loss_operators() { return kOperators; }

}  // namespace qc::torch_engine
