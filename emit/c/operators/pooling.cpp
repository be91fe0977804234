// Pools: the largest or mean value below a window.
#include <fmt/format.h>

#include <array>

#include "emit/c/operators.h"
#include "emit/c/operators/window.h"

namespace qc::c {
namespace {

Shape pooled_shape(const Shape& input, const Window& window) {
  Shape shape(input.begin(), input.begin() + 2);
  const Shape out = axes_of(window.out, input.size() - 2);
  shape.insert(shape.end(), out.begin(), out.end());
  return shape;
}

void require_floats(const NodePlan& node) {
  if (node.type(0) != DataType::kFloat) node.refuse("its input is not of floats");
}

Step& call_pool(NodePlan& node, const char* kernel, const Window& window, const Shape& input,
                ValueId y) {
  Step& step = node.call(kernel);
  node.read(step, node.input(0));
  node.size(step, input[0] * input[1]);
  node.array(step, "window", window.numbers());
  node.write(step, y);
  step.operations =
      static_cast<std::uint64_t>(input[0] * input[1] * window.out_size() * window.taps());
  return step;
}

// Windows of two by two, side by side, that cover the input.
bool is_two_by_two(const Window& window) {
  using Axes = Window::Axes;
  return window.kernel == Axes{1, 2, 2} && window.stride == Axes{1, 2, 2} &&
         window.pad == Axes{0, 0, 0} && window.dilation == Axes{1, 1, 1} && window.out[0] == 1 &&
         window.in == Axes{1, 2 * window.out[1], 2 * window.out[2]};
}

void plan_max_pool(NodePlan& node) {
  require_floats(node);
  const Shape& input = node.shape(0);
  if (node.has_output(1)) node.refuse("its indices are not given");
  if (node.integer("storage_order", 0) != 0) node.refuse("storage_order is not 0");
  const Window window = window_of(node, input, node.list("kernel_shape"));
  const ValueId y = node.output(0, DataType::kFloat, pooled_shape(input, window));
  if (!is_two_by_two(window)) {
    call_pool(node, "qk_max_pool", window, input, y);
    return;
  }
  Step& step = node.call("qk_max_pool_2x2");
  node.read(step, node.input(0));
  node.size(step, input[0] * input[1] * window.out[1]);
  node.size(step, window.out[2]);
  node.write(step, y);
  step.operations = 3 * static_cast<std::uint64_t>(input[0] * input[1] * window.out_size());
}

void plan_average_pool(NodePlan& node) {
  require_floats(node);
  const Shape& input = node.shape(0);
  const Window window = window_of(node, input, node.list("kernel_shape"));
  const ValueId y = node.output(0, DataType::kFloat, pooled_shape(input, window));
  Step& step = call_pool(node, "qk_average_pool", window, input, y);
  // What a window that pads is divided by: all of it but what is behind the padding of the end.
  node.size(step, node.integer("count_include_pad", 0));
  node.array(step, "padding",
             std::vector<std::int32_t>(window.pad_end.begin(), window.pad_end.end()));
}

void plan_global(NodePlan& node, const char* kernel) {
  require_floats(node);
  const Shape& input = node.shape(0);
  if (input.size() < 3) node.refuse(fmt::format("an input of shape {}", shape_text(input)));
  Shape shape(input.size(), 1);
  shape[0] = input[0];
  shape[1] = input[1];
  const ValueId y = node.output(0, DataType::kFloat, shape);
  Step& step = node.call(kernel);
  node.read(step, node.input(0));
  node.size(step, input[0] * input[1]);
  node.size(step, static_cast<std::int64_t>(count_of(input)) / (input[0] * input[1]));
  node.write(step, y);
  step.operations = count_of(input);
}

void plan_global_average(NodePlan& node) { plan_global(node, "qk_global_average"); }
void plan_global_max(NodePlan& node) { plan_global(node, "qk_global_max"); }

constexpr std::array kRows = {
    OperatorRow{"MaxPool", "", 1, plan_max_pool},
    OperatorRow{"AveragePool", "", 1, plan_average_pool},
    OperatorRow{"GlobalAveragePool", "", 1, plan_global_average},
    OperatorRow{"GlobalMaxPool", "", 1, plan_global_max},
};

}  // namespace

std::span<const OperatorRow> pooling_operators() { return kRows; }

}  // namespace qc::c
