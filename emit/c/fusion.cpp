#include "emit/c/fusion.h"

#include <cmath>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "core/tensor.h"
#include "emit/c/coding.h"
#include "emit/c/planner.h"

namespace qc::c {
namespace {

// y * scale + shift, per channel.
struct Affine {
  std::vector<double> scale;
  std::vector<double> shift;
};

// The layer that makes a value, if nothing else reads it; its products are of this value's
// channels.
Product* layer_of(Planner& planner, const NodePlan& node, std::size_t input) {
  const std::optional<ValueId> value = planner.made_for(node, input);
  if (!value) return nullptr;
  Plan& plan = planner.plan();
  for (auto step = plan.steps.rbegin(); step != plan.steps.rend(); ++step) {
    bool writes = false;
    Product* product = nullptr;
    for (const Argument& argument : step->arguments) {
      if (const auto* written = std::get_if<Argument::Written>(&argument.what)) {
        writes |= written->value == *value;
      }
      if (const auto* function = std::get_if<Argument::Function>(&argument.what)) {
        product = &plan.products[function->product];
      }
    }
    if (writes) return product;
  }
  return nullptr;
}

bool are_finite(std::span<const double> values) {
  for (const double value : values) {
    if (!std::isfinite(value)) return false;
  }
  return true;
}

std::optional<Affine> batch_norm(const NodePlan& node) {
  if (!node.node().is_standard("BatchNormalization") || node.inputs() < 5) return std::nullopt;
  if (node.integer("training_mode", 0) != 0 || node.integer("spatial", 1) != 1) return std::nullopt;
  for (std::size_t i = 1; i < 5; ++i) {
    if (!node.has_input(i) || node.constant(i) == nullptr) return std::nullopt;
  }
  for (std::size_t i = 1; i < node.outputs(); ++i) {
    if (node.has_output(i) && node.opset() >= 14) return std::nullopt;
  }
  const std::vector<float> scale = node.floats(1);
  const std::vector<float> shift = node.floats(2);
  const std::vector<float> mean = node.floats(3);
  const std::vector<float> variance = node.floats(4);
  const auto epsilon = static_cast<double>(node.number("epsilon", 1e-5F));
  if (shift.size() != scale.size() || mean.size() != scale.size() ||
      variance.size() != scale.size()) {
    return std::nullopt;
  }
  Affine affine;
  for (std::size_t c = 0; c < scale.size(); ++c) {
    const double factor =
        static_cast<double>(scale[c]) / std::sqrt(static_cast<double>(variance[c]) + epsilon);
    affine.scale.push_back(factor);
    affine.shift.push_back(static_cast<double>(shift[c]) - static_cast<double>(mean[c]) * factor);
  }
  return affine;
}

// A constant that is one value, or one per channel, of a value's shape.
std::optional<std::vector<double>> per_channel(const NodePlan& node, std::size_t input,
                                               const Shape& shape, std::size_t axis) {
  if (!node.has_input(input) || node.constant(input) == nullptr || node.opset() < 7) {
    return std::nullopt;
  }
  if (node.type(input) != DataType::kFloat) return std::nullopt;
  const Shape& dims = node.shape(input);
  if (dims.size() > shape.size()) return std::nullopt;
  const std::vector<float> values = node.floats(input);
  const auto channels = static_cast<std::size_t>(shape[axis]);
  for (std::size_t i = 0; i < dims.size(); ++i) {
    const std::size_t at = shape.size() - dims.size() + i;
    if (dims[i] != 1 && at != axis) return std::nullopt;
  }
  if (values.size() == 1) return std::vector<double>(channels, static_cast<double>(values[0]));
  if (values.size() != channels) return std::nullopt;
  return std::vector<double>(values.begin(), values.end());
}

// The input that is the layer, and what is done to it.
std::optional<std::pair<std::size_t, Affine>> constant_operand(const NodePlan& node,
                                                               std::size_t axis_of_layer[2]) {
  const std::string& op = node.node().op;
  if (!node.node().domain.empty() || node.inputs() != 2) return std::nullopt;
  if (op != "Mul" && op != "Add" && op != "Sub" && op != "Div") return std::nullopt;
  for (std::size_t layer = 0; layer < 2; ++layer) {
    if (layer == 1 && (op == "Sub" || op == "Div")) continue;
    if (!node.has_input(layer) || node.constant(layer) != nullptr) continue;
    const Shape& shape = node.shape(layer);
    if (axis_of_layer[layer] >= shape.size()) continue;
    auto values = per_channel(node, 1 - layer, shape, axis_of_layer[layer]);
    if (!values) continue;
    Affine affine{std::vector<double>(values->size(), 1.0), std::vector<double>(values->size())};
    for (std::size_t c = 0; c < values->size(); ++c) {
      if (op == "Mul") affine.scale[c] = (*values)[c];
      if (op == "Div") affine.scale[c] = 1.0 / (*values)[c];
      if (op == "Add") affine.shift[c] = (*values)[c];
      if (op == "Sub") affine.shift[c] = -(*values)[c];
    }
    return std::pair(layer, std::move(affine));
  }
  return std::nullopt;
}

struct Cost {
  std::uint64_t bytes = 0;
  bool is_dense = true;
};

Cost cost_of(const Product& product, const PlanOptions& options) {
  Cost cost;
  for (std::size_t group = 0; group < product.groups; ++group) {
    const ChosenForm chosen = form_of(product, group, options.goal, options.form);
    cost.bytes += chosen.weights.flash;
    cost.is_dense = cost.is_dense && chosen.form->name == "dense";
  }
  return cost;
}

bool scales(const Affine& affine) {
  for (const double factor : affine.scale) {
    if (factor != 1.0) return true;
  }
  return false;
}

}  // namespace

bool fuse_into_layer(Planner& planner, NodePlan& node) {
  std::size_t axes[2] = {};
  Product* products[2] = {};
  for (std::size_t i = 0; i < 2 && i < node.inputs(); ++i) {
    products[i] = layer_of(planner, node, i);
    if (products[i] != nullptr) axes[i] = products[i]->channel_axis;
  }
  std::size_t layer = 0;
  std::optional<Affine> affine = batch_norm(node);
  if (affine) {
    if (products[0] == nullptr || products[0]->channel_axis != 1) return false;
  } else if (auto operand = constant_operand(node, axes)) {
    layer = operand->first;
    affine = std::move(operand->second);
  }
  if (!affine || products[layer] == nullptr) return false;
  Product& product = *products[layer];
  const std::size_t channels = product.channels();
  if (affine->scale.size() != channels || !are_finite(affine->scale) ||
      !are_finite(affine->shift)) {
    return false;
  }
  Product scaled = product;
  if (scaled.bias.empty()) scaled.bias.assign(channels, 0.0F);
  if (scaled.bias.size() != channels) return false;
  for (std::size_t row = 0; row < product.groups * product.rows; ++row) {
    const double factor = affine->scale[row / product.channel_rows];
    for (std::size_t c = 0; c < product.columns; ++c) {
      float& weight = scaled.weights[row * product.columns + c];
      weight = static_cast<float>(static_cast<double>(weight) * factor);
    }
  }
  for (std::size_t c = 0; c < channels; ++c) {
    scaled.bias[c] = static_cast<float>(static_cast<double>(scaled.bias[c]) * affine->scale[c] +
                                        affine->shift[c]);
  }
  if (scales(*affine)) {
    // Dense weights cost no more when they are scaled.
    const Cost before = cost_of(product, planner.options());
    const std::uint64_t separately = before.bytes + 2 * sizeof(float) * channels;
    if (!before.is_dense && cost_of(scaled, planner.options()).bytes > separately) return false;
  }
  product = std::move(scaled);
  node.output_as(0, layer, node.shape(layer));
  return true;
}

}  // namespace qc::c
