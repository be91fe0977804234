// Functions of two and more elements, with broadcasting.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "emit/c/operators/walk.h"

namespace qc::c {
namespace {

/// The kernels of an operator: one for rows of floats, one for a pair of integers or booleans.
struct Function {
  std::string_view op;
  std::string_view row;
  std::string_view integer;
  bool is_test = false;
};

constexpr std::array kFunctions = std::to_array<Function>({
    {"Add", "qk_add_each", "qk_integer_add"},
    {"Sub", "qk_sub_each", "qk_integer_sub"},
    {"Mul", "qk_mul_each", "qk_integer_mul"},
    {"Div", "qk_div_each", "qk_integer_div"},
    {"Pow", "qk_pow_each", ""},
    {"PRelu", "qk_prelu_each", ""},
    {"Sum", "qk_add_each", ""},
    {"Mean", "qk_add_each", ""},
    {"Min", "qk_min_each", "qk_integer_min"},
    {"Max", "qk_max_each", "qk_integer_max"},
    {"Mod", "", "qk_integer_mod"},
    {"Equal", "qk_equal_each", "qk_integer_equal", true},
    {"Less", "qk_less_each", "qk_integer_less", true},
    {"Greater", "qk_greater_each", "qk_integer_greater", true},
    {"LessOrEqual", "qk_less_or_equal_each", "qk_integer_less_or_equal", true},
    {"GreaterOrEqual", "qk_greater_or_equal_each", "qk_integer_greater_or_equal", true},
    {"And", "", "qk_integer_and", true},
    {"Or", "", "qk_integer_or", true},
    {"Xor", "", "qk_integer_xor", true},
});
constexpr Function kFmod = {"Mod", "qk_fmod_each", "qk_integer_fmod"};

const Function& function_of(const NodePlan& node) {
  return *std::ranges::find(kFunctions, std::string_view(node.node().op), &Function::op);
}

/// A value with the shape that it is broadcast from.
struct Operand {
  ValueId value;
  Shape shape;
  bool is_constant = false;
};

Operand operand(const NodePlan& node, std::size_t input) {
  return {node.input(input), node.shape(input), node.constant(input) != nullptr};
}

// Adds the step y = function(a, b), where y has the shape that both broadcast to.
void call_function(NodePlan& node, const Function& function, DataType type, const Operand& a,
                   const Operand& b, ValueId y, const Shape& shape) {
  const std::string_view kernel = type == DataType::kFloat ? function.row : function.integer;
  if (kernel.empty()) node.refuse("its inputs are of " + data_type_name(type));
  const Walk walk =
      merged({shape, {broadcast_strides(a.shape, shape), broadcast_strides(b.shape, shape)}});
  const bool is_row = type == DataType::kFloat && walk.sizes.size() == 1;
  const bool is_test = function.is_test && type == DataType::kFloat;
  Step& step = node.call(is_row                     ? std::string(kernel)
                         : type != DataType::kFloat ? "qk_integers"
                         : is_test                  ? "qk_broadcast_test"
                                                    : "qk_broadcast");
  if (!is_row) add_text(step, kernel);
  node.read(step, a.value);
  if (is_row) node.size(step, walk.strides[0][0]);
  node.read(step, b.value);
  if (is_row) node.size(step, walk.strides[1][0]);
  if (type != DataType::kFloat) add_text(step, element_name(type));
  node.write(step, y);
  if (type != DataType::kFloat) {
    add_text(step, element_name(function.is_test ? DataType::kBool : type));
  }
  if (is_row) {
    node.size(step, walk.sizes[0]);
  } else {
    add_walk(node, step, walk);
  }
  step.operations = count_of(shape);
  if (function.is_test && type != DataType::kBool) return;  // y has elements of another size
  if (!a.is_constant && a.shape == shape) {
    step.in_place = a.value;
  } else if (!b.is_constant && b.shape == shape) {
    step.in_place = b.value;
  }
}

// Before the seventh opset the second input was laid along axes from `axis` on, if at all.
Shape old_shape(const NodePlan& node) {
  const Shape& a = node.shape(0);
  Shape b = node.shape(1);
  if (node.integer("broadcast", 0) == 0) {
    if (a != b) node.refuse("its inputs differ in shape");
    return b;
  }
  if (b.size() > a.size()) node.refuse("its inputs do not fit");
  const auto missing = static_cast<std::int64_t>(a.size() - b.size());
  const std::int64_t axis = node.integer("axis", missing);
  if (axis == -1) return b;
  if (axis < 0 || axis > missing) node.refuse("its axis does not fit");
  b.resize(b.size() + static_cast<std::size_t>(missing - axis), 1);
  return b;
}

void require_type(const NodePlan& node, DataType type) {
  for (std::size_t i = 0; i < node.inputs(); ++i) {
    if (node.type(i) != type) node.refuse("its inputs differ in type");
  }
}

void plan_pair(NodePlan& node, const Function& function, const Operand& a, const Operand& b) {
  const DataType type = node.type(0);
  require_type(node, type);
  if (!is_integer_or_bool(type) && type != DataType::kFloat) {
    node.refuse("its inputs are of " + data_type_name(type));
  }
  const Shape shape = broadcast_shape(node, a.shape, b.shape);
  const ValueId y = node.output(0, function.is_test ? DataType::kBool : type, shape);
  call_function(node, function, type, a, b, y, shape);
}

void plan_binary(NodePlan& node) {
  const Function& function = function_of(node);
  Operand b = operand(node, 1);
  if (node.opset() < 7) b.shape = old_shape(node);
  plan_pair(node, function, operand(node, 0), b);
}

void plan_logical(NodePlan& node) {
  require_type(node, DataType::kBool);
  plan_binary(node);
}

// Squares are a multiplication, as in runtimes.
void plan_pow(NodePlan& node) {
  require_floats(node, 0);
  const HostTensor* exponent = node.constant(1);
  if (exponent != nullptr && exponent->type == DataType::kFloat && count_of(exponent->dims) == 1 &&
      exponent->dims.size() <= node.shape(0).size() && node.floats(1)[0] == 2.0F) {
    constexpr Function kSquare = {"Pow", "qk_mul_each", ""};
    plan_pair(node, kSquare, operand(node, 0), operand(node, 0));
    return;
  }
  plan_binary(node);
}

void plan_mod(NodePlan& node) {
  const bool truncates = node.integer("fmod", 0) != 0;
  plan_pair(node, truncates ? kFmod : function_of(node), operand(node, 0), operand(node, 1));
}

// A slope for all channels, for each channel, or (from the seventh opset) as it broadcasts.
void plan_prelu(NodePlan& node) {
  require_floats(node, 0);
  require_floats(node, 1);
  const Shape& shape = node.shape(0);
  Operand slope = operand(node, 1);
  if (node.opset() < 7 && slope.shape.size() == 1 && slope.shape[0] > 1 && shape.size() >= 2) {
    slope.shape.resize(shape.size() - 1, 1);
  }
  if (broadcast_shape(node, shape, slope.shape) != shape) node.refuse("its slope does not fit");
  plan_pair(node, function_of(node), operand(node, 0), slope);
}

void plan_variadic(NodePlan& node) {
  const Function& function = function_of(node);
  const DataType type = node.type(0);
  require_type(node, type);
  if (type != DataType::kFloat && !is_integer_or_bool(type)) {
    node.refuse("its inputs are of " + data_type_name(type));
  }
  const std::size_t count = node.inputs();
  if (count == 1) {
    node.output_as(0, 0, node.shape(0));
    return;
  }
  Shape shape = node.shape(0);
  for (std::size_t i = 1; i < count; ++i) shape = broadcast_shape(node, shape, node.shape(i));
  std::vector<Operand> operands;
  for (std::size_t i = 0; i < count; ++i) operands.push_back(operand(node, i));
  const ValueId y = node.output(0, type, shape);
  for (std::size_t i = 1; i < count; ++i) {
    const Operand so_far = i == 1 ? operands[0] : Operand{y, shape};
    call_function(node, function, type, so_far, operands[i], y, shape);
  }
  if (node.node().op != "Mean") return;
  Step& step = node.call("qk_scale");
  node.read(step, y);
  node.write(step, y);
  node.size(step, product_of(shape));
  node.number(step, 1.0F / static_cast<float>(count));
  step.in_place = y;
}

void plan_where(NodePlan& node) {
  if (node.type(0) != DataType::kBool) node.refuse("its condition is not of bool");
  const DataType type = node.type(1);
  if (node.type(2) != type) node.refuse("its inputs differ in type");
  const Shape shape =
      broadcast_shape(node, node.shape(0), broadcast_shape(node, node.shape(1), node.shape(2)));
  Walk walk{shape, {}};
  for (const std::size_t input : {0U, 1U, 2U}) {
    walk.strides.push_back(broadcast_strides(node.shape(input), shape));
  }
  const ValueId y = node.output(0, type, shape);
  Step& step = node.call("qk_where");
  for (const std::size_t input : {0U, 1U, 2U}) node.read(step, node.input(input));
  node.write(step, y);
  node.size(step, as_signed(element_bytes(type)));
  add_walk(node, step, merged(walk));
  for (const std::size_t input : {1U, 2U}) {
    if (!step.in_place && node.constant(input) == nullptr && node.shape(input) == shape) {
      step.in_place = node.input(input);
    }
  }
}

constexpr std::array kOperators = std::to_array<OperatorRow>({
    {"Add", "", 1, plan_binary},
    {"Sub", "", 1, plan_binary},
    {"Mul", "", 1, plan_binary},
    {"Div", "", 1, plan_binary},
    {"Pow", "", 1, plan_pow},
    {"PRelu", "", 1, plan_prelu},
    {"Mod", "", 10, plan_mod},
    {"Min", "", 1, plan_variadic},
    {"Max", "", 1, plan_variadic},
    {"Sum", "", 1, plan_variadic},
    {"Mean", "", 1, plan_variadic},
    {"Equal", "", 1, plan_binary},
    {"Less", "", 1, plan_binary},
    {"Greater", "", 1, plan_binary},
    {"LessOrEqual", "", 12, plan_binary},
    {"GreaterOrEqual", "", 12, plan_binary},
    {"And", "", 1, plan_logical},
    {"Or", "", 1, plan_logical},
    {"Xor", "", 1, plan_logical},
    {"Where", "", 9, plan_where},
});

}  // namespace

std::span<const OperatorRow> binary_operators() { return kOperators; }

}  // namespace qc::c
