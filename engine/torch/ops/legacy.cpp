// Operators of ONNX's first releases, experimental then and gone since, that old converters wrote.
#include <ATen/ATen.h>

#include <array>

#include "engine/torch/ops/common.h"

namespace qc::torch_engine {
namespace {

constexpr std::int64_t kLastOpset = 9;

// scale * x + bias, a bias for each channel
Values image_scaler(const OpContext& op) {
  const at::Tensor& x = float_in(op, 0);
  const std::vector<float> bias = op.floats("bias");
  if (x.dim() != 4 || static_cast<std::int64_t>(bias.size()) != x.size(1)) {
    op.refuse("its bias does not fit");
  }
  const at::Tensor shift = at::tensor(bias, at::kFloat).to(x.options());
  return {x * op.float_or("scale", 1) + shift.reshape({1, -1, 1, 1})};
}

// alpha * x + beta
Values affine(const OpContext& op) {
  return {float_in(op, 0) * op.float_or("alpha", 1) + op.float_or("beta", 0)};
}

// Cuts off borders: left, top, right, bottom.
Values crop(const OpContext& op) {
  const at::Tensor& x = op.in(0);
  const std::vector<std::int64_t> border = op.ints("border");
  if (x.dim() != 4 || border.size() != 4 || op.has_attribute("scale")) op.refuse("of this form");
  for (const std::int64_t width : border) {
    if (width < 0 || width > x.numel()) op.refuse("a border of this width");
  }
  const std::int64_t width = x.size(3) - border[0] - border[2];
  const std::int64_t height = x.size(2) - border[1] - border[3];
  if (width < 1 || height < 1) op.refuse("nothing remains");
  return {x.narrow(3, border[0], width).narrow(2, border[1], height)};
}

constexpr std::array kOperators = std::to_array<Operator>({
    {"ImageScaler", 1, image_scaler, kLastOpset},
    {"Affine", 1, affine, kLastOpset},
    {"Crop", 1, crop, kLastOpset},
});

}  // namespace

std::span<const Operator> legacy_operators() { return kOperators; }

}  // namespace qc::torch_engine
