// Elements chosen by indices, which may be computed. Indices that are wrong give wrong elements,
// but nothing outside of the tensors is read or written.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "emit/c/operators/walk.h"

namespace qc::c {
namespace {

void require_indices(const NodePlan& node, std::size_t input) {
  const DataType type = node.type(input);
  if (type != DataType::kInt64 && type != DataType::kInt32)
    node.refuse("its indices are no integers");
}

// Indices that are known are checked.
void check_indices(const NodePlan& node, std::size_t input, std::int64_t size) {
  if (node.constant(input) == nullptr) return;
  for (const std::int64_t index : node.integers(input)) {
    if (index < -size || index >= size) node.refuse(fmt::format("index {} of {}", index, size));
  }
}

void add_indices(NodePlan& node, Step& step, std::size_t input) {
  node.read(step, node.input(input));
  add_text(step, element_name(node.type(input)));
}

void plan_gather(NodePlan& node) {
  require_indices(node, 1);
  const DataType type = node.type(0);
  const Shape x = node.shape(0);
  const std::size_t axis = node.axis(node.integer("axis", 0), x.size());
  const Shape indices = node.shape(1);
  check_indices(node, 1, x[axis]);
  const Lanes lanes = lanes_of(x, axis);
  Shape shape(x.begin(), x.begin() + static_cast<std::ptrdiff_t>(axis));
  shape.insert(shape.end(), indices.begin(), indices.end());
  shape.insert(shape.end(), x.begin() + static_cast<std::ptrdiff_t>(axis) + 1, x.end());
  const ValueId y = node.output(0, type, shape);
  Step& step = node.call("qk_gather");
  node.read(step, node.input(0));
  add_indices(node, step, 1);
  node.write(step, y);
  node.size(step, lanes.outer);
  node.size(step, lanes.axis);
  node.size(step, product_of(indices));
  node.size(step, lanes.inner * as_signed(element_bytes(type)));
}

/// Axes of a walk over indices that give a place along one axis of a tensor.
struct Along {
  std::int64_t size = 0;
  std::int64_t stride = 0;
  Walk walk;
};

Along along(const NodePlan& node, const Shape& tensor, const Shape& indices) {
  const std::size_t axis = node.axis(node.integer("axis", 0), tensor.size());
  if (indices.size() != tensor.size()) node.refuse("its indices do not fit");
  for (std::size_t i = 0; i < indices.size(); ++i) {
    if (i != axis && indices[i] > tensor[i]) node.refuse("its indices do not fit");
  }
  Shape strides = strides_of(tensor);
  const std::int64_t stride = strides[axis];
  strides[axis] = 0;
  return {tensor[axis], stride, merged({indices, {strides}})};
}

void add_along(NodePlan& node, Step& step, DataType type, const Along& places) {
  node.size(step, as_signed(element_bytes(type)));
  node.size(step, places.size);
  node.size(step, places.stride);
  add_walk(node, step, places.walk);
}

void plan_gather_elements(NodePlan& node) {
  require_indices(node, 1);
  const DataType type = node.type(0);
  const Along places = along(node, node.shape(0), node.shape(1));
  check_indices(node, 1, places.size);
  const ValueId y = node.output(0, type, node.shape(1));
  Step& step = node.call("qk_gather_elements");
  node.read(step, node.input(0));
  add_indices(node, step, 1);
  node.write(step, y);
  add_along(node, step, type, places);
}

void require_no_reduction(const NodePlan& node) {
  const std::string reduction = node.text("reduction", "none");
  if (reduction != "none") node.refuse("reduction " + reduction);
}

// Output 0 as a copy of input 0.
ValueId copy_input(NodePlan& node) {
  const DataType type = node.type(0);
  const Shape shape = node.shape(0);
  const ValueId y = node.output(0, type, shape);
  add_copy(node, node.input(0), 0, y, 0, type, {shape, {strides_of(shape), strides_of(shape)}});
  return y;
}

void plan_scatter_elements(NodePlan& node) {
  require_indices(node, 1);
  require_no_reduction(node);
  const DataType type = node.type(0);
  if (node.type(2) != type || node.shape(2) != node.shape(1)) node.refuse("its updates do not fit");
  const Along places = along(node, node.shape(0), node.shape(1));
  check_indices(node, 1, places.size);
  const ValueId y = copy_input(node);
  Step& step = node.call("qk_scatter_elements");
  node.read(step, node.input(2));
  add_indices(node, step, 1);
  node.write(step, y);
  add_along(node, step, type, places);
}

/// What the tuples of a GatherND or ScatterND point at.
struct Tuples {
  std::int64_t depth = 0;
  std::int64_t count = 1;           ///< tuples of a batch
  std::int64_t slice = 1;           ///< elements that a tuple points at
  std::vector<std::int32_t> sizes;  ///< of the axes that it gives places on, then their strides
  Shape rest;                       ///< axes of a slice
};

Tuples tuples_of(const NodePlan& node, const Shape& tensor, const Shape& indices,
                 std::size_t batch_axes) {
  if (indices.empty() || batch_axes >= indices.size() || batch_axes > tensor.size()) {
    node.refuse("its indices do not fit");
  }
  Tuples tuples;
  tuples.depth = indices.back();
  if (tuples.depth < 1 || tuples.depth > static_cast<std::int64_t>(tensor.size() - batch_axes)) {
    node.refuse("its indices do not fit");
  }
  for (std::size_t axis = batch_axes; axis + 1 < indices.size(); ++axis) {
    tuples.count *= indices[axis];
  }
  const auto depth = static_cast<std::size_t>(tuples.depth);
  const Shape strides = strides_of(tensor);
  for (std::size_t i = 0; i < depth; ++i) {
    tuples.sizes.push_back(static_cast<std::int32_t>(tensor[batch_axes + i]));
  }
  for (std::size_t i = 0; i < depth; ++i) {
    tuples.sizes.push_back(static_cast<std::int32_t>(strides[batch_axes + i]));
  }
  tuples.rest.assign(tensor.begin() + static_cast<std::ptrdiff_t>(batch_axes + depth),
                     tensor.end());
  tuples.slice = product_of(tuples.rest);
  return tuples;
}

void plan_gather_nd(NodePlan& node) {
  require_indices(node, 1);
  const DataType type = node.type(0);
  const Shape x = node.shape(0);
  const Shape indices = node.shape(1);
  const std::int64_t batch_axes = node.integer("batch_dims", 0);
  if (batch_axes < 0 || batch_axes > static_cast<std::int64_t>(x.size())) {
    node.refuse("its batch_dims do not fit");
  }
  const auto batched = static_cast<std::size_t>(batch_axes);
  const Tuples tuples = tuples_of(node, x, indices, batched);
  std::int64_t batches = 1;
  for (std::size_t axis = 0; axis < batched; ++axis) {
    if (x[axis] != indices[axis]) node.refuse("its batches do not fit");
    batches *= x[axis];
  }
  Shape shape(indices.begin(), indices.end() - 1);
  shape.insert(shape.end(), tuples.rest.begin(), tuples.rest.end());
  const ValueId y = node.output(0, type, shape);
  const std::int64_t bytes = as_signed(element_bytes(type));
  Step& step = node.call("qk_gather_nd");
  node.read(step, node.input(0));
  add_indices(node, step, 1);
  node.write(step, y);
  node.size(step, batches);
  node.size(step, product_of(x) / batches * bytes);
  node.size(step, tuples.count);
  node.size(step, tuples.depth);
  node.size(step, tuples.slice);
  node.size(step, bytes);
  node.array(step, "axes", tuples.sizes);
}

void plan_scatter_nd(NodePlan& node) {
  require_indices(node, 1);
  require_no_reduction(node);
  const DataType type = node.type(0);
  const Shape indices = node.shape(1);
  const Tuples tuples = tuples_of(node, node.shape(0), indices, 0);
  Shape updates(indices.begin(), indices.end() - 1);
  updates.insert(updates.end(), tuples.rest.begin(), tuples.rest.end());
  if (node.type(2) != type || node.shape(2) != updates) node.refuse("its updates do not fit");
  const ValueId y = copy_input(node);
  Step& step = node.call("qk_scatter_nd");
  node.read(step, node.input(2));
  add_indices(node, step, 1);
  node.write(step, y);
  node.size(step, tuples.count);
  node.size(step, tuples.depth);
  node.size(step, tuples.slice);
  node.size(step, as_signed(element_bytes(type)));
  node.array(step, "axes", tuples.sizes);
}

// Only the shape of the input matters, which is known.
void plan_eye_like(NodePlan& node) {
  const Shape shape = node.shape(0);
  if (shape.size() != 2) node.refuse("its input has not two axes");
  DataType type = node.type(0);
  if (node.has("dtype")) type = static_cast<DataType>(node.integer("dtype", 0));
  if (is_value_type(type)) type = DataType::kFloat;
  if (type != DataType::kFloat && !is_integer_or_bool(type)) {
    node.refuse("type " + data_type_name(type));
  }
  const std::int64_t diagonal = node.integer("k", 0);
  const auto width = static_cast<std::size_t>(element_bytes(type));
  HostTensor eye{type, shape, Bytes(static_cast<std::size_t>(count_of(shape)) * width)};
  for (std::int64_t row = 0; row < shape[0]; ++row) {
    const std::int64_t column = row + diagonal;
    if (column < 0 || column >= shape[1]) continue;
    std::uint8_t* at = eye.bytes.data() + static_cast<std::size_t>(row * shape[1] + column) * width;
    if (type == DataType::kFloat) {
      store_le(at, 1.0F);
    } else {
      *at = 1;
    }
  }
  node.output_constant(0, std::move(eye));
}

constexpr std::array kOperators = std::to_array<OperatorRow>({
    {"Gather", "", 1, plan_gather},
    {"GatherElements", "", 11, plan_gather_elements},
    {"GatherND", "", 11, plan_gather_nd},
    {"Scatter", "", 9, plan_scatter_elements},
    {"ScatterElements", "", 11, plan_scatter_elements},
    {"ScatterND", "", 11, plan_scatter_nd},
    {"EyeLike", "", 9, plan_eye_like},
});

}  // namespace

std::span<const OperatorRow> indexing_operators() { return kOperators; }

}  // namespace qc::c
