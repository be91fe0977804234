#include "emit/c/expansion.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "core/float_types.h"
#include "emit/c/operators.h"

namespace qc::c {
namespace {

// Nodes in a row, each of the output of the one before.
class Builder {
 public:
  explicit Builder(const NodePlan& of) : of_(of) {}

  std::string constant(std::string_view what, const Shape& dims, const std::vector<float>& values) {
    HostTensor tensor{DataType::kFloat, dims, Bytes(values.size() * sizeof(float))};
    store_floats(DataType::kFloat, values, tensor.bytes);
    return constant(what, std::move(tensor));
  }

  std::string constant(std::string_view what, HostTensor tensor) {
    std::string name = inner_name(what);
    expansion_.constants.emplace_back(name, std::move(tensor));
    return name;
  }

  // The name of its output, which is the last one's of the whole if `last` is set.
  std::string node(std::string_view op, std::vector<std::string> inputs,
                   std::vector<Attribute> attributes = {}) {
    Node& node = expansion_.nodes.emplace_back();
    node.op = op;
    node.name = of_.node().label();
    node.inputs = std::move(inputs);
    node.attributes = std::move(attributes);
    node.outputs = {inner_name(op)};
    return node.outputs[0];
  }

  std::optional<Expansion> finish() {
    expansion_.nodes.back().outputs = {of_.node().outputs.at(0)};
    return std::move(expansion_);
  }

 private:
  // A line break is in no name that people give.
  std::string inner_name(std::string_view what) {
    return of_.node().outputs.at(0) + "\n" + std::string(what) + std::to_string(count_++);
  }

  const NodePlan& of_;
  Expansion expansion_;
  int count_ = 0;
};

std::vector<Attribute> attributes_without(const Node& node, std::string_view prefix) {
  std::vector<Attribute> kept;
  for (const Attribute& attribute : node.attributes) {
    if (!attribute.name.starts_with(prefix)) kept.push_back(attribute);
  }
  return kept;
}

std::string input_name(const NodePlan& node, std::size_t i) {
  return node.has_input(i) ? node.node().inputs[i] : std::string();
}

// What optimisers of ONNX Runtime make of a convolution, a sum and an activation.
std::optional<Expansion> fused_conv(const NodePlan& node) {
  Builder builder(node);
  std::vector<std::string> inputs = {input_name(node, 0), input_name(node, 1)};
  if (node.has_input(2)) inputs.push_back(input_name(node, 2));
  std::string value = builder.node("Conv", inputs, attributes_without(node.node(), "activation"));
  if (node.has_input(3)) value = builder.node("Add", {value, input_name(node, 3)});
  const std::string activation = node.text("activation", "");
  std::vector<float> given;
  if (const auto* found = node.node().get<std::vector<float>>("activation_params")) given = *found;
  const auto parameter = [&](std::size_t i) {
    if (i >= given.size()) node.refuse("its activation lacks parameters");
    return given[i];
  };
  if (activation == "LeakyRelu") {
    builder.node(activation, {value}, {{"alpha", parameter(0)}});
  } else if (activation == "HardSigmoid") {
    builder.node(activation, {value}, {{"alpha", parameter(0)}, {"beta", parameter(1)}});
  } else if (activation == "Clip") {
    const std::string low = builder.constant("low", {}, {parameter(0)});
    const std::string high = builder.constant("high", {}, {parameter(1)});
    builder.node(activation, {value, low, high});
  } else if (activation == "Relu" || activation == "Sigmoid" || activation == "Tanh") {
    builder.node(activation, {value});
  } else if (!activation.empty()) {
    node.refuse("its activation is " + activation);
  }
  return builder.finish();
}

// Integers as floats, which products and sums of bytes are exactly: less its zero point.
std::string centred(Builder& builder, const NodePlan& node, std::size_t input, std::size_t zero,
                    std::int64_t axis) {
  Shape dims;
  if (node.has_input(zero)) dims = node.shape(zero);
  const std::vector<float> ones(static_cast<std::size_t>(count_of(dims)), 1.0F);
  std::vector<std::string> inputs = {input_name(node, input), builder.constant("one", dims, ones)};
  if (node.has_input(zero)) inputs.push_back(input_name(node, zero));
  return builder.node("DequantizeLinear", inputs, {{"axis", axis}});
}

// The zero points of outputs, one for each scale.
std::string zero_points(Builder& builder, const NodePlan& node, std::size_t zero,
                        std::uint64_t scales) {
  const HostTensor* known = node.constant(zero);
  if (known == nullptr) node.refuse("its zero point is not known when it is compiled");
  if (count_of(known->dims) == scales || count_of(known->dims) != 1) return input_name(node, zero);
  HostTensor repeated{known->type, {static_cast<std::int64_t>(scales)}, {}};
  for (std::uint64_t i = 0; i < scales; ++i) append(repeated.bytes, known->bytes);
  return builder.constant("zeros", std::move(repeated));
}

// The last steps of a product of quantised tensors: to the scale of the outputs.
std::optional<Expansion> requantized(Builder& builder, const NodePlan& node,
                                     const std::string& value, std::int64_t axis) {
  const std::string of_products = builder.node("Mul", {input_name(node, 1), input_name(node, 4)});
  const std::string factor = builder.node("Div", {of_products, input_name(node, 6)});
  const std::uint64_t scales =
      std::max({count_of(node.shape(1)), count_of(node.shape(4)), count_of(node.shape(6))});
  builder.node("QuantizeLinear", {value, factor, zero_points(builder, node, 7, scales)},
               {{"axis", axis}, {std::string(kMultiplies), std::int64_t{1}}});
  return builder.finish();
}

std::optional<Expansion> quantized_conv(const NodePlan& node) {
  Builder builder(node);
  std::vector<std::string> inputs = {centred(builder, node, 0, 2, 1),
                                     centred(builder, node, 3, 5, 0)};
  if (node.has_input(8)) {
    inputs.push_back(builder.node("Cast", {input_name(node, 8)},
                                  {{"to", static_cast<std::int64_t>(DataType::kFloat)}}));
  }
  const std::string value = builder.node("Conv", inputs, node.node().attributes);
  return requantized(builder, node, value, 1);
}

std::optional<Expansion> quantized_matmul(const NodePlan& node) {
  Builder builder(node);
  const std::string a = centred(builder, node, 0, 2, -2);
  const std::string b = centred(builder, node, 3, 5, -1);
  return requantized(builder, node, builder.node("MatMul", {a, b}), -1);
}

// Sums of products of bytes: as int32.
std::optional<Expansion> integer_product(const NodePlan& node, std::string_view op,
                                         std::int64_t a_axis, std::int64_t b_axis) {
  Builder builder(node);
  const std::string a = centred(builder, node, 0, 2, a_axis);
  const std::string b = centred(builder, node, 1, 3, b_axis);
  const std::string value = builder.node(op, {a, b}, node.node().attributes);
  builder.node("Cast", {value}, {{"to", static_cast<std::int64_t>(DataType::kInt32)}});
  return builder.finish();
}

std::optional<Expansion> integer_conv(const NodePlan& node) {
  return integer_product(node, "Conv", 1, 0);
}

std::optional<Expansion> integer_matmul(const NodePlan& node) {
  return integer_product(node, "MatMul", -2, -1);
}

// Of bytes: floats keep them exactly.
std::optional<Expansion> pool_of_bytes(const NodePlan& node) {
  if (node.type(0) != DataType::kUint8 && node.type(0) != DataType::kInt8) return std::nullopt;
  Builder builder(node);
  const std::string one = builder.constant("one", {}, {1.0F});
  const std::string zero = builder.constant("zero", {node.type(0), {}, {0}});
  const std::string value = builder.node("DequantizeLinear", {input_name(node, 0), one, zero});
  builder.node("QuantizeLinear",
               {builder.node("MaxPool", {value}, node.node().attributes), one, zero});
  return builder.finish();
}

std::string dequantized(Builder& builder, const NodePlan& node, std::size_t input) {
  std::vector<std::string> inputs = {input_name(node, input), input_name(node, input + 1)};
  if (node.has_input(input + 2)) inputs.push_back(input_name(node, input + 2));
  return builder.node("DequantizeLinear", inputs);
}

// An operator on quantised tensors, each with its scale and zero point; those of the output are
// last.
std::optional<Expansion> quantized(const NodePlan& node, std::string_view op, std::size_t tensors) {
  Builder builder(node);
  if (node.integer("channels_last", 0) != 0) node.refuse("channels_last");
  std::vector<std::string> inputs;
  for (std::size_t i = 0; i < tensors; ++i) inputs.push_back(dequantized(builder, node, 3 * i));
  const std::string value = builder.node(op, inputs, node.node().attributes);
  std::vector<std::string> outputs = {value, input_name(node, 3 * tensors)};
  if (node.has_input(3 * tensors + 1)) outputs.push_back(input_name(node, 3 * tensors + 1));
  builder.node("QuantizeLinear", outputs);
  return builder.finish();
}

std::optional<Expansion> quantized_add(const NodePlan& node) { return quantized(node, "Add", 2); }
std::optional<Expansion> quantized_mul(const NodePlan& node) { return quantized(node, "Mul", 2); }
std::optional<Expansion> quantized_sigmoid(const NodePlan& node) {
  return quantized(node, "Sigmoid", 1);
}
std::optional<Expansion> quantized_leaky_relu(const NodePlan& node) {
  return quantized(node, "LeakyRelu", 1);
}
std::optional<Expansion> quantized_average_pool(const NodePlan& node) {
  return quantized(node, "AveragePool", 1);
}
std::optional<Expansion> quantized_global_average(const NodePlan& node) {
  return quantized(node, "GlobalAveragePool", 1);
}

struct ExpansionRow {
  std::string_view op;
  std::string_view domain;
  std::optional<Expansion> (*expand)(const NodePlan& node);
};

constexpr std::array kRows = {
    ExpansionRow{"FusedConv", "com.microsoft", fused_conv},
    ExpansionRow{"QLinearConv", "", quantized_conv},
    ExpansionRow{"QLinearMatMul", "", quantized_matmul},
    ExpansionRow{"ConvInteger", "", integer_conv},
    ExpansionRow{"MatMulInteger", "", integer_matmul},
    ExpansionRow{"MaxPool", "", pool_of_bytes},
    ExpansionRow{"QLinearAdd", "com.microsoft", quantized_add},
    ExpansionRow{"QLinearMul", "com.microsoft", quantized_mul},
    ExpansionRow{"QLinearSigmoid", "com.microsoft", quantized_sigmoid},
    ExpansionRow{"QLinearLeakyRelu", "com.microsoft", quantized_leaky_relu},
    ExpansionRow{"QLinearAveragePool", "com.microsoft", quantized_average_pool},
    ExpansionRow{"QLinearGlobalAveragePool", "com.microsoft", quantized_global_average},
};

}  // namespace

std::optional<Expansion> expanded(const NodePlan& node) {
  for (const ExpansionRow& row : kRows) {
    if (row.op == node.node().op && row.domain == node.node().domain) return row.expand(node);
  }
  return std::nullopt;
}

}  // namespace qc::c
