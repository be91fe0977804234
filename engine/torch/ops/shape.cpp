// Constants, shapes, and operators that change a shape and no element.
#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "engine/torch/ops/common.h"

namespace qc::torch_engine {
namespace {

Values constant(const OpContext& op) {
  for (const char* name : {"value", "sparse_value"}) {
    if (const auto value = op.tensor(name)) return {*value};
  }
  if (op.has_attribute("value_int")) {
    return {at::scalar_tensor(op.int_or("value_int", 0), at::kLong)};
  }
  if (op.has_attribute("value_float")) {
    return {at::scalar_tensor(op.float_or("value_float", 0), at::kFloat)};
  }
  if (op.has_attribute("value_ints")) return {at::tensor(op.ints("value_ints"), at::kLong)};
  if (op.has_attribute("value_floats")) return {at::tensor(op.floats("value_floats"), at::kFloat)};
  op.refuse("a constant of this kind");
}

Values identity(const OpContext& op) { return {op.inputs.at(0)}; }

// {product of the dimensions before axis, product of the rest}
Values flatten(const OpContext& op) {
  const at::Tensor& x = op.in(0);
  const std::int64_t given = op.int_or("axis", 1);
  const std::int64_t axis = op.axis(given, given < 0 ? x.dim() : x.dim() + 1);
  std::int64_t rows = 1;
  std::int64_t columns = 1;
  for (std::int64_t i = 0; i < x.dim(); ++i) (i < axis ? rows : columns) *= x.size(i);
  return {x.reshape({rows, columns})};
}

// 0 copies a dimension of the input, unless allowzero says that it means zero.
Values reshape(const OpContext& op) {
  const at::Tensor& x = op.in(0);
  std::vector<std::int64_t> shape = op.opset >= 5 ? op.ints_in(1) : op.ints("shape");
  const bool zero_copies = op.int_or("allowzero", 0) == 0;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 0 && zero_copies) shape[i] = x.size(static_cast<std::int64_t>(i));
  }
  return {x.reshape(shape)};
}

Values transpose(const OpContext& op) {
  const at::Tensor& x = op.in(0);
  std::vector<std::int64_t> order = op.ints("perm");
  if (order.empty()) {
    order = all_axes(x.dim());
    std::ranges::reverse(order);
  }
  return {x.permute(order)};
}

constexpr std::int64_t kSqueezeAxesMoved = 13;

Values squeeze(const OpContext& op) {
  const at::Tensor& x = op.in(0);
  const auto given = op.ints_moved("axes", kSqueezeAxesMoved, 1);
  if (!given) return {x.squeeze()};
  std::vector<std::int64_t> axes = unique_axes(op, *given, x.dim());
  at::Tensor y = x;
  for (auto axis = axes.rbegin(); axis != axes.rend(); ++axis) {
    if (x.size(*axis) != 1) op.refuse(fmt::format("axis {} has {} elements", *axis, x.size(*axis)));
    y = y.squeeze(*axis);
  }
  return {y};
}

Values unsqueeze(const OpContext& op) {
  at::Tensor y = op.in(0);
  const auto given = op.ints_moved("axes", kSqueezeAxesMoved, 1);
  if (!given) op.refuse("without axes");
  const auto rank = y.dim() + static_cast<std::int64_t>(given->size());
  for (const std::int64_t axis : unique_axes(op, *given, rank)) y = y.unsqueeze(axis);
  return {y};
}

Values expand(const OpContext& op) {
  const at::Tensor& x = op.in(0);
  const std::vector<std::int64_t> shape = broadcast_shape(op, x.sizes(), op.ints_in(1));
  require_shape(op, shape);
  return {x.expand(shape)};
}

Values tile(const OpContext& op) {
  const std::vector<std::int64_t> repeats = op.ints_in(1);
  if (static_cast<std::int64_t>(repeats.size()) != op.in(0).dim()) {
    op.refuse("its repeats are not one for each dimension");
  }
  std::vector<std::int64_t> shape = op.in(0).sizes().vec();
  for (std::size_t i = 0; i < shape.size(); ++i) {
    require_shape(op, {repeats[i]});
    shape[i] *= repeats[i];
  }
  require_shape(op, shape);
  return {op.in(0).repeat(repeats)};
}

Values concat(const OpContext& op) {
  std::vector<at::Tensor> parts;
  for (std::size_t i = 0; i < op.inputs.size(); ++i) {
    parts.push_back(op.in(i));
    require_same_type(op, parts.front(), parts.back());
    if (parts.back().dim() != parts.front().dim()) op.refuse("its inputs differ in rank");
  }
  if (parts.empty()) op.refuse("without inputs");
  if (op.opset >= 4 && !op.has_attribute("axis")) op.refuse("without axis");
  return {at::cat(parts, op.axis(op.int_or("axis", 1), parts.front().dim()))};
}

// Sizes of the parts: given, or equal; since opset 18 the last may be smaller.
std::vector<std::int64_t> split_sizes(const OpContext& op, std::int64_t length) {
  const bool as_attribute = op.opset < 13 && op.has_attribute("split");
  if (as_attribute) return op.ints("split");
  if (op.opset != 2 && op.has(1)) return op.ints_in(1);
  const auto parts = static_cast<std::int64_t>(op.node.outputs.size());
  if (parts == 0 || op.int_or("num_outputs", parts) != parts) op.refuse("num_outputs");
  const std::int64_t size = (length + parts - 1) / parts;
  std::vector<std::int64_t> sizes(static_cast<std::size_t>(parts), size);
  sizes.back() = length - size * (parts - 1);
  if (sizes.back() < 0 || (op.opset < 18 && sizes.back() != size)) {
    op.refuse(fmt::format("{} elements in {} equal parts", length, parts));
  }
  return sizes;
}

Values split(const OpContext& op) {
  const at::Tensor& x = op.in(0);
  const std::int64_t axis = op.axis(op.int_or("axis", 0), x.dim());
  const std::vector<std::int64_t> sizes = split_sizes(op, x.size(axis));
  Values parts;
  for (const at::Tensor& part : at::split_with_sizes(x, sizes, axis)) parts.emplace_back(part);
  return parts;
}

Values shape_of(const OpContext& op) {
  const at::Tensor& x = op.in(0);
  const auto bound = [&](const char* name, std::int64_t otherwise) {
    const std::int64_t given = op.int_or(name, otherwise);
    return std::clamp<std::int64_t>(given < 0 ? given + x.dim() : given, 0, x.dim());
  };
  const std::int64_t start = bound("start", 0);
  const std::int64_t end = std::max(start, bound("end", x.dim()));
  const auto sizes =
      x.sizes().slice(static_cast<std::size_t>(start), static_cast<std::size_t>(end - start));
  return {at::tensor(sizes, at::kLong)};
}

Values size_of(const OpContext& op) { return {at::scalar_tensor(op.in(0).numel(), at::kLong)}; }

constexpr std::array kOperators = std::to_array<Operator>({
    {"Constant", 1, constant},
    {"Identity", 1, identity},
    {"Flatten", 1, flatten},
    {"Reshape", 1, reshape},
    {"Transpose", 1, transpose},
    {"Squeeze", 1, squeeze},
    {"Unsqueeze", 1, unsqueeze},
    {"Expand", 8, expand},
    {"Tile", 6, tile},
    {"Concat", 1, concat},
    {"Split", 1, split},
    {"Shape", 1, shape_of},
    {"Size", 1, size_of},
});

}  // namespace

std::span<const Operator> shape_operators() { return kOperators; }

}  // namespace qc::torch_engine
