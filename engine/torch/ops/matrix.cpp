// Products of matrices.
#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "engine/torch/ops/common.h"

namespace qc::torch_engine {
namespace {

Values matmul(const OpContext& op) {
  require_same_type(op, op.in(0), op.in(1));
  return {at::matmul(op.in(0), op.in(1))};
}

// A factor whose last two dimensions are swapped by `trans`; by `batch` the first one goes behind
// those of the batch before.
at::Tensor fused_factor(const OpContext& op, std::size_t input, const char* trans,
                        const char* batch) {
  at::Tensor x = float_in(op, input);
  if (op.int_or(batch, 0) != 0) {
    if (x.dim() < 3) op.refuse("a batch of fewer than three dimensions");
    x = x.movedim(0, -2);
  }
  return op.int_or(trans, 0) != 0 && x.dim() > 1 ? x.transpose(-1, -2) : x;
}

// alpha * A' * B'
Values fused_matmul(const OpContext& op) {
  require_same_type(op, op.in(0), op.in(1));
  const at::Tensor a = fused_factor(op, 0, "transA", "transBatchA");
  const at::Tensor b = fused_factor(op, 1, "transB", "transBatchB");
  const float alpha = op.float_or("alpha", 1);
  const at::Tensor y = at::matmul(a, b);
  return {alpha == 1 ? y : y * alpha};
}

// Y = alpha * A' * B' + beta * C
Values gemm(const OpContext& op) {
  require_same_type(op, op.in(0), op.in(1));
  if (op.in(0).dim() != 2 || op.in(1).dim() != 2) op.refuse("of other than two dimensions");
  const at::Tensor a = op.int_or("transA", 0) != 0 ? op.in(0).t() : op.in(0);
  const at::Tensor b = op.int_or("transB", 0) != 0 ? op.in(1).t() : op.in(1);
  const float alpha = op.float_or("alpha", 1);
  const float beta = op.float_or("beta", 1);
  if (op.has(2)) require_same_type(op, a, op.in(2));
  if (is_float(a)) {
    if (op.has(2)) return {at::addmm(op.in(2), a, b, beta, alpha)};
    const at::Tensor y = at::mm(a, b);
    return {alpha == 1 ? y : y * alpha};
  }
  if (alpha != 1 || beta != 1) op.refuse("integers with alpha or beta");
  const at::Tensor y = at::mm(a, b);
  return {op.has(2) ? y + op.in(2).expand(y.sizes()) : y};
}

// An activation function behind a Gemm.
Values fused_gemm(const OpContext& op) {
  const at::Tensor y = gemm(op).front().tensor;
  const std::string activation = op.string_or("activation", "");
  if (activation.empty()) return {y};
  if (activation == "Relu") return {at::relu(y)};
  if (activation == "Tanh") return {at::tanh(y)};
  if (activation == "Sigmoid") return {at::sigmoid(y)};
  if (activation == "LeakyRelu" && op.has_attribute("activation_alpha")) {
    return {at::leaky_relu(y, op.float_or("activation_alpha", 0))};
  }
  op.refuse("activation " + activation);
}

Values einsum(const OpContext& op) {
  const std::string equation = op.string_or("equation", "");
  const bool implicit = equation.find("->") == std::string::npos;
  const auto is_upper = [](char letter) { return letter >= 'A' && letter <= 'Z'; };
  // The order of an implicit result's indices is agreed on for letters of one case only.
  if (implicit && std::ranges::any_of(equation, is_upper)) op.refuse("equation " + equation);
  std::vector<at::Tensor> operands;
  for (std::size_t i = 0; i < op.inputs.size(); ++i) {
    require_same_type(op, op.in(0), op.in(i));
    operands.push_back(op.in(i));
  }
  return {at::einsum(equation, operands)};
}

Values det(const OpContext& op) { return {at::linalg_det(float_in(op, 0))}; }

constexpr std::array kOperators = std::to_array<Operator>({
    {"MatMul", 1, matmul},
    {"Gemm", 1, gemm},
    {"FusedMatMul", 1, fused_matmul, 1, "com.microsoft"},
    {"TransposeMatMul", 1, fused_matmul, 1, "com.microsoft"},
    {"FusedGemm", 1, fused_gemm, 1, "com.microsoft"},
    {"Einsum", 12, einsum},
    {"Det", 11, det},
});

}  // namespace

std::span<const Operator> matrix_operators() { return kOperators; }

}  // namespace qc::torch_engine
