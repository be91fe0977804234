// Layers of quantised integers, or with quantised weights, as ONNX Runtime has them.
#include <ATen/ATen.h>

#include <array>
#include <cstdint>

#include "engine/torch/ops/common.h"
#include "engine/torch/ops/pooling.h"
#include "engine/torch/ops/quantization.h"

namespace qc::torch_engine {
namespace {

constexpr std::string_view kMicrosoft = "com.microsoft";

Values qlinear_leaky_relu(const OpContext& op) {
  return {requantized(op, at::leaky_relu(real_value(op, 0), op.float_or("alpha", 0.01F)), 3)};
}

Values qlinear_sigmoid(const OpContext& op) {
  return {requantized(op, at::sigmoid(real_value(op, 0)), 3)};
}

void require_channels_first(const OpContext& op) {
  if (op.int_or("channels_last", 0) != 0) op.refuse("channels_last");
}

Values qlinear_average_pool(const OpContext& op) {
  require_channels_first(op);
  return {requantized(op, averaged(op, real_value(op, 0)), 3)};
}

Values qlinear_global_average_pool(const OpContext& op) {
  require_channels_first(op);
  const at::Tensor x = real_value(op, 0);
  if (x.dim() < 3) op.refuse("of fewer than three dimensions");
  const at::Tensor flat = x.reshape({x.size(0), x.size(1), -1});
  std::vector<std::int64_t> shape(static_cast<std::size_t>(x.dim()), 1);
  shape[0] = x.size(0);
  shape[1] = x.size(1);
  return {requantized(op, at::mean(flat, {2}).reshape(shape), 3)};
}

// Scale and zero point of the output, then integers, scale and zero point of each input.
Values qlinear_concat(const OpContext& op) {
  if (op.inputs.size() < 5 || op.inputs.size() % 3 != 2) op.refuse("its inputs do not fit");
  std::vector<at::Tensor> parts;
  for (std::size_t i = 2; i < op.inputs.size(); i += 3) parts.push_back(real_value(op, i));
  const std::int64_t axis = op.axis(op.int_or("axis", 0), parts.front().dim());
  return {requantized(op, at::cat(parts, axis), 0)};
}

// Sums of products times the scales at two inputs, plus the bias at another, in float32.
at::Tensor scaled_sums(const OpContext& op, const at::Tensor& sums, const at::Tensor& scale,
                       std::size_t bias) {
  const at::Tensor y = sums.to(at::kFloat) * scale;
  return op.has(bias) ? y + op.in(bias) : y;
}

// Inputs: floats, integers, their scales and zero points by columns, bias.
Values dynamic_quantize_matmul(const OpContext& op) {
  const auto [values, scale, zero_point] = dynamically_quantized(op, op.in(0));
  const at::Tensor a = values.to(at::kDouble) - zero_point.to(at::kDouble);
  const at::Tensor b = centred(op, 1, 3, op.in(1).dim() - 1);
  const at::Tensor sums = at::matmul(a, b);
  const at::Tensor factor = scale * along(op, op.in(2), sums.dim(), sums.dim() - 1);
  return {scaled_sums(op, sums, factor, 4)};
}

// Inputs: two tensors of integers, their scales, their zero points, bias.
Values matmul_integer_to_float(const OpContext& op) {
  const at::Tensor a = centred(op, 0, 4, op.in(0).dim() - 2);
  const at::Tensor b = centred(op, 1, 5, op.in(1).dim() - 1);
  const at::Tensor sums = at::matmul(a, b);
  const at::Tensor factor = single_scale(op, 2) * along(op, op.in(3), sums.dim(), sums.dim() - 1);
  return {scaled_sums(op, sums, factor, 6)};
}

// A Gemm of integers, scales and zero points; the bias counts in units of the product's scale.
// Floats where the output has no scale.
Values qgemm(const OpContext& op) {
  const bool transposed = op.int_or("transB", 0) != 0;
  at::Tensor a = centred(op, 0, 2, 0);
  at::Tensor b = centred(op, 3, 5, transposed ? 0 : 1);
  if (a.dim() != 2 || b.dim() != 2) op.refuse("of other than two dimensions");
  if (op.int_or("transA", 0) != 0) a = a.t();
  if (transposed) b = b.t();
  at::Tensor sums = at::mm(a, b);
  if (op.has(6)) sums = sums + op.in(6).to(at::kDouble);
  const at::Tensor factor =
      single_scale(op, 1) * along(op, op.in(4), 2, 1) * op.float_or("alpha", 1);
  const at::Tensor y = sums.to(at::kFloat) * factor;
  return {op.has(7) ? requantized(op, y, 7) : y};
}

// Numbers of `bits` bits each, the lowest first, along the last axis.
at::Tensor unpacked(const at::Tensor& bytes, std::int64_t bits) {
  std::vector<at::Tensor> parts;
  const at::Tensor wide = bytes.to(at::kInt);
  for (std::int64_t shift = 0; shift < 8; shift += bits) {
    parts.push_back(at::bitwise_and(at::bitwise_right_shift(wide, shift), (1 << bits) - 1));
  }
  return at::stack(parts, -1).flatten(-2);
}

// The weights {N, K} of blocks along the rows that share a scale and a zero point.
at::Tensor block_weights(const OpContext& op, at::ScalarType type) {
  const std::int64_t rows = op.int_or("N", 0);
  const std::int64_t columns = op.int_or("K", 0);
  const std::int64_t bits = op.int_or("bits", 4);
  const std::int64_t block = op.int_or("block_size", 0);
  if (bits != 2 && bits != 4 && bits != 8) op.refuse("bits");
  if (rows < 1 || columns < 1 || block < 1) op.refuse("its sizes do not fit");
  require_shape(op, {rows, columns});
  require_shape(op, {rows, block});
  const std::int64_t blocks = (columns + block - 1) / block;
  const at::Tensor& packed = op.in(1);
  const at::Tensor& scales = op.in(2);
  if (packed.scalar_type() != at::kByte || packed.numel() * 8 != rows * blocks * block * bits ||
      scales.numel() != rows * blocks) {
    op.refuse("its weights do not fit");
  }
  at::Tensor zeros = at::full({}, 1 << (bits - 1), scales.options());
  if (op.has(3)) {
    zeros = op.in(3);
    if (zeros.scalar_type() == at::kByte) {
      if (zeros.numel() % rows != 0 || zeros.numel() * 8 < rows * blocks * bits) {
        op.refuse("its zero points do not fit");
      }
      zeros = unpacked(zeros.reshape({rows, -1}), bits).narrow(1, 0, blocks);
    }
    zeros = zeros.reshape({rows, blocks, 1}).to(scales.scalar_type());
  }
  const at::Tensor integers = unpacked(packed.reshape({rows, -1}), bits);
  const at::Tensor values =
      (integers.reshape({rows, blocks, block}).to(scales.scalar_type()) - zeros) *
      scales.reshape({rows, blocks, 1});
  return values.reshape({rows, blocks * block}).narrow(1, 0, columns).to(type);
}

Values matmul_n_bits(const OpContext& op) {
  const at::Tensor& x = float_in(op, 0);
  if (op.has(4)) op.refuse("g_idx");
  const at::Tensor y = at::matmul(x, block_weights(op, x.scalar_type()).t());
  return {op.has(5) ? y + op.in(5) : y};
}

constexpr std::array kOperators = std::to_array<Operator>({
    {"QLinearLeakyRelu", 1, qlinear_leaky_relu, 1, kMicrosoft},
    {"QLinearSigmoid", 1, qlinear_sigmoid, 1, kMicrosoft},
    {"QLinearAveragePool", 1, qlinear_average_pool, 1, kMicrosoft},
    {"QLinearGlobalAveragePool", 1, qlinear_global_average_pool, 1, kMicrosoft},
    {"QLinearConcat", 1, qlinear_concat, 1, kMicrosoft},
    {"QGemm", 1, qgemm, 1, kMicrosoft},
    {"DynamicQuantizeMatMul", 1, dynamic_quantize_matmul, 1, kMicrosoft},
    {"MatMulIntegerToFloat", 1, matmul_integer_to_float, 1, kMicrosoft},
    {"MatMulNBits", 1, matmul_n_bits, 1, kMicrosoft},
});

}  // namespace

std::span<const Operator> quantized_layer_operators() { return kOperators; }

}  // namespace qc::torch_engine
