// Other shapes, and elements in other places.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "emit/c/operators/walk.h"

namespace qc::c {
namespace {

constexpr std::int64_t kMostPadding = 1 << 24;

void plan_reshape(NodePlan& node) {
  const Shape from = node.shape(0);
  Shape shape = node.opset() < 5 ? node.list("shape") : node.integers(1);
  const bool zero_is_zero = node.opset() >= 14 && node.integer("allowzero", 0) != 0;
  std::int64_t known = 1;
  std::int64_t* open = nullptr;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    std::int64_t& size = shape[axis];
    if (size == 0 && !zero_is_zero) {
      if (axis >= from.size()) node.refuse("its shape does not fit");
      size = from[axis];
    }
    if (size == -1 && open == nullptr) {
      open = &size;
      continue;
    }
    if (size < 0) node.refuse("its shape has more than one open size");
    if (size > std::numeric_limits<std::int32_t>::max()) node.refuse("its shape is too large");
    known *= std::max<std::int64_t>(size, 1);
    if (known > std::numeric_limits<std::int32_t>::max()) node.refuse("its shape is too large");
  }
  if (open != nullptr) *open = product_of(from) / known;
  node.output_as(0, 0, std::move(shape));
}

void plan_flatten(NodePlan& node) {
  const Shape from = node.shape(0);
  const std::int64_t given = node.integer("axis", 1);
  const auto rank = static_cast<std::int64_t>(from.size());
  if (given < -rank || given > rank) node.refuse(fmt::format("axis {} of {} axes", given, rank));
  const auto middle = from.begin() + (given < 0 ? given + rank : given);
  node.output_as(0, 0, {product_of({from.begin(), middle}), product_of({middle, from.end()})});
}

void plan_squeeze(NodePlan& node) {
  const Shape from = node.shape(0);
  const bool all = node.opset() < 13 ? !node.has("axes") : !node.has_input(1);
  const std::vector<std::size_t> axes = axes_of(node, 1, 13, from.size());
  Shape shape;
  for (std::size_t axis = 0; axis < from.size(); ++axis) {
    const bool is_named = std::ranges::find(axes, axis) != axes.end();
    if (is_named && from[axis] != 1) node.refuse(fmt::format("axis {} has elements", axis));
    if (!(is_named || (all && from[axis] == 1))) shape.push_back(from[axis]);
  }
  node.output_as(0, 0, std::move(shape));
}

void plan_unsqueeze(NodePlan& node) {
  const Shape from = node.shape(0);
  const std::size_t named = node.opset() < 13 ? node.list("axes").size() : node.integers(1).size();
  const std::size_t rank = from.size() + named;
  const std::vector<std::size_t> axes = axes_of(node, 1, 13, rank);
  Shape shape;
  auto next = from.begin();
  for (std::size_t axis = 0; axis < rank; ++axis) {
    const bool is_new = std::ranges::find(axes, axis) != axes.end();
    shape.push_back(is_new ? 1 : *next++);
  }
  node.output_as(0, 0, std::move(shape));
}

/// Copies all of an input to output 0, of which it is the elements in the walk's order.
void copy_all(NodePlan& node, Shape shape, Shape sizes, Shape strides) {
  const DataType type = node.type(0);
  const ValueId y = node.output(0, type, std::move(shape));
  const Shape to = strides_of(sizes);
  add_copy(node, node.input(0), 0, y, 0, type, {std::move(sizes), {std::move(strides), to}});
}

// A walk over the axes in another order.
void copy_permuted(NodePlan& node, const Shape& axes, const std::vector<std::size_t>& order,
                   Shape shape) {
  const Shape strides = strides_of(axes);
  Walk walk{{}, std::vector<Shape>(1)};
  for (const std::size_t axis : order) {
    walk.sizes.push_back(axes[axis]);
    walk.strides[0].push_back(strides[axis]);
  }
  const Walk fewest = merged(walk);
  if (fewest.sizes.size() == 1 && fewest.strides[0][0] == 1) {
    node.output_as(0, 0, std::move(shape));  // only axes of size 1 change places
    return;
  }
  copy_all(node, std::move(shape), walk.sizes, walk.strides[0]);
}

void plan_transpose(NodePlan& node) {
  const Shape from = node.shape(0);
  std::vector<std::size_t> order(from.size());
  std::iota(order.rbegin(), order.rend(), 0U);
  if (node.has("perm")) {
    const std::vector<std::int64_t> given = node.list("perm");
    if (given.size() != from.size()) node.refuse("its permutation does not fit");
    for (std::size_t i = 0; i < given.size(); ++i) order[i] = node.axis(given[i], from.size());
    for (std::size_t axis = 0; axis < from.size(); ++axis) {
      if (std::ranges::count(order, axis) != 1) node.refuse("its permutation names an axis twice");
    }
  }
  Shape shape;
  for (const std::size_t axis : order) shape.push_back(from[axis]);
  copy_permuted(node, from, order, shape);
}

std::int64_t block_size(const NodePlan& node) {
  const std::int64_t size = node.integer("blocksize", 0);
  if (size < 1 || size > kMostPadding || node.shape(0).size() != 4) {
    node.refuse("its blocks do not fit");
  }
  return size;
}

void plan_depth_to_space(NodePlan& node) {
  const Shape x = node.shape(0);
  const std::int64_t b = block_size(node);
  const std::string mode = node.text("mode", "DCR");
  if (mode != "DCR" && mode != "CRD") node.refuse("mode " + mode);
  if (x[1] % (b * b) != 0) node.refuse("its blocks do not fit");
  const std::int64_t depth = x[1] / (b * b);
  const Shape shape = {x[0], depth, x[2] * b, x[3] * b};
  if (mode == "DCR") {
    copy_permuted(node, {x[0], b, b, depth, x[2], x[3]}, {0, 3, 4, 1, 5, 2}, shape);
  } else {
    copy_permuted(node, {x[0], depth, b, b, x[2], x[3]}, {0, 1, 4, 2, 5, 3}, shape);
  }
}

void plan_space_to_depth(NodePlan& node) {
  const Shape x = node.shape(0);
  const std::int64_t b = block_size(node);
  if (x[2] % b != 0 || x[3] % b != 0) node.refuse("its blocks do not fit");
  copy_permuted(node, {x[0], x[1], x[2] / b, b, x[3] / b, b}, {0, 3, 5, 1, 2, 4},
                {x[0], x[1] * b * b, x[2] / b, x[3] / b});
}

void plan_concat(NodePlan& node) {
  const DataType type = node.type(0);
  Shape shape = node.shape(0);
  const std::size_t axis = node.axis(node.integer("axis", 1), shape.size());
  shape[axis] = 0;
  std::vector<std::size_t> filled;
  for (std::size_t i = 0; i < node.inputs(); ++i) {
    Shape part = node.shape(i);
    if (part.size() != shape.size() || node.type(i) != type) node.refuse("its inputs do not fit");
    shape[axis] += part[axis];
    part[axis] = shape[axis];
    if (part != shape) node.refuse("its inputs do not fit");
    if (count_of(node.shape(i)) > 0) filled.push_back(i);
  }
  if (filled.size() == 1) {
    node.output_as(0, filled[0], shape);
    return;
  }
  const ValueId y = node.output(0, type, shape);
  const Shape strides = strides_of(shape);
  std::int64_t first = 0;
  for (const std::size_t i : filled) {
    const Shape part = node.shape(i);
    add_copy(node, node.input(i), 0, y, first * strides[axis], type,
             {part, {strides_of(part), strides}});
    first += part[axis];
  }
}

// The sizes of a Split's outputs along its axis.
std::vector<std::int64_t> split_sizes(const NodePlan& node, std::int64_t size) {
  const auto parts = static_cast<std::int64_t>(node.outputs());
  if (node.opset() < 13 && node.has("split")) return node.list("split");
  const bool takes_input = node.opset() >= 13 || node.opset() < 2;
  if (takes_input && node.has_input(1)) return node.integers(1);
  const std::int64_t part = (size + parts - 1) / parts;
  // From the eighteenth opset the last part may be smaller.
  const std::int64_t last = size - part * (parts - 1);
  if (node.integer("num_outputs", parts) != parts || last < 1 ||
      (last != part && node.opset() < 18)) {
    node.refuse("its parts do not fit");
  }
  std::vector<std::int64_t> sizes(node.outputs(), part);
  sizes.back() = last;
  return sizes;
}

void plan_split(NodePlan& node) {
  const DataType type = node.type(0);
  const Shape from = node.shape(0);
  const std::size_t axis = node.axis(node.integer("axis", 0), from.size());
  const std::vector<std::int64_t> sizes = split_sizes(node, from[axis]);
  const bool fits =
      sizes.size() == node.outputs() &&
      std::ranges::all_of(sizes, [&](auto size) { return size >= 0 && size <= from[axis]; }) &&
      std::accumulate(sizes.begin(), sizes.end(), std::int64_t{0}) == from[axis];
  if (!fits) node.refuse("its parts do not fit");
  if (sizes.size() == 1) {
    node.output_as(0, 0, from);
    return;
  }
  const Shape strides = strides_of(from);
  std::int64_t first = 0;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    Shape part = from;
    part[axis] = sizes[i];
    if (node.has_output(i)) {
      const ValueId y = node.output(i, type, part);
      add_copy(node, node.input(0), first * strides[axis], y, 0, type,
               {part, {strides, strides_of(part)}});
    }
    first += sizes[i];
  }
}

/// Part of an axis: `size` elements from `first`, `step` apart.
struct Range {
  std::int64_t first = 0;
  std::int64_t size = 0;
  std::int64_t step = 1;
};

Range range_of(const NodePlan& node, std::int64_t start, std::int64_t end, std::int64_t step,
               std::int64_t size) {
  if (step == 0) node.refuse("a step of 0");
  step = std::clamp<std::int64_t>(step, -size - 1, size + 1);
  const std::int64_t lowest = step > 0 ? 0 : -1;
  const auto place = [&](std::int64_t at) {
    if (at < 0) at = at < -size ? lowest : at + size;
    return std::clamp(at, lowest, step > 0 ? size : size - 1);
  };
  Range range{place(start), 0, step};
  if (step < 0) range.first = std::max<std::int64_t>(range.first, 0);
  const std::int64_t span = step > 0 ? place(end) - range.first : range.first - place(end);
  const std::int64_t stride = step > 0 ? step : -step;
  range.size = std::max<std::int64_t>(0, (span + stride - 1) / stride);
  return range;
}

void plan_slice(NodePlan& node) {
  const DataType type = node.type(0);
  const Shape from = node.shape(0);
  const bool takes_inputs = node.opset() >= 10;
  const auto starts = takes_inputs ? node.integers(1) : node.list("starts");
  const auto ends = takes_inputs ? node.integers(2) : node.list("ends");
  std::vector<std::int64_t> axes(starts.size());
  std::iota(axes.begin(), axes.end(), 0);
  if (takes_inputs ? node.has_input(3) : node.has("axes")) {
    axes = takes_inputs ? node.integers(3) : node.list("axes");
  }
  std::vector<std::int64_t> steps(starts.size(), 1);
  if (takes_inputs && node.has_input(4)) steps = node.integers(4);
  if (ends.size() != starts.size() || axes.size() != starts.size() ||
      steps.size() != starts.size()) {
    node.refuse("its starts, ends, axes and steps do not fit");
  }
  Shape shape = from;
  Shape strides = strides_of(from);
  std::int64_t first = 0;
  std::vector<bool> named(from.size(), false);
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const std::size_t axis = node.axis(axes[i], from.size());
    if (named[axis]) node.refuse("it names an axis twice");
    named[axis] = true;
    const Range range = range_of(node, starts[i], ends[i], steps[i], from[axis]);
    first += range.first * strides[axis];
    strides[axis] *= range.step;
    shape[axis] = range.size;
  }
  if (shape == from && strides == strides_of(from)) {
    node.output_as(0, 0, shape);
    return;
  }
  const ValueId y = node.output(0, type, shape);
  add_copy(node, node.input(0), first, y, 0, type, {shape, {strides, strides_of(shape)}});
}

struct Padding {
  std::vector<std::int64_t> before;
  std::vector<std::int64_t> after;
};

Padding padding_of(const NodePlan& node, std::size_t rank) {
  const std::vector<std::int64_t> pads =
      node.opset() >= 11 ? node.integers(1) : node.list(node.opset() == 1 ? "paddings" : "pads");
  std::vector<std::size_t> axes(rank);
  std::iota(axes.begin(), axes.end(), 0U);
  if (node.opset() >= 18 && node.has_input(3)) axes = axes_of(node, 3, 18, rank);
  if (pads.size() != 2 * axes.size()) node.refuse("its pads are not two for each axis");
  Padding padding{std::vector<std::int64_t>(rank), std::vector<std::int64_t>(rank)};
  for (std::size_t i = 0; i < axes.size(); ++i) {
    padding.before[axes[i]] = pads[i];
    padding.after[axes[i]] = pads[i + axes.size()];
    for (const std::int64_t pad : {pads[i], pads[i + axes.size()]}) {
      if (pad > kMostPadding || pad < -kMostPadding) node.refuse("pads of millions");
    }
  }
  return padding;
}

// Fills the output with the value, then copies what is left of the input into it.
void pad_with_value(NodePlan& node, const Padding& padding, const Shape& shape) {
  const DataType type = node.type(0);
  const Shape from = node.shape(0);
  const bool given = node.opset() >= 11 && node.has_input(2) && count_of(node.shape(2)) > 0;
  if (given && (node.type(2) != type || count_of(node.shape(2)) != 1)) {
    node.refuse("its value does not fit");
  }
  const ValueId y = node.output(0, type, shape);
  Step& fill = node.call("qk_fill_elements");
  if (given) {
    node.read(fill, node.input(2));
  } else if (type == DataType::kFloat) {
    const std::array value = {node.opset() < 11 ? node.number("value", 0.0F) : 0.0F};
    node.array(fill, "value", value);
  } else {
    node.array(fill, "value", "uint8_t", Bytes(static_cast<std::size_t>(element_bytes(type))));
  }
  node.write(fill, y);
  node.size(fill, as_signed(element_bytes(type)));
  node.size(fill, product_of(shape));
  const Shape from_strides = strides_of(from);
  const Shape strides = strides_of(shape);
  Shape inner = from;
  std::int64_t from_first = 0;
  std::int64_t first = 0;
  for (std::size_t axis = 0; axis < from.size(); ++axis) {
    const std::int64_t cut = std::max<std::int64_t>(0, -padding.before[axis]);
    inner[axis] -= cut + std::max<std::int64_t>(0, -padding.after[axis]);
    from_first += cut * from_strides[axis];
    first += std::max<std::int64_t>(0, padding.before[axis]) * strides[axis];
    if (inner[axis] <= 0) return;  // nothing is left
  }
  add_copy(node, node.input(0), from_first, y, first, type, {inner, {from_strides, strides}});
}

void plan_pad(NodePlan& node) {
  const DataType type = node.type(0);
  const Shape from = node.shape(0);
  const Padding padding = padding_of(node, from.size());
  Shape shape = from;
  bool is_negative = false;
  for (std::size_t axis = 0; axis < from.size(); ++axis) {
    shape[axis] += padding.before[axis] + padding.after[axis];
    is_negative |= padding.before[axis] < 0 || padding.after[axis] < 0;
    if (shape[axis] < 0) node.refuse("its pads do not fit");
  }
  const std::string mode = node.text("mode", "constant");
  if (shape == from && !is_negative) {
    node.output_as(0, 0, shape);
    return;
  }
  if (mode == "constant") {
    pad_with_value(node, padding, shape);
    return;
  }
  if (mode != "reflect" && mode != "edge" && !(mode == "wrap" && node.opset() >= 19)) {
    node.refuse("mode " + mode);
  }
  if (is_negative) node.refuse("negative pads with mode " + mode);
  for (std::size_t axis = 0; axis < from.size(); ++axis) {
    const std::int64_t most = std::max(padding.before[axis], padding.after[axis]);
    if (mode == "reflect" && most > from[axis] - 1) node.refuse("more to reflect than is there");
  }
  const ValueId y = node.output(0, type, shape);
  Step& step = node.call("qk_pad");
  node.read(step, node.input(0));
  node.write(step, y);
  node.size(step, as_signed(element_bytes(type)));
  add_text(step, mode == "reflect" ? "QK_PAD_REFLECT"
                 : mode == "edge"  ? "QK_PAD_EDGE"
                                   : "QK_PAD_WRAP");
  add_walk(node, step, {shape, {from, strides_of(from), padding.before}}, "padding");
}

void plan_expand(NodePlan& node) {
  const Shape from = node.shape(0);
  const Shape wanted = node.integers(1);
  for (const std::int64_t size : wanted) {
    if (size < 0) node.refuse("its shape does not fit");
  }
  const Shape shape = broadcast_shape(node, from, wanted);
  if (element_count(shape) == element_count(from)) {
    node.output_as(0, 0, shape);
  } else {
    copy_all(node, shape, shape, broadcast_strides(from, shape));
  }
}

// The repeats of each axis.
std::vector<std::int64_t> repeats_of(const NodePlan& node, std::size_t rank) {
  if (node.opset() >= 6) return node.integers(1);
  const std::vector<float> tiles = node.floats(1);
  const std::vector<float> axis = node.floats(2);
  if (tiles.size() != 1 || axis.size() != 1) node.refuse("its repeats do not fit");
  std::vector<std::int64_t> repeats(rank, 1);
  repeats[node.axis(static_cast<std::int64_t>(axis[0]), rank)] =
      static_cast<std::int64_t>(tiles[0]);
  return repeats;
}

void plan_tile(NodePlan& node) {
  const Shape from = node.shape(0);
  const std::vector<std::int64_t> repeats = repeats_of(node, from.size());
  if (repeats.size() != from.size()) node.refuse("its repeats do not fit");
  const Shape own = strides_of(from);
  Shape shape;
  Shape sizes;
  Shape strides;
  for (std::size_t axis = 0; axis < from.size(); ++axis) {
    if (repeats[axis] < 1 || repeats[axis] > kMostPadding) node.refuse("its repeats do not fit");
    shape.push_back(from[axis] * repeats[axis]);
    sizes.insert(sizes.end(), {repeats[axis], from[axis]});
    strides.insert(strides.end(), {0, own[axis]});
  }
  if (shape == from) {
    node.output_as(0, 0, shape);
  } else {
    copy_all(node, shape, sizes, strides);
  }
}

constexpr std::array kOperators = std::to_array<OperatorRow>({
    {"Reshape", "", 1, plan_reshape},
    {"Flatten", "", 1, plan_flatten},
    {"Squeeze", "", 1, plan_squeeze},
    {"Unsqueeze", "", 1, plan_unsqueeze},
    {"Transpose", "", 1, plan_transpose},
    {"DepthToSpace", "", 1, plan_depth_to_space},
    {"SpaceToDepth", "", 1, plan_space_to_depth},
    {"Concat", "", 1, plan_concat},
    {"Split", "", 1, plan_split},
    {"Slice", "", 1, plan_slice},
    {"Pad", "", 1, plan_pad},
    {"Expand", "", 8, plan_expand},
    {"Tile", "", 1, plan_tile},
});

}  // namespace

std::span<const OperatorRow> movement_operators() { return kOperators; }

}  // namespace qc::c
