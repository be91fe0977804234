// Operators that make tensors from numbers.
#include <ATen/ATen.h>

#include <array>
#include <cmath>
#include <numbers>

#include "engine/torch/ops/common.h"

namespace qc::torch_engine {
namespace {

Values constant_of_shape(const OpContext& op) {
  const std::vector<std::int64_t> shape = op.ints_in(0);
  require_shape(op, shape);
  const at::Tensor value = op.tensor("value").value_or(at::zeros({1}, at::kFloat));
  if (value.numel() != 1) op.refuse("its value is not one number");
  return {value.reshape({}).expand(shape).contiguous()};
}

// max(ceil((limit - start) / delta), 0) elements
Values range(const OpContext& op) {
  for (std::size_t i = 0; i < 3; ++i) require_same_type(op, op.in(0), op.in(i));
  const at::ScalarType type = op.in(0).scalar_type();
  const double start = op.scalar_in(0);
  const double delta = op.scalar_in(2);
  double difference = op.scalar_in(1) - start;
  if (type == at::kFloat) difference = static_cast<float>(difference);
  if (delta == 0) op.refuse("a step of zero");
  const double count = std::max(0.0, std::ceil(difference / delta));
  constexpr double kMostElements = 0x1p32;
  if (!(count <= kMostElements)) op.refuse("of too many elements");
  const at::Tensor steps = at::arange(static_cast<std::int64_t>(count), at::kLong);
  if (at::isFloatingType(type)) return {(steps.to(at::kDouble) * delta + start).to(type)};
  const at::Tensor values =
      steps * op.in(2).reshape({}).to(at::kLong).cpu() + op.in(0).reshape({}).to(at::kLong).cpu();
  return {values.to(type)};
}

// Indices outside the depth give no one at all; negative ones count from the end since opset 11.
Values one_hot(const OpContext& op) {
  at::Tensor indices = op.in(0).to(at::kLong);
  const auto depth = static_cast<std::int64_t>(op.scalar_in(1));
  if (depth < 1) op.refuse("depth below 1");
  require_shape(op, {indices.numel(), depth});
  if (op.in(2).numel() != 2) op.refuse("its values are not two");
  const at::Tensor values = op.in(2).reshape({2}).to(indices.device());
  const std::int64_t axis = op.axis(op.int_or("axis", -1), indices.dim() + 1);
  if (op.opset >= 11) indices = at::where(indices.lt(0), indices + depth, indices);
  const at::Tensor classes =
      at::arange(depth, indices.options()).reshape(shape_along(indices.dim() + 1, axis, depth));
  return {at::where(indices.unsqueeze(axis).eq(classes), values[1], values[0])};
}

Values eye_like(const OpContext& op) {
  const at::Tensor& x = op.in(0);
  if (x.dim() != 2) op.refuse("of other than two dimensions");
  const at::ScalarType type = op.has_attribute("dtype")
                                  ? op.torch_type(static_cast<DataType>(op.int_or("dtype", 0)))
                                  : x.scalar_type();
  const at::Tensor rows = at::arange(x.size(0), at::kLong).unsqueeze(1);
  const at::Tensor columns = at::arange(x.size(1), at::kLong).unsqueeze(0);
  return {(rows + op.int_or("k", 0)).eq(columns).to(x.device(), type)};
}

// a - b cos(2 pi n / N) + c cos(4 pi n / N), with N one less where the window is symmetric.
Values cosine_window(const OpContext& op, double a, double b, double c) {
  const auto size = static_cast<std::int64_t>(op.scalar_in(0));
  require_shape(op, {size});
  const bool periodic = op.int_or("periodic", 1) != 0;
  const at::ScalarType type = op.torch_type(
      static_cast<DataType>(op.int_or("output_datatype", static_cast<int>(DataType::kFloat))));
  if (!periodic && size < 2) op.refuse("a symmetric window of fewer than two elements");
  const auto period = static_cast<double>(periodic ? size : size - 1);
  const at::Tensor phase =
      at::arange(size, at::kDouble) * (2 * std::numbers::pi / std::max(period, 1.0));
  return {(a - b * at::cos(phase) + c * at::cos(2 * phase)).to(type)};
}

Values hann_window(const OpContext& op) { return cosine_window(op, 0.5, 0.5, 0); }
Values hamming_window(const OpContext& op) {
  return cosine_window(op, 25.0 / 46, 1 - 25.0 / 46, 0);
}
Values blackman_window(const OpContext& op) { return cosine_window(op, 0.42, 0.5, 0.08); }

constexpr std::array kOperators = std::to_array<Operator>({
    {"ConstantOfShape", 9, constant_of_shape},
    {"Range", 11, range},
    {"OneHot", 9, one_hot},
    {"EyeLike", 9, eye_like},
    {"HannWindow", 17, hann_window},
    {"HammingWindow", 17, hamming_window},
    {"BlackmanWindow", 17, blackman_window},
});

}  // namespace

std::span<const Operator> generator_operators() { return kOperators; }

}  // namespace qc::torch_engine
