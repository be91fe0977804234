// Arithmetic on two or more tensors, with broadcasting.
#include <ATen/ATen.h>

#include <array>

#include "engine/torch/ops/common.h"

namespace qc::torch_engine {
namespace {

// The second operand, of the type of the first.
at::Tensor operand(const OpContext& op) {
  require_same_type(op, op.in(0), op.in(1));
  if (op.in(0).scalar_type() == at::kBool) op.refuse("of truth values");
  return second_operand(op);
}

Values add(const OpContext& op) { return {at::add(op.in(0), operand(op))}; }
Values sub(const OpContext& op) { return {at::sub(op.in(0), operand(op))}; }
Values mul(const OpContext& op) { return {at::mul(op.in(0), operand(op))}; }

// Integers are divided towards zero.
Values div(const OpContext& op) {
  const at::Tensor b = operand(op);
  if (is_float(op.in(0))) return {at::div(op.in(0), b)};
  return {at::div(op.in(0), b, "trunc")};
}

// Base and exponent may differ in type since opset 12; the result has the base's.
Values pow(const OpContext& op) {
  const at::Tensor& base = op.in(0);
  const at::Tensor exponent = second_operand(op);
  if (base.scalar_type() == exponent.scalar_type()) {
    if (!is_float(base) && exponent.lt(0).any().item().toBool()) {
      op.refuse("an integer to a negative power");
    }
    return {at::pow(base, exponent)};
  }
  if (op.opset < 12) require_same_type(op, base, exponent);
  return {at::pow(base.to(at::kDouble), exponent.to(at::kDouble)).to(base.scalar_type())};
}

// fmod=1: the sign of the dividend, as in C; else that of the divisor, for integers only.
Values mod(const OpContext& op) {
  const at::Tensor b = operand(op);
  if (op.int_or("fmod", 0) != 0) return {at::fmod(op.in(0), b)};
  if (is_float(op.in(0))) op.refuse("fmod=0 with floats");
  return {at::remainder(op.in(0), b)};
}

template <at::Tensor (*Function)(const at::Tensor&, const at::Tensor&)>
Values fold(const OpContext& op) {
  at::Tensor result = op.in(0);
  for (std::size_t i = 1; i < op.inputs.size(); ++i) {
    require_same_type(op, result, op.in(i));
    result = Function(result, op.in(i));
  }
  return {result};
}

at::Tensor plus(const at::Tensor& a, const at::Tensor& b) { return at::add(a, b); }

Values mean(const OpContext& op) {
  float_in(op, 0);
  return {fold<plus>(op).front().tensor / static_cast<double>(op.inputs.size())};
}

// Shifts by the width of the type or more give zero.
Values bit_shift(const OpContext& op) {
  const at::Tensor& x = op.in(0);
  require_same_type(op, x, op.in(1));
  if (x.scalar_type() != at::kByte) op.refuse("of other types than uint8");
  const at::Tensor bits = op.in(1).to(at::kInt).clamp_max(8);
  const std::string direction = op.string_or("direction", "");
  if (direction == "LEFT") {
    return {at::bitwise_and(at::bitwise_left_shift(x.to(at::kInt), bits), 0xFF).to(at::kByte)};
  }
  if (direction == "RIGHT") {
    return {at::bitwise_right_shift(x.to(at::kInt), bits).to(at::kByte)};
  }
  op.refuse("direction " + direction);
}

template <at::Tensor (*Function)(const at::Tensor&, const at::Tensor&)>
Values bitwise(const OpContext& op) {
  require_same_type(op, op.in(0), op.in(1));
  if (is_float(op.in(0))) op.refuse("of floats");
  return {Function(op.in(0), op.in(1))};
}

Values bitwise_not(const OpContext& op) {
  if (is_float(op.in(0))) op.refuse("of floats");
  return {at::bitwise_not(op.in(0))};
}

constexpr std::array kOperators = std::to_array<Operator>({
    {"Add", 1, add},
    {"Sub", 1, sub},
    {"Mul", 1, mul},
    {"Div", 1, div},
    {"Pow", 1, pow},
    {"Mod", 10, mod},
    {"Max", 1, fold<at::maximum>},
    {"Min", 1, fold<at::minimum>},
    {"Sum", 1, fold<plus>},
    {"Mean", 1, mean},
    {"BitShift", 11, bit_shift},
    {"BitwiseAnd", 18, bitwise<at::bitwise_and>},
    {"BitwiseOr", 18, bitwise<at::bitwise_or>},
    {"BitwiseXor", 18, bitwise<at::bitwise_xor>},
    {"BitwiseNot", 18, bitwise_not},
});

}  // namespace

std::span<const Operator> arithmetic_operators() { return kOperators; }

}  // namespace qc::torch_engine
