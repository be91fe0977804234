#include "pipeline/shrink/layers.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "core/float_types.h"
#include "passes/glob.h"
#include "passes/outcome.h"

namespace qc {
namespace {

// Tensors with fewer elements than this save nothing.
constexpr std::uint64_t kLeastCount = 8;

std::set<std::size_t> excluded(const OnnxModel& model, const std::vector<std::string>& globs) {
  std::set<std::size_t> tensors;
  for (const std::string& glob : globs) {
    const std::size_t before = tensors.size();
    bool matches = false;
    for (std::size_t i = 0; i < model.tensors().size(); ++i) {
      if (!glob_matches(glob, model.tensors()[i].name)) continue;
      tensors.insert(i);
      matches = true;
    }
    if (!matches && before == tensors.size()) {
      throw Error(ErrorCode::kUsage, fmt::format("--exclude {} matches no tensor", glob));
    }
  }
  return tensors;
}

// The constants of the main graph by name, and how many inputs of nodes read each.
struct NamedConstants {
  std::map<std::string_view, std::size_t> tensors;
  std::map<std::string_view, int> reads;
};

NamedConstants named_constants(const Graph& graph) {
  NamedConstants named;
  for (const Initializer& each : graph.initializers) {
    if (!each.tensor.sparse) named.tensors[each.name] = each.tensor.index;
  }
  for (const Node& node : graph.nodes) {
    for (const std::string& input : node.inputs) ++named.reads[input];
    const auto* value = node.get<GraphTensor>("value");
    if (node.is_standard("Constant") && value != nullptr && !node.outputs.empty()) {
      named.tensors[node.outputs.front()] = value->index;
    }
  }
  return named;
}

// The constant that is added to what a product makes: its own third input, or that of an Add
// behind.
std::optional<std::size_t> find_bias(const OnnxModel& model, const NamedConstants& named,
                                     const MatrixUse& use, const MatrixForm& form) {
  const Node& node = *use.node;
  std::string_view name;
  const bool adds = node.op == "Conv" || node.op == "FusedConv" || node.op == "ConvTranspose" ||
                    (node.op == "Gemm" && use.input == 1);
  if (adds && node.inputs.size() > 2) name = node.inputs[2];
  if (node.op == "MatMul" && use.input == 1 && form.groups == 1 && !node.outputs.empty()) {
    const std::string& output = node.outputs.front();
    const auto reads = named.reads.find(output);
    if (reads == named.reads.end() || reads->second != 1) return std::nullopt;
    for (const Node& next : model.graph()->main.nodes) {
      if (!next.is_standard("Add") || next.inputs.size() != 2) continue;
      if (next.inputs[0] == output) name = next.inputs[1];
      if (next.inputs[1] == output) name = next.inputs[0];
    }
  }
  const auto found = named.tensors.find(name);
  if (name.empty() || found == named.tensors.end() || named.reads.at(name) != 1) {
    return std::nullopt;
  }
  const TensorInfo& tensor = model.tensors()[found->second];
  if (!tensor.has_values() || tensor.count() != form.groups * form.rows) return std::nullopt;
  // Of a product, only what runs along the last axis.
  if (node.op == "MatMul" && static_cast<std::uint64_t>(tensor.dims.back()) != tensor.count()) {
    return std::nullopt;
  }
  return found->second;
}

}  // namespace

std::vector<float> values_of(const OnnxModel& model, std::size_t tensor) {
  const TensorInfo& info = model.tensors()[tensor];
  return load_floats(info.type, model.payload(info));
}

ShrinkPlan plan_shrink(const OnnxModel& model, const std::vector<std::string>& exclude) {
  const Graph& graph = model.graph()->main;
  const std::set<std::size_t> kept = excluded(model, exclude);
  const NamedConstants named = named_constants(graph);
  const auto uses = matrix_uses(graph);
  ShrinkPlan plan;
  std::set<std::size_t> biases;
  const auto leave = [&](const TensorInfo& tensor, std::string reason) {
    plan.left.push_back({tensor.name, tensor.count(), std::move(reason)});
  };
  for (std::size_t i = 0; i < model.tensors().size(); ++i) {
    const TensorInfo& tensor = model.tensors()[i];
    const auto found = uses.find(i);
    if (!tensor.has_values() || kept.contains(i) || found == uses.end()) continue;
    if (!load_finite(model, tensor)) continue;
    const MatrixUse& use = found->second.front();
    const auto form = matrix_form(*use.node, use.input, tensor.dims);
    if (!form) continue;
    ShrinkLayer layer{i, *form, std::nullopt};
    if (found->second.size() == 1) {
      layer.bias = find_bias(model, named, use, *form);
      if (layer.bias && (kept.contains(*layer.bias) || !biases.insert(*layer.bias).second)) {
        layer.bias.reset();
      }
    }
    plan.layers.push_back(layer);
  }
  for (std::size_t i = 0; i < model.tensors().size(); ++i) {
    const TensorInfo& tensor = model.tensors()[i];
    if (!is_value_type(tensor.type) || biases.contains(i)) continue;
    if (std::ranges::find(plan.layers, i, &ShrinkLayer::tensor) != plan.layers.end()) continue;
    if (kept.contains(i)) {
      leave(tensor, "excluded");
    } else if (!tensor.has_values()) {
      leave(tensor, "its values cannot be overwritten in place");
    } else if (!load_finite(model, tensor)) {
      leave(tensor, std::string(kNotFinite));
    } else if (tensor.role == Role::kOther || tensor.count() < kLeastCount) {
      leave(tensor, tensor.role == Role::kOther ? "no weight" : "too few elements");
    } else {
      plan.singles.push_back(i);
    }
  }
  if (plan.layers.empty() && plan.singles.empty()) {
    throw Error(ErrorCode::kUnsupported, "the model has no float weights that can be rounded");
  }
  return plan;
}

}  // namespace qc
