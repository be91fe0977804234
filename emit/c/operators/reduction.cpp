// Reductions over axes, and what looks along one axis.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "emit/c/operators/reduced_axes.h"
#include "emit/c/operators/walk.h"

namespace qc::c {
namespace {

/// The kernels of a reduction: a row, what makes the result, and a pair of integers.
struct Reduction {
  std::string_view op;
  std::string_view row;
  std::string_view finish;
  std::string_view start;
  std::string_view integer;
  std::int64_t axes_input_since = 18;
};

constexpr std::array kReductions = std::to_array<Reduction>({
    {"ReduceSum", "qk_row_sum", "qk_result", "0.0F", "qk_integer_add", 13},
    {"ReduceMean", "qk_row_sum", "qk_result_mean", "0.0F", ""},
    {"ReduceMax", "qk_row_max", "qk_result", "-INFINITY", "qk_integer_max"},
    {"ReduceMin", "qk_row_min", "qk_result", "INFINITY", "qk_integer_min"},
    {"ReduceProd", "qk_row_product", "qk_result", "1.0F", "qk_integer_mul"},
    {"ReduceL1", "qk_row_sum_abs", "qk_result", "0.0F", ""},
    {"ReduceL2", "qk_row_sum_square", "qk_result_sqrt", "0.0F", ""},
    {"ReduceLogSum", "qk_row_sum", "qk_result_log", "0.0F", ""},
    {"ReduceLogSumExp", "qk_row_log_sum_exp", "qk_result_log_sum_exp", "-INFINITY", ""},
    {"ReduceSumSquare", "qk_row_sum_square", "qk_result", "0.0F", ""},
});

void plan_reduction(NodePlan& node) {
  const Reduction& reduction =
      *std::ranges::find(kReductions, std::string_view(node.node().op), &Reduction::op);
  const DataType type = node.type(0);
  const Shape from = node.shape(0);
  const bool is_float = type == DataType::kFloat;
  const bool is_integer = is_integer_or_bool(type) && !reduction.integer.empty();
  if (!is_float && !is_integer) node.refuse("its input is of " + data_type_name(type));
  std::vector<std::size_t> axes = axes_of(node, 1, reduction.axes_input_since, from.size());
  if (axes.empty() && node.integer("noop_with_empty_axes", 0) != 0) {
    if (reduction.finish != "qk_result" || reduction.row == "qk_row_sum_abs" ||
        reduction.row == "qk_row_sum_square") {
      node.refuse("of no axes");  // its definition does not say whether it is a function then
    }
    node.output_as(0, 0, from);
    return;
  }
  const ReducedAxes reduced(from, axes, node.integer("keepdims", 1) != 0);
  const ValueId y = node.output(0, type, reduced.shape);
  Step& step = node.call(is_float ? "qk_reduce" : "qk_reduce_integers");
  add_text(step, is_float ? reduction.row : reduction.integer);
  if (is_float) {
    add_text(step, reduction.finish);
    add_text(step, reduction.start);
  }
  node.read(step, node.input(0));
  node.write(step, y);
  if (!is_float) add_text(step, element_name(type));
  add_walk(node, step, reduced.kept, "kept");
  add_walk(node, step, reduced.reduced, "reduced");
  step.operations = count_of(from);
}

void plan_arg_best(NodePlan& node) {
  require_floats(node, 0);
  const Shape from = node.shape(0);
  const std::size_t axis = node.axis(node.integer("axis", 0), from.size());
  const Lanes lanes = lanes_of(from, axis);
  const ReducedAxes reduced(from, {axis}, node.integer("keepdims", 1) != 0);
  const ValueId y = node.output(0, DataType::kInt64, reduced.shape);
  Step& step = node.call("qk_arg_best");
  node.read(step, node.input(0));
  node.write(step, y);
  add_lanes(node, step, lanes);
  node.number(step, node.node().op == "ArgMax" ? 1.0F : -1.0F);
  node.size(step, node.integer("select_last_index", 0) != 0 ? 1 : 0);
}

// Before the thirteenth opset all axes from the given one on were one.
void plan_softmax(NodePlan& node) {
  require_floats(node, 0);
  const Shape shape = node.shape(0);
  const bool flattens = node.opset() < 13;
  const std::size_t axis = node.axis(node.integer("axis", flattens ? 1 : -1), shape.size());
  Lanes lanes = lanes_of(shape, axis);
  if (flattens) {
    lanes.axis *= lanes.inner;
    lanes.inner = 1;
  }
  const std::string& op = node.node().op;
  Step& step = call_in_place(node, op == "Softmax"      ? "qk_softmax"
                                   : op == "LogSoftmax" ? "qk_log_softmax"
                                                        : "qk_hardmax");
  add_lanes(node, step, lanes);
  step.operations = count_of(shape);
}

void plan_cum_sum(NodePlan& node) {
  require_floats(node, 0);
  const Shape shape = node.shape(0);
  const std::vector<std::int64_t> axis = node.integers(1);
  if (axis.size() != 1) node.refuse("its axis is no number");
  const Lanes lanes = lanes_of(shape, node.axis(axis[0], shape.size()));
  Step& step = call_in_place(node, "qk_cumulate");
  add_lanes(node, step, lanes);
  node.size(step, node.integer("exclusive", 0) != 0 ? 1 : 0);
  node.size(step, node.integer("reverse", 0) != 0 ? 1 : 0);
}

void plan_top_k(NodePlan& node) {
  require_floats(node, 0);
  const Shape from = node.shape(0);
  const std::size_t axis = node.axis(node.integer("axis", -1), from.size());
  const Lanes lanes = lanes_of(from, axis);
  std::int64_t k = node.integer("k", 0);
  if (node.opset() >= 10) {
    const std::vector<std::int64_t> given = node.integers(1);
    if (given.size() != 1) node.refuse("its k is no number");
    k = given[0];
  }
  if (k < 1 || k > lanes.axis) node.refuse(fmt::format("{} of {} elements", k, lanes.axis));
  Shape shape = from;
  shape[axis] = k;
  const ValueId values = node.output(0, DataType::kFloat, shape);
  const bool gives_indices = node.has_output(1);
  const ValueId indices = gives_indices ? node.output(1, DataType::kInt64, shape) : 0;
  Step& step = node.call("qk_top");
  node.read(step, node.input(0));
  node.write(step, values);
  if (gives_indices) {
    node.write(step, indices);
  } else {
    node.null(step);
  }
  add_lanes(node, step, lanes);
  node.size(step, k);
  node.number(step, node.integer("largest", 1) != 0 ? 1.0F : -1.0F);
}

constexpr std::array kOperators = std::to_array<OperatorRow>({
    {"ReduceSum", "", 1, plan_reduction},
    {"ReduceMean", "", 1, plan_reduction},
    {"ReduceMax", "", 1, plan_reduction},
    {"ReduceMin", "", 1, plan_reduction},
    {"ReduceProd", "", 1, plan_reduction},
    {"ReduceL1", "", 1, plan_reduction},
    {"ReduceL2", "", 1, plan_reduction},
    {"ReduceLogSum", "", 1, plan_reduction},
    {"ReduceLogSumExp", "", 1, plan_reduction},
    {"ReduceSumSquare", "", 1, plan_reduction},
    {"ArgMax", "", 1, plan_arg_best},
    {"ArgMin", "", 1, plan_arg_best},
    {"Softmax", "", 1, plan_softmax},
    {"LogSoftmax", "", 1, plan_softmax},
    {"Hardmax", "", 1, plan_softmax},
    {"CumSum", "", 11, plan_cum_sum},
    {"TopK", "", 1, plan_top_k},
});

}  // namespace

std::span<const OperatorRow> reduction_operators() { return kOperators; }

}  // namespace qc::c
