// Functions of one element, and changes of type.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "emit/c/operators/walk.h"

namespace qc::c {
namespace {

struct Parameter {
  std::string_view attribute;
  float otherwise = 0;
};

/// A kernel of the form kernel(x, y, count, parameters).
struct Function {
  std::string_view op;
  std::string_view kernel;
  std::array<Parameter, 2> parameters = {};
};

constexpr std::array kFunctions = std::to_array<Function>({
    {"Relu", "qk_relu"},
    {"LeakyRelu", "qk_leaky_relu", {{{"alpha", 0.01F}}}},
    {"Sigmoid", "qk_sigmoid"},
    {"Tanh", "qk_tanh"},
    {"HardSigmoid", "qk_hard_sigmoid", {{{"alpha", 0.2F}, {"beta", 0.5F}}}},
    {"HardSwish", "qk_hard_swish"},
    {"Elu", "qk_elu", {{{"alpha", 1.0F}}}},
    {"Selu", "qk_selu", {{{"alpha", 1.67326319F}, {"gamma", 1.05070102F}}}},
    {"Celu", "qk_celu", {{{"alpha", 1.0F}}}},
    {"Softplus", "qk_softplus"},
    {"Softsign", "qk_softsign"},
    {"ThresholdedRelu", "qk_thresholded_relu", {{{"alpha", 1.0F}}}},
    {"Shrink", "qk_shrink", {{{"lambd", 0.5F}, {"bias", 0.0F}}}},
    {"Erf", "qk_erf"},
    {"QuickGelu", "qk_quick_gelu", {{{"alpha", 1.702F}}}},
    {"Mish", "qk_mish"},
    {"Exp", "qk_exp"},
    {"Log", "qk_log"},
    {"Sqrt", "qk_sqrt"},
    {"Abs", "qk_abs"},
    {"Neg", "qk_neg"},
    {"Reciprocal", "qk_reciprocal"},
    {"Floor", "qk_floor"},
    {"Ceil", "qk_ceil"},
    {"Round", "qk_round"},
    {"Sign", "qk_sign"},
    {"Sin", "qk_sin"},
    {"Cos", "qk_cos"},
    {"Tan", "qk_tan"},
    {"Atan", "qk_atan"},
    {"Sinh", "qk_sinh"},
    {"Cosh", "qk_cosh"},
    {"Asin", "qk_asin"},
    {"Acos", "qk_acos"},
    {"Asinh", "qk_asinh"},
    {"Acosh", "qk_acosh"},
    {"Atanh", "qk_atanh"},
});

Step& call_on_floats(NodePlan& node, std::string_view kernel) {
  require_floats(node, 0);
  Step& step = call_in_place(node, kernel);
  node.size(step, product_of(node.shape(0)));
  step.operations = count_of(node.shape(0));
  return step;
}

void plan_function(NodePlan& node) {
  const auto* function =
      std::ranges::find(kFunctions, std::string_view(node.node().op), &Function::op);
  Step& step = call_on_floats(node, function->kernel);
  // Before the sixth opset the constants had fewer digits.
  const bool is_old_selu = function->op == "Selu" && node.opset() < 6;
  constexpr std::array kOldSelu = {1.6732F, 1.0507F};
  for (std::size_t i = 0; i < function->parameters.size(); ++i) {
    const auto& [attribute, otherwise] = function->parameters[i];
    if (attribute.empty()) continue;
    node.number(step, node.number(attribute, is_old_selu ? kOldSelu[i] : otherwise));
  }
}

void plan_gelu(NodePlan& node) {
  const std::string approximate = node.text("approximate", "none");
  if (approximate != "none" && approximate != "tanh") node.refuse("approximate " + approximate);
  call_on_floats(node, approximate == "tanh" ? "qk_gelu_tanh" : "qk_gelu");
}

void plan_clip(NodePlan& node) {
  require_floats(node, 0);
  const auto limit = [&](std::size_t input, std::string_view attribute, float otherwise) {
    if (node.opset() < 11) return node.number(attribute, otherwise);
    if (!node.has_input(input)) return otherwise;
    const std::vector<float> values = node.floats(input);
    if (values.size() != 1) node.refuse("its limits are no numbers");
    return values[0];
  };
  const auto is_computed = [&](std::size_t input) {
    if (!node.has_input(input) || node.constant(input) != nullptr) return false;
    require_floats(node, input);
    if (count_of(node.shape(input)) != 1) node.refuse("its limits are no numbers");
    return true;
  };
  if (node.opset() >= 11 && (is_computed(1) || is_computed(2))) {
    const ValueId y = node.output(0, DataType::kFloat, node.shape(0));
    Step& step = node.call("qk_clip_to");
    node.read(step, node.input(0));
    for (const std::size_t input : {1U, 2U}) {
      if (node.has_input(input)) {
        node.read(step, node.input(input));
      } else {
        node.null(step);
      }
    }
    node.write(step, y);
    node.size(step, product_of(node.shape(0)));
    return;
  }
  constexpr float kMost = std::numeric_limits<float>::max();
  const float low = limit(1, "min", -kMost);
  const float high = limit(2, "max", kMost);
  Step& step = call_on_floats(node, "qk_clip");
  node.number(step, low);
  node.number(step, high);
}

void plan_not(NodePlan& node) {
  if (node.type(0) != DataType::kBool) node.refuse("its input is not of bool");
  node.size(call_in_place(node, "qk_not"), product_of(node.shape(0)));
}

void plan_identity(NodePlan& node) { node.output_as(0, 0, node.shape(0)); }

// In inference nothing is dropped.
void plan_dropout(NodePlan& node) {
  if (node.opset() < 7 && node.integer("is_test", 0) == 0) node.refuse("it is for training");
  if (node.opset() >= 12 && node.has_input(2)) {
    for (const std::int64_t is_training : node.integers(2)) {
      if (is_training != 0) node.refuse("it is for training");
    }
  }
  node.output_as(0, 0, node.shape(0));
  if (!node.has_output(1)) return;
  if (node.opset() < 10) node.refuse("its mask is an output");
  node.output_constant(1, {DataType::kBool, node.shape(0),
                           Bytes(static_cast<std::size_t>(count_of(node.shape(0))), 1)});
}

// Before the sixth opset types were named.
DataType type_named(const NodePlan& node, std::string_view name) {
  constexpr std::array kNames = std::to_array<std::pair<std::string_view, DataType>>({
      {"FLOAT", DataType::kFloat},
      {"FLOAT16", DataType::kFloat16},
      {"DOUBLE", DataType::kDouble},
      {"BOOL", DataType::kBool},
      {"UINT8", DataType::kUint8},
      {"INT8", DataType::kInt8},
      {"INT32", DataType::kInt32},
      {"INT64", DataType::kInt64},
  });
  const auto* found =
      std::ranges::find(kNames, name, &std::pair<std::string_view, DataType>::first);
  if (found == kNames.end()) node.refuse(fmt::format("type {}", name));
  return found->second;
}

void cast_to(NodePlan& node, DataType type) {
  const DataType from = node.type(0);
  if (is_value_type(type)) type = DataType::kFloat;  // as all floats are
  if (type != DataType::kFloat && !is_integer_or_bool(type)) {
    node.refuse("type " + data_type_name(type));
  }
  if (type == from) {
    node.output_as(0, 0, node.shape(0));
    return;
  }
  const ValueId y = node.output(0, type, node.shape(0));
  const std::int64_t count = product_of(node.shape(0));
  const bool from_float = from == DataType::kFloat;
  const bool to_float = type == DataType::kFloat;
  Step& step = node.call(from_float ? "qk_cast_from_float"
                         : to_float ? "qk_cast_to_float"
                                    : "qk_cast_integers");
  node.read(step, node.input(0));
  if (!from_float) add_text(step, element_name(from));
  node.write(step, y);
  if (!to_float) add_text(step, element_name(type));
  node.size(step, count);
}

void plan_cast(NodePlan& node) {
  if (node.opset() < 6) {
    cast_to(node, type_named(node, node.text("to", "")));
  } else {
    cast_to(node, static_cast<DataType>(node.integer("to", 0)));
  }
}

void plan_cast_like(NodePlan& node) { cast_to(node, node.type(1)); }

// y = scale x + bias of the channel: an operator of the time before versions.
void plan_image_scaler(NodePlan& node) {
  require_floats(node, 0);
  const Shape& shape = node.shape(0);
  const auto* biases = node.node().get<std::vector<float>>("bias");
  if (shape.size() < 2 || biases == nullptr ||
      static_cast<std::int64_t>(biases->size()) != shape[1]) {
    node.refuse("its biases do not fit");
  }
  const std::vector<float> bias = *biases;
  const std::vector<float> scale(bias.size(), node.number("scale", 1.0F));
  const Lanes lanes = lanes_of(shape, 1);
  const ValueId x = node.input(0);
  const ValueId y = node.output(0, DataType::kFloat, shape);
  Step& step = node.call("qk_scale_channels");
  node.read(step, x);
  node.array(step, "scale", scale);
  node.array(step, "bias", bias);
  node.write(step, y);
  add_lanes(node, step, lanes);
  allow_in_place(node, step, 0);
}

constexpr std::array kOperators = std::to_array<OperatorRow>({
    {"Relu", "", 1, plan_function},
    {"LeakyRelu", "", 1, plan_function},
    {"Clip", "", 1, plan_clip},
    {"Sigmoid", "", 1, plan_function},
    {"Tanh", "", 1, plan_function},
    {"HardSigmoid", "", 1, plan_function},
    {"HardSwish", "", 14, plan_function},
    {"Elu", "", 1, plan_function},
    {"Selu", "", 1, plan_function},
    {"Celu", "", 12, plan_function},
    {"Softplus", "", 1, plan_function},
    {"Softsign", "", 1, plan_function},
    {"ThresholdedRelu", "", 10, plan_function},
    {"Shrink", "", 9, plan_function},
    {"Erf", "", 9, plan_function},
    {"Gelu", "", 20, plan_gelu},
    {"Gelu", "com.microsoft", 1, plan_gelu},
    {"QuickGelu", "com.microsoft", 1, plan_function},
    {"Mish", "", 18, plan_function},
    {"Exp", "", 1, plan_function},
    {"Log", "", 1, plan_function},
    {"Sqrt", "", 1, plan_function},
    {"Abs", "", 1, plan_function},
    {"Neg", "", 1, plan_function},
    {"Reciprocal", "", 1, plan_function},
    {"Floor", "", 1, plan_function},
    {"Ceil", "", 1, plan_function},
    {"Round", "", 11, plan_function},
    {"Sign", "", 9, plan_function},
    {"Sin", "", 7, plan_function},
    {"Cos", "", 7, plan_function},
    {"Tan", "", 7, plan_function},
    {"Atan", "", 7, plan_function},
    {"Sinh", "", 9, plan_function},
    {"Cosh", "", 9, plan_function},
    {"Asin", "", 7, plan_function},
    {"Acos", "", 7, plan_function},
    {"Asinh", "", 9, plan_function},
    {"Acosh", "", 9, plan_function},
    {"Atanh", "", 9, plan_function},
    {"Not", "", 1, plan_not},
    {"Identity", "", 1, plan_identity},
    {"Dropout", "", 1, plan_dropout},
    {"Cast", "", 1, plan_cast},
    {"CastLike", "", 15, plan_cast_like},
    {"ImageScaler", "", 1, plan_image_scaler},
});

}  // namespace

std::span<const OperatorRow> elementwise_operators() { return kOperators; }

}  // namespace qc::c
