#include "emit/c/operators/walk.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <string>

namespace qc::c {
namespace {

constexpr std::size_t kMostAxes = 8;  // QK_AXES of the kernels

// Whether an axis and the next are as one: a step along the first is a whole walk along the second.
bool are_one(const Walk& walk, std::size_t axis) {
  return std::ranges::all_of(walk.strides, [&](const Shape& strides) {
    return strides[axis] == strides[axis + 1] * walk.sizes[axis + 1];
  });
}

void append_numbers(const NodePlan& node, const Shape& numbers, std::vector<std::int32_t>& to) {
  for (const std::int64_t number : numbers) {
    if (number > std::numeric_limits<std::int32_t>::max() ||
        number < -std::numeric_limits<std::int32_t>::max()) {
      node.refuse("its tensors are too large");
    }
    to.push_back(static_cast<std::int32_t>(number));
  }
}

}  // namespace

Shape strides_of(const Shape& shape) {
  Shape strides(shape.size());
  std::int64_t stride = 1;
  for (std::size_t axis = shape.size(); axis-- > 0;) {
    strides[axis] = stride;
    stride *= shape[axis];
  }
  return strides;
}

Shape broadcast_shape(const NodePlan& node, const Shape& a, const Shape& b) {
  const Shape& longer = a.size() >= b.size() ? a : b;
  const Shape& shorter = a.size() >= b.size() ? b : a;
  Shape shape = longer;
  const std::size_t offset = longer.size() - shorter.size();
  for (std::size_t axis = 0; axis < shorter.size(); ++axis) {
    std::int64_t& size = shape[offset + axis];
    if (size == shorter[axis] || shorter[axis] == 1) continue;
    if (size != 1) {
      node.refuse(fmt::format("shapes {} and {} do not fit", shape_text(a), shape_text(b)));
    }
    size = shorter[axis];
  }
  return shape;
}

Shape broadcast_strides(const Shape& from, const Shape& to) {
  const Shape own = strides_of(from);
  Shape strides(to.size(), 0);
  const std::size_t offset = to.size() - from.size();
  for (std::size_t axis = 0; axis < from.size(); ++axis) {
    if (from[axis] != 1) strides[offset + axis] = own[axis];
  }
  return strides;
}

Walk merged(const Walk& walk) {
  Walk result{{}, std::vector<Shape>(walk.strides.size())};
  const auto push = [&](std::size_t axis) {
    result.sizes.push_back(walk.sizes[axis]);
    for (std::size_t k = 0; k < walk.strides.size(); ++k) {
      result.strides[k].push_back(walk.strides[k][axis]);
    }
  };
  for (std::size_t axis = 0; axis < walk.sizes.size(); ++axis) {
    if (walk.sizes[axis] == 1) continue;
    push(axis);
    const std::size_t last = result.sizes.size() - 1;
    if (last == 0 || !are_one(result, last - 1)) continue;
    result.sizes[last - 1] *= result.sizes[last];
    result.sizes.pop_back();
    for (Shape& strides : result.strides) {
      strides[last - 1] = strides[last];
      strides.pop_back();
    }
  }
  if (result.sizes.empty()) {
    result.sizes.push_back(1);
    for (Shape& strides : result.strides) strides.push_back(1);
  }
  return result;
}

void add_walk(NodePlan& node, Step& step, const Walk& walk, std::string_view what) {
  if (walk.sizes.size() > kMostAxes) node.refuse("it has too many axes");
  std::vector<std::int32_t> numbers;
  append_numbers(node, walk.sizes, numbers);
  for (const Shape& strides : walk.strides) append_numbers(node, strides, numbers);
  node.size(step, static_cast<std::int64_t>(walk.sizes.size()));
  node.array(step, what, numbers);
}

void add_copy(NodePlan& node, ValueId from, std::int64_t from_first, ValueId to,
              std::int64_t to_first, DataType type, const Walk& walk) {
  Step& step = node.call("qk_copy_strided");
  node.read(step, from);
  node.size(step, from_first);
  node.write(step, to);
  node.size(step, to_first);
  node.size(step, as_signed(element_bytes(type)));
  add_walk(node, step, merged(walk));
}

Lanes lanes_of(const Shape& shape, std::size_t axis) {
  Lanes lanes;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    (i < axis ? lanes.outer : i == axis ? lanes.axis : lanes.inner) *= shape[i];
  }
  return lanes;
}

void add_lanes(NodePlan& node, Step& step, const Lanes& lanes) {
  node.size(step, lanes.outer);
  node.size(step, lanes.axis);
  node.size(step, lanes.inner);
}

std::int64_t product_of(const Shape& shape) { return as_signed(count_of(shape)); }

std::int64_t as_signed(std::uint64_t count) { return static_cast<std::int64_t>(count); }

std::string_view element_name(DataType type) {
  switch (type) {
    case DataType::kBool:
      return "QK_BOOL";
    case DataType::kUint8:
      return "QK_UINT8";
    case DataType::kInt8:
      return "QK_INT8";
    case DataType::kInt32:
      return "QK_INT32";
    case DataType::kInt64:
      return "QK_INT64";
    default:
      return "QK_FLOAT";
  }
}

void add_text(Step& step, std::string_view text) {
  step.arguments.emplace_back(Argument::Literal{std::string(text)});
}

void require_floats(const NodePlan& node, std::size_t input) {
  if (node.type(input) == DataType::kFloat) return;
  node.refuse(fmt::format("input {} is of {}", input, data_type_name(node.type(input))));
}

bool is_integer_or_bool(DataType type) {
  return type == DataType::kBool || type == DataType::kUint8 || type == DataType::kInt8 ||
         type == DataType::kInt32 || type == DataType::kInt64;
}

void allow_in_place(const NodePlan& node, Step& step, std::size_t input) {
  if (node.constant(input) == nullptr) step.in_place = node.input(input);
}

Step& call_in_place(NodePlan& node, std::string_view kernel, std::size_t from) {
  const ValueId x = node.input(from);
  const ValueId y = node.output(0, node.type(from), node.shape(from));
  Step& step = node.call(std::string(kernel));
  node.read(step, x);
  node.write(step, y);
  allow_in_place(node, step, from);
  return step;
}

std::vector<std::size_t> axes_of(const NodePlan& node, std::size_t input, std::int64_t input_since,
                                 std::size_t rank) {
  std::vector<std::int64_t> given;
  if (node.opset() < input_since) {
    given = node.list("axes");
  } else if (node.has_input(input)) {
    given = node.integers(input);
  }
  std::vector<std::size_t> axes;
  for (const std::int64_t axis : given) {
    axes.push_back(node.axis(axis, rank));
    if (std::ranges::count(axes, axes.back()) > 1) node.refuse("it names an axis twice");
  }
  return axes;
}

}  // namespace qc::c
