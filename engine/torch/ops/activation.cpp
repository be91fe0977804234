// Activation functions.
#include <ATen/ATen.h>

#include <array>

#include "engine/torch/ops/common.h"

namespace qc::torch_engine {
namespace {

template <at::Tensor (*Function)(const at::Tensor&)>
Values of_floats(const OpContext& op) {
  return {Function(float_in(op, 0))};
}

Values relu(const OpContext& op) { return {at::relu(op.in(0))}; }

// Up to opset 12 the axis splits the shape in two and the whole second part is one distribution.
// Calls function(x, axis) accordingly.
template <typename Function>
at::Tensor along_axis(const OpContext& op, const Function& function) {
  const at::Tensor& x = float_in(op, 0);
  if (op.opset >= 13) return function(x, op.axis(op.int_or("axis", -1), x.dim()));
  const std::int64_t axis = op.axis(op.int_or("axis", 1), x.dim());
  std::int64_t rows = 1;
  for (std::int64_t i = 0; i < axis; ++i) rows *= x.size(i);
  return function(x.reshape({rows, -1}), 1).reshape(x.sizes());
}

template <at::Tensor (*Function)(const at::Tensor&, std::int64_t, c10::optional<at::ScalarType>)>
Values softmax(const OpContext& op) {
  return {along_axis(
      op, [](const at::Tensor& x, std::int64_t axis) { return Function(x, axis, c10::nullopt); })};
}

// One where the largest element is, the first of equals.
Values hardmax(const OpContext& op) {
  return {along_axis(op, [](const at::Tensor& x, std::int64_t axis) {
    const at::Tensor largest = at::argmax(x, axis, /*keepdim=*/true);
    return at::zeros_like(x).scatter(axis, largest, 1);
  })};
}

Values elu(const OpContext& op) { return {at::elu(float_in(op, 0), op.float_or("alpha", 1))}; }

Values selu(const OpContext& op) {
  const bool rounded = op.opset < 6;
  const float alpha = op.float_or("alpha", rounded ? 1.6732F : 1.67326319217681884765625F);
  const float gamma = op.float_or("gamma", rounded ? 1.0507F : 1.05070102214813232421875F);
  return {at::elu(float_in(op, 0), alpha, gamma)};
}

Values celu(const OpContext& op) { return {at::celu(float_in(op, 0), op.float_or("alpha", 1))}; }

Values leaky_relu(const OpContext& op) {
  return {at::leaky_relu(float_in(op, 0), op.float_or("alpha", 0.01F))};
}

// Before opset 7 a slope with several elements has one for each channel, axis 1.
Values prelu(const OpContext& op) {
  const at::Tensor& x = op.in(0);
  require_same_type(op, x, op.in(1));
  at::Tensor slope = op.in(1);
  if (op.opset < 7) {
    if (slope.numel() != 1 && (x.dim() < 2 || slope.numel() != x.size(1))) {
      op.refuse("its slopes are not one for each channel");
    }
    slope = slope.numel() == 1 ? slope.reshape({})
                               : slope.reshape(shape_along(x.dim(), 1, slope.numel()));
  } else if (x.sizes() != broadcast_shape(op, x.sizes(), slope.sizes())) {
    op.refuse("its slopes have more dimensions than its input");
  }
  return {at::where(x.lt(0), x * slope, x)};
}

Values hard_sigmoid(const OpContext& op) {
  const at::Tensor line = float_in(op, 0) * op.float_or("alpha", 0.2F) + op.float_or("beta", 0.5F);
  return {at::clamp(line, 0, 1)};
}

// Beyond the threshold the function is its argument, to the last bit of a double.
Values softplus(const OpContext& op) {
  constexpr int kThreshold = 40;
  return {at::softplus(float_in(op, 0), 1, kThreshold)};
}

Values softsign(const OpContext& op) {
  const at::Tensor& x = float_in(op, 0);
  return {x / (at::abs(x) + 1)};
}

Values thresholded_relu(const OpContext& op) {
  return {at::threshold(float_in(op, 0), op.float_or("alpha", 1), 0)};
}

Values shrink(const OpContext& op) {
  const at::Tensor& x = op.in(0);
  const double bias = op.float_or("bias", 0);
  const double lambda = op.float_or("lambd", 0.5F);
  const at::Tensor y = at::where(x.lt(-lambda), x + bias, at::where(x.gt(lambda), x - bias, 0));
  return {y.to(x.scalar_type())};
}

at::Tensor gelu_exact(const at::Tensor& x) { return at::gelu(x, "none"); }
at::Tensor gelu_tanh(const at::Tensor& x) { return at::gelu(x, "tanh"); }

Values gelu(const OpContext& op) {
  const std::string approximate = op.string_or("approximate", "none");
  if (approximate != "none" && approximate != "tanh") op.refuse("approximate=" + approximate);
  return {at::gelu(float_in(op, 0), approximate)};
}

template <at::Tensor (*Function)(const at::Tensor&)>
Values of_biased(const OpContext& op) {
  const at::Tensor& x = float_in(op, 0);
  return {Function(op.has(1) ? x + op.in(1) : x)};
}

Values quick_gelu(const OpContext& op) {
  const at::Tensor& x = float_in(op, 0);
  return {x * at::sigmoid(x * op.float_or("alpha", 1.702F))};
}

constexpr std::array kOperators = std::to_array<Operator>({
    {"Relu", 1, relu},
    {"Sigmoid", 1, of_floats<at::sigmoid>},
    {"Tanh", 1, of_floats<at::tanh>},
    {"Softmax", 1, softmax<at::softmax>},
    {"LogSoftmax", 1, softmax<at::log_softmax>},
    {"Hardmax", 1, hardmax},
    {"Elu", 1, elu},
    {"Selu", 1, selu},
    {"Celu", 12, celu},
    {"LeakyRelu", 1, leaky_relu},
    {"PRelu", 1, prelu},
    {"HardSigmoid", 1, hard_sigmoid},
    {"HardSwish", 14, of_floats<at::hardswish>},
    {"Softplus", 1, softplus},
    {"Softsign", 1, softsign},
    {"ThresholdedRelu", 1, thresholded_relu},
    {"Shrink", 9, shrink},
    {"Mish", 18, of_floats<at::mish>},
    {"Gelu", 20, gelu},
    {"Gelu", 1, of_floats<gelu_exact>, 1, "com.microsoft"},
    {"BiasGelu", 1, of_biased<gelu_exact>, 1, "com.microsoft"},
    {"FastGelu", 1, of_biased<gelu_tanh>, 1, "com.microsoft"},
    {"QuickGelu", 1, quick_gelu, 1, "com.microsoft"},
});

}  // namespace

std::span<const Operator> activation_operators() { return kOperators; }

}  // namespace qc::torch_engine
