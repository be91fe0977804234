// Walks over the elements of tensors, and what else the rows of many operators need.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "emit/c/operators.h"

namespace qc::c {

/// A walk over axes that visits elements of several tensors: the kernels' `rank` and `shape`.
struct Walk {
  Shape sizes;
  std::vector<Shape> strides;  ///< of each tensor, in elements
};

/// Strides of a row-major tensor.
Shape strides_of(const Shape& shape);

/// The shape that two broadcast to; refuses the node where they do not.
Shape broadcast_shape(const NodePlan& node, const Shape& a, const Shape& b);

/// Strides of a tensor that is broadcast: 0 along axes that are repeated.
Shape broadcast_strides(const Shape& from, const Shape& to);

/// The same walk over as few axes as possible, at least one.
Walk merged(const Walk& walk);

/// Adds rank and shape; refuses walks over more axes than kernels know. The walk must be merged.
void add_walk(NodePlan& node, Step& step, const Walk& walk, std::string_view what = "walk");

/// Copies elements in a walk with strides in a value, then in an output, from these elements.
void add_copy(NodePlan& node, ValueId from, std::int64_t from_first, ValueId to,
              std::int64_t to_first, DataType type, const Walk& walk);

/// A tensor around an axis: outer x axis x inner elements.
struct Lanes {
  std::int64_t outer = 1;
  std::int64_t axis = 1;
  std::int64_t inner = 1;
};
Lanes lanes_of(const Shape& shape, std::size_t axis);
/// Adds the three numbers.
void add_lanes(NodePlan& node, Step& step, const Lanes& lanes);

std::int64_t product_of(const Shape& shape);
std::int64_t as_signed(std::uint64_t count);

/// The kernels' name of a type of elements.
std::string_view element_name(DataType type);
void add_text(Step& step, std::string_view text);

/// Refuses the node unless the input is of floats.
void require_floats(const NodePlan& node, std::size_t input);
bool is_integer_or_bool(DataType type);

/// The output may take the memory of an input that is computed.
void allow_in_place(const NodePlan& node, Step& step, std::size_t input);

/// A call of a kernel that reads input `from` and writes output 0 of the same shape, whose memory
/// may be the same: kernel(x, y, and what the caller adds).
Step& call_in_place(NodePlan& node, std::string_view kernel, std::size_t from = 0);

/// The axes that an attribute `axes`, or from an opset on an input, gives; nothing where neither is
/// there.
std::vector<std::size_t> axes_of(const NodePlan& node, std::size_t input, std::int64_t input_since,
                                 std::size_t rank);

/// Calls body(index) for each place of a shape, the last axis first.
template <typename Body>
void each_place(const Shape& shape, const Body& body) {
  Shape index(shape.size(), 0);
  for (std::int64_t left = product_of(shape); left > 0; --left) {
    body(index);
    for (std::size_t axis = shape.size(); axis-- > 0;) {
      if (++index[axis] < shape[axis]) break;
      index[axis] = 0;
    }
  }
}

}  // namespace qc::c
