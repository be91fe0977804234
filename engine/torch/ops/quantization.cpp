// Operators on quantised integers.
#include "engine/torch/ops/quantization.h"

#include <ATen/ATen.h>

#include <array>
#include <cstdint>
#include <limits>

#include "engine/torch/ops/common.h"
#include "engine/torch/ops/convolution.h"

namespace qc::torch_engine {
namespace {

bool is_quantized(at::ScalarType type) { return type == at::kByte || type == at::kChar; }

std::int64_t channel_axis(const OpContext& op, const at::Tensor& x, const at::Tensor& scale) {
  if (op.int_or("block_size", 0) != 0) op.refuse("block_size");
  if (scale.numel() == 1) return 0;
  if (op.node.domain.empty() && op.opset < 13) op.refuse("several scales");
  const std::int64_t axis = op.axis(op.int_or("axis", 1), x.dim());
  if (scale.dim() != 1 || scale.numel() != x.size(axis)) op.refuse("its scales do not fit");
  return axis;
}

Values quantize_linear(const OpContext& op) {
  const at::Tensor& x = op.in(0);
  if (x.scalar_type() != at::kFloat && x.scalar_type() != at::kHalf &&
      x.scalar_type() != at::kBFloat16 && x.scalar_type() != at::kInt)
    op.refuse(std::string("of ") + at::toString(x.scalar_type()));
  if (op.int_or("output_dtype", 0) != 0) op.refuse("output_dtype");
  const std::int64_t axis = channel_axis(op, x, op.in(1));
  const at::Tensor scale = along(op, op.in(1), x.dim(), axis).to(at::kFloat);
  const at::Tensor zero_point =
      op.has(2) ? along(op, op.in(2), x.dim(), axis) : at::zeros({}, at::kByte);
  return {saturated(op, x.to(at::kFloat) / scale, zero_point, zero_point.scalar_type())};
}

Values dequantize_linear(const OpContext& op) {
  const at::Tensor& x = op.in(0);
  if (!is_quantized(x.scalar_type()) && x.scalar_type() != at::kInt) op.refuse("of this type");
  const std::int64_t axis = channel_axis(op, x, op.in(1));
  const at::Tensor scale = along(op, op.in(1), x.dim(), axis);
  at::Tensor integers = x.to(at::kInt);
  if (op.has(2)) {
    require_same_type(op, x, op.in(2));
    integers = integers - along(op, op.in(2), x.dim(), axis).to(at::kInt);
  }
  return {(integers.to(at::kFloat) * float_in(op, 1).to(at::kFloat).reshape(scale.sizes()))
              .to(scale.scalar_type())};
}

Values dynamic_quantize_linear(const OpContext& op) {
  const auto [values, scale, zero_point] = dynamically_quantized(op, op.in(0));
  return {values, scale, zero_point};
}

at::Tensor as_int32(const OpContext& op, const at::Tensor& sums) {
  if (sums.numel() > 0 &&
      at::abs(sums).max().item().toDouble() > std::numeric_limits<std::int32_t>::max()) {
    op.refuse("a sum that no int32 can hold");
  }
  return sums.to(at::kInt);
}

Values conv_integer(const OpContext& op) {
  if (op.has(2) && op.in(2).numel() != 1) op.refuse("several zero points of the input");
  const at::Tensor x = centred(op, 0, 2, 0);
  return {as_int32(op, convolve(op, x, centred(op, 1, 3, 0), {}))};
}

// Zero points of a matrix: one for each row of the left, each column of the right factor.
Values matmul_integer(const OpContext& op) {
  const at::Tensor a = centred(op, 0, 2, op.in(0).dim() - 2);
  const at::Tensor b = centred(op, 1, 3, op.in(1).dim() - 1);
  return {as_int32(op, at::matmul(a, b))};
}

// Sums of products to the output's scale, in float32 as runtimes do.
at::Tensor rescaled(const OpContext& op, const at::Tensor& sums, const at::Tensor& factor,
                    std::size_t zero_point) {
  const at::Tensor& zero = op.in(zero_point);
  if (zero.numel() != 1) op.refuse("several zero points of the output");
  return saturated(op, sums.to(at::kFloat) * factor, zero.reshape({}), zero.scalar_type());
}

Values qlinear_conv(const OpContext& op) {
  if (op.in(2).numel() != 1) op.refuse("several zero points of the input");
  const at::Tensor x = centred(op, 0, 2, 0);
  const at::Tensor w = centred(op, 3, 5, 0);
  const at::Tensor bias = op.has(8) ? op.in(8).to(at::kDouble) : at::Tensor();
  const at::Tensor factor =
      single_scale(op, 1) * along(op, op.in(4), x.dim(), 1) / single_scale(op, 6);
  return {rescaled(op, convolve(op, x, w, bias), factor, 7)};
}

Values qlinear_matmul(const OpContext& op) {
  const at::Tensor a = centred(op, 0, 2, op.in(0).dim() - 2);
  const at::Tensor b = centred(op, 3, 5, op.in(3).dim() - 1);
  if (op.in(2).numel() != 1) op.refuse("several zero points of the left factor");
  const at::Tensor y = at::matmul(a, b);
  const at::Tensor factor =
      single_scale(op, 1) * along(op, op.in(4), y.dim(), y.dim() - 1) / single_scale(op, 6);
  return {rescaled(op, y, factor, 7)};
}

template <at::Tensor (*Function)(const at::Tensor&, const at::Tensor&)>
Values qlinear_binary(const OpContext& op) {
  return {requantized(op, Function(real_value(op, 0), real_value(op, 3)), 6)};
}

at::Tensor plus(const at::Tensor& a, const at::Tensor& b) { return a + b; }
at::Tensor times(const at::Tensor& a, const at::Tensor& b) { return a * b; }

constexpr std::array kOperators = std::to_array<Operator>({
    {"QuantizeLinear", 10, quantize_linear},
    {"DequantizeLinear", 10, dequantize_linear},
    {"DynamicQuantizeLinear", 11, dynamic_quantize_linear},
    {"ConvInteger", 10, conv_integer},
    {"MatMulInteger", 10, matmul_integer},
    {"QLinearConv", 10, qlinear_conv},
    {"QLinearMatMul", 10, qlinear_matmul},
    {"QuantizeLinear", 1, quantize_linear, 1, "com.microsoft"},
    {"DequantizeLinear", 1, dequantize_linear, 1, "com.microsoft"},
    {"QLinearAdd", 1, qlinear_binary<plus>, 1, "com.microsoft"},
    {"QLinearMul", 1, qlinear_binary<times>, 1, "com.microsoft"},
});

}  // namespace

at::Tensor along(const OpContext& op, const at::Tensor& values, std::int64_t rank,
                 std::int64_t axis) {
  if (values.numel() == 1) return values.reshape({});
  if (values.dim() != 1 || axis < 0 || axis >= rank)
    op.refuse("its scales or zero points are neither one nor a row");
  return values.reshape(shape_along(rank, axis, values.numel()));
}

at::Tensor saturated(const OpContext& op, const at::Tensor& x, const at::Tensor& zero_point,
                     at::ScalarType type) {
  if (!is_quantized(type)) op.refuse("to another type than int8 and uint8");
  if (at::isnan(x).any().item().toBool()) op.refuse("of NaN");
  const double lowest = type == at::kByte ? 0 : std::numeric_limits<std::int8_t>::min();
  const double highest = type == at::kByte ? std::numeric_limits<std::uint8_t>::max()
                                           : std::numeric_limits<std::int8_t>::max();
  return at::clamp(at::round(x) + zero_point.to(x.scalar_type()), lowest, highest).to(type);
}

DynamicallyQuantized dynamically_quantized(const OpContext& op, const at::Tensor& x) {
  if (x.scalar_type() != at::kFloat || x.numel() == 0) op.refuse("of other than floats");
  const at::Tensor lowest = at::amin(x, at::IntArrayRef()).clamp_max(0);
  const at::Tensor highest = at::amax(x, at::IntArrayRef()).clamp_min(0);
  at::Tensor scale = (highest - lowest) / 255;
  scale = at::where(scale.eq(0), at::ones_like(scale), scale);
  const at::Tensor zero_point = at::round(at::clamp(-lowest / scale, 0, 255)).to(at::kByte);
  return {saturated(op, x / scale, zero_point, at::kByte), scale, zero_point};
}

at::Tensor centred(const OpContext& op, std::size_t input, std::size_t zero_point,
                   std::int64_t axis) {
  const at::Tensor& x = op.in(input);
  if (!is_quantized(x.scalar_type())) op.refuse("of another type than int8 and uint8");
  const at::Tensor values = x.to(at::kDouble);
  if (!op.has(zero_point)) return values;
  require_same_type(op, x, op.in(zero_point));
  return values - along(op, op.in(zero_point), x.dim(), axis).to(at::kDouble);
}

at::Tensor single_scale(const OpContext& op, std::size_t input) {
  const at::Tensor& scale = op.in(input);
  if (scale.scalar_type() != at::kFloat || scale.numel() != 1) op.refuse("its scale is not one");
  return scale.reshape({});
}

at::Tensor real_value(const OpContext& op, std::size_t input) {
  return centred(op, input, input + 2, 0).to(at::kFloat) * single_scale(op, input + 1);
}

at::Tensor requantized(const OpContext& op, const at::Tensor& y, std::size_t scale) {
  const bool integers = is_quantized(op.in(0).scalar_type());
  const at::Tensor zero =
      op.has(scale + 1)
          ? op.in(scale + 1)
          : at::zeros({}, op.in(0).options().dtype(integers ? op.in(0).scalar_type() : at::kByte));
  if (zero.numel() != 1) op.refuse("several zero points of the output");
  return saturated(op, y / single_scale(op, scale), zero.reshape({}), zero.scalar_type());
}

std::span<const Operator> quantization_operators() { return kOperators; }

}  // namespace qc::torch_engine
