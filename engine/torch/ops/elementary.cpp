// Elementary functions of one tensor and conversions of its type.
#include <ATen/ATen.h>

#include <array>
#include <limits>
#include <map>

#include "engine/torch/convert.h"
#include "engine/torch/ops/common.h"

namespace qc::torch_engine {
namespace {

template <at::Tensor (*Function)(const at::Tensor&)>
Values of_floats(const OpContext& op) {
  return {Function(float_in(op, 0))};
}

template <at::Tensor (*Function)(const at::Tensor&)>
Values of_numbers(const OpContext& op) {
  if (op.in(0).scalar_type() == at::kBool) op.refuse("of truth values");
  return {Function(op.in(0))};
}

// In training, steps pass gradients on as if they were not there (Bengio et al., arXiv 1308.3432):
// where a gradient ends, a Clip in front of the step says. x - x is exactly zero, the step's value
// exactly kept.
template <at::Tensor (*Step)(const at::Tensor&)>
Values of_steps(const OpContext& op) {
  const at::Tensor& x = float_in(op, 0);
  const at::Tensor y = Step(x);
  if (!op.training() || !x.requires_grad()) return {y};
  return {y.detach() + (x - x.detach())};
}

Values sign(const OpContext& op) {
  return op.in(0).is_floating_point() ? of_steps<at::sign>(op) : of_numbers<at::sign>(op);
}

Values is_inf(const OpContext& op) {
  const at::Tensor& x = float_in(op, 0);
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  at::Tensor result = at::zeros_like(x, at::kBool);
  if (op.int_or("detect_positive", 1) != 0) result = at::logical_or(result, x.eq(kInfinity));
  if (op.int_or("detect_negative", 1) != 0) result = at::logical_or(result, x.eq(-kInfinity));
  return {result};
}

// Limits were attributes up to opset 10.
Values clip(const OpContext& op) {
  const at::Tensor& x = op.in(0);
  if (op.opset < 11) {
    at::Tensor y = float_in(op, 0);
    if (op.has_attribute("min")) y = at::clamp_min(y, op.float_or("min", 0));
    if (op.has_attribute("max")) y = at::clamp_max(y, op.float_or("max", 0));
    return {y};
  }
  const auto limit = [&](std::size_t index) {
    const at::Tensor& value = op.in(index);
    require_same_type(op, x, value);
    if (value.numel() != 1) op.refuse("a limit is not one number");
    return value.reshape({}).to(x.device());
  };
  const bool low = op.has(1);
  const bool high = op.has(2);
  if (!low && !high) return {x};
  return {at::clamp(x, low ? c10::make_optional(limit(1)) : c10::nullopt,
                    high ? c10::make_optional(limit(2)) : c10::nullopt)};
}

// `to` was a name in opsets 1 to 5.
DataType cast_target(const OpContext& op) {
  if (op.opset >= 6) return static_cast<DataType>(op.int_or("to", 0));
  static const std::map<std::string, DataType, std::less<>> kNames = {
      {"FLOAT", DataType::kFloat}, {"UINT8", DataType::kUint8},     {"INT8", DataType::kInt8},
      {"INT16", DataType::kInt16}, {"INT32", DataType::kInt32},     {"INT64", DataType::kInt64},
      {"BOOL", DataType::kBool},   {"FLOAT16", DataType::kFloat16}, {"DOUBLE", DataType::kDouble},
  };
  const std::string name = op.string_or("to", "");
  const auto found = kNames.find(name);
  if (found == kNames.end()) op.refuse("to type " + name);
  return found->second;
}

Values cast(const OpContext& op) { return {op.in(0).to(op.torch_type(cast_target(op)))}; }
Values cast_like(const OpContext& op) { return {op.in(0).to(op.in(1).scalar_type())}; }

constexpr std::array kOperators = std::to_array<Operator>({
    {"Neg", 1, of_numbers<at::neg>},
    {"Abs", 1, of_numbers<at::abs>},
    {"Sign", 9, sign},
    {"Sqrt", 1, of_floats<at::sqrt>},
    {"Exp", 1, of_floats<at::exp>},
    {"Log", 1, of_floats<at::log>},
    {"Floor", 1, of_steps<at::floor>},
    {"Ceil", 1, of_steps<at::ceil>},
    {"Round", 11, of_steps<at::round>},  // half to even, as ONNX
    {"Reciprocal", 1, of_floats<at::reciprocal>},
    {"Sin", 7, of_floats<at::sin>},
    {"Cos", 7, of_floats<at::cos>},
    {"Tan", 7, of_floats<at::tan>},
    {"Asin", 7, of_floats<at::asin>},
    {"Acos", 7, of_floats<at::acos>},
    {"Atan", 7, of_floats<at::atan>},
    {"Sinh", 9, of_floats<at::sinh>},
    {"Cosh", 9, of_floats<at::cosh>},
    {"Asinh", 9, of_floats<at::asinh>},
    {"Acosh", 9, of_floats<at::acosh>},
    {"Atanh", 9, of_floats<at::atanh>},
    {"Erf", 9, of_floats<at::erf>},
    {"IsNaN", 9, of_floats<at::isnan>},
    {"IsInf", 10, is_inf},
    {"Clip", 1, clip},
    {"Cast", 1, cast},
    {"CastLike", 15, cast_like},
});

}  // namespace

std::span<const Operator> elementary_operators() { return kOperators; }

}  // namespace qc::torch_engine
