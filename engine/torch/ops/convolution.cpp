// Convolutions.
#include "engine/torch/ops/convolution.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>

#include "engine/torch/ops/common.h"
#include "engine/torch/window.h"

namespace qc::torch_engine {
namespace {

std::int64_t group_count(const OpContext& op, const at::Tensor& x) {
  const std::int64_t groups = op.int_or("group", 1);
  if (groups < 1 || groups > x.size(1)) op.refuse("its groups do not fit");
  return groups;
}

void require_weights(const OpContext& op, const at::Tensor& x, const at::Tensor& w) {
  if (w.dim() != x.dim() || x.dim() < 3) op.refuse("weights and input differ in rank");
  if (op.has_attribute("kernel_shape") &&
      at::IntArrayRef(op.ints("kernel_shape")) != w.sizes().slice(2)) {
    op.refuse("kernel_shape is not that of the weights");
  }
}

at::Tensor convolve_floats(const OpContext& op) {
  require_same_type(op, float_in(op, 0), op.in(1));
  return convolve(op, op.in(0), op.in(1), op.has(2) ? op.in(2) : at::Tensor());
}

Values conv(const OpContext& op) { return {convolve_floats(op)}; }

// A convolution, plus input 3 if given, then an activation function.
Values fused_conv(const OpContext& op) {
  at::Tensor y = convolve_floats(op);
  if (op.has(3)) y = y + op.in(3);
  const std::string activation = op.string_or("activation", "");
  if (activation.empty()) return {y};
  if (activation == "Relu") return {at::relu(y)};
  if (activation == "Tanh") return {at::tanh(y)};
  if (activation == "Sigmoid") return {at::sigmoid(y)};
  const std::vector<float> parameters = op.floats("activation_params");
  if (activation == "LeakyRelu" && parameters.size() == 1) {
    return {at::leaky_relu(y, parameters[0])};
  }
  if (activation == "Clip" && parameters.size() == 2) {
    return {at::clamp(y, parameters[0], parameters[1])};
  }
  op.refuse("activation " + activation);
}

struct OutputRange {
  std::int64_t skipped;  // elements of the full result before the first output
  std::int64_t size;
};

// The part of the full result (without padding, so `full` long) that is the output.
OutputRange output_range(const OpContext& op, const Window& window, std::size_t i,
                         std::int64_t input, std::int64_t full) {
  const auto or_zeros = [&](const char* name) {
    const std::vector<std::int64_t> given = op.ints(name);
    if (!given.empty() && given.size() != window.kernel.size()) {
      op.refuse(std::string(name) + " has the wrong length");
    }
    return given.empty() ? 0 : given[i];
  };
  const std::string mode = op.string_or("auto_pad", "NOTSET");
  const std::int64_t output_padding = or_zeros("output_padding");
  std::int64_t size = or_zeros("output_shape");
  if (output_padding < 0 || size < 0) op.refuse("a negative size");
  const bool same = mode == "SAME_UPPER" || mode == "SAME_LOWER";
  if (size == 0 && same) size = input * window.strides[i];
  if (size == 0) {
    const bool padded = mode != "VALID";
    const std::int64_t begin = padded ? window.pads_begin[i] : 0;
    const std::int64_t end = padded ? window.pads_end[i] : 0;
    return {begin, full + output_padding - begin - end};
  }
  const std::int64_t total = std::max<std::int64_t>(0, full + output_padding - size);
  return {mode == "SAME_UPPER" ? total / 2 : total - total / 2, size};
}

// Made without padding, then cut or filled with zeros, then the bias is added: libtorch's own
// output_padding knows fewer cases than ONNX.
Values conv_transpose(const OpContext& op) {
  const at::Tensor& x = float_in(op, 0);
  const at::Tensor& w = op.in(1);
  require_same_type(op, x, w);
  require_weights(op, x, w);
  const std::size_t rank = static_cast<std::size_t>(x.dim()) - 2;
  const Window window = read_plain_window(op, rank, w.sizes().slice(2).vec());
  const std::vector<std::int64_t> zeros(rank, 0);
  at::Tensor y = at::convolution(x, w, {}, window.strides, zeros, window.dilations,
                                 /*transposed=*/true, zeros, group_count(op, x));
  std::vector<std::int64_t> pads;
  for (std::size_t i = rank; i-- > 0;) {
    const auto axis = static_cast<std::int64_t>(i) + 2;
    const OutputRange range = output_range(op, window, i, x.size(axis), y.size(axis));
    require_shape(op, {range.size});
    pads.push_back(-range.skipped);
    pads.push_back(range.skipped + range.size - y.size(axis));
  }
  y = at::constant_pad_nd(y, pads);
  if (!op.has(2)) return {y};
  return {y + op.in(2).reshape(shape_along(y.dim(), 1, y.size(1)))};
}

constexpr std::array kOperators = std::to_array<Operator>({
    {"Conv", 1, conv},
    {"FusedConv", 1, fused_conv, 1, "com.microsoft"},
    {"ConvTranspose", 1, conv_transpose},
});

}  // namespace

at::Tensor convolve(const OpContext& op, const at::Tensor& input, const at::Tensor& weights,
                    const at::Tensor& bias) {
  require_weights(op, input, weights);
  const Window window =
      read_window(op, input.sizes().slice(2).vec(), weights.sizes().slice(2).vec());
  at::Tensor x = input;
  std::vector<std::int64_t> padding = window.pads_begin;
  if (!window.symmetric()) {
    x = at::constant_pad_nd(x, window.torch_pads());
    padding.assign(padding.size(), 0);
  }
  const std::vector<std::int64_t> no_output_padding(padding.size(), 0);
  return at::convolution(
      x, weights, bias.defined() ? c10::optional<at::Tensor>(bias) : c10::nullopt, window.strides,
      padding, window.dilations, /*transposed=*/false, no_output_padding, group_count(op, x));
}

std::span<const Operator> convolution_operators() { return kOperators; }

}  // namespace qc::torch_engine
