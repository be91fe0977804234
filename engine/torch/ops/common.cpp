#include "engine/torch/ops/common.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace qc::torch_engine {
namespace {

// More than this is taken for a mistake or an attack.
constexpr double kMostElements = 0x1p32;

}  // namespace

const at::Tensor& float_in(const OpContext& op, std::size_t index) {
  const at::Tensor& tensor = op.in(index);
  if (!is_float(tensor)) {
    op.refuse(fmt::format("of {} elements", at::toString(tensor.scalar_type())));
  }
  return tensor;
}

void require_same_type(const OpContext& op, const at::Tensor& a, const at::Tensor& b) {
  if (a.scalar_type() == b.scalar_type()) return;
  op.refuse(fmt::format("its inputs are of types {} and {}", at::toString(a.scalar_type()),
                        at::toString(b.scalar_type())));
}

at::Tensor second_operand(const OpContext& op) {
  const at::Tensor& a = op.in(0);
  const at::Tensor& b = op.in(1);
  if (op.opset >= 7) {
    if (op.has_attribute("broadcast")) op.refuse("attribute broadcast, which opset 7 abolished");
    return b;
  }
  if (op.int_or("broadcast", 0) == 0) {
    if (a.sizes() != b.sizes()) op.refuse("its inputs differ in shape");
    return b;
  }
  std::vector<std::int64_t> shape = b.sizes().vec();
  if (op.has_attribute("axis")) {
    const std::int64_t axis = op.axis(op.int_or("axis", 0), a.dim());
    while (axis + static_cast<std::int64_t>(shape.size()) < a.dim()) shape.push_back(1);
  }
  if (broadcast_shape(op, a.sizes(), shape) != a.sizes()) op.refuse("its second input is larger");
  return b.reshape(shape);
}

std::vector<std::int64_t> unique_axes(const OpContext& op, const std::vector<std::int64_t>& given,
                                      std::int64_t rank) {
  std::vector<std::int64_t> axes;
  for (const std::int64_t axis : given) axes.push_back(op.axis(axis, rank));
  std::ranges::sort(axes);
  if (std::ranges::adjacent_find(axes) != axes.end()) op.refuse("an axis is given twice");
  return axes;
}

std::vector<std::int64_t> all_axes(std::int64_t rank) {
  std::vector<std::int64_t> axes(static_cast<std::size_t>(rank));
  std::iota(axes.begin(), axes.end(), 0);
  return axes;
}

at::Tensor wrapped_indices(const OpContext& op, const at::Tensor& indices, std::int64_t n,
                           const at::Tensor& like) {
  if (indices.scalar_type() != at::kInt && indices.scalar_type() != at::kLong) {
    op.refuse("its indices are no integers");
  }
  const at::Tensor index = indices.to(like.device(), at::kLong);
  if (index.numel() == 0) return index;
  if (at::logical_or(index.lt(-n), index.ge(n)).any().item().toBool()) {
    op.refuse("an index is out of range");
  }
  return at::where(index.lt(0), index + n, index);
}

void require_shape(const OpContext& op, at::IntArrayRef shape) {
  double count = 1;
  for (const std::int64_t dim : shape) {
    if (dim < 0) op.refuse("a negative dimension");
    count *= static_cast<double>(dim);
  }
  if (count > kMostElements) op.refuse("of too many elements");
}

std::vector<std::int64_t> broadcast_shape(const OpContext& op, at::IntArrayRef a,
                                          at::IntArrayRef b) {
  std::vector<std::int64_t> shape(std::max(a.size(), b.size()));
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const std::int64_t from_a = i < a.size() ? a[a.size() - 1 - i] : 1;
    const std::int64_t from_b = i < b.size() ? b[b.size() - 1 - i] : 1;
    if (from_a != from_b && from_a != 1 && from_b != 1) op.refuse("shapes cannot be broadcast");
    shape[shape.size() - 1 - i] = from_a == 1 ? from_b : from_a;
  }
  return shape;
}

std::vector<std::int64_t> shape_along(std::int64_t rank, std::int64_t axis, std::int64_t n) {
  std::vector<std::int64_t> shape(static_cast<std::size_t>(rank), 1);
  shape[static_cast<std::size_t>(axis)] = n;
  return shape;
}

}  // namespace qc::torch_engine
