#include "passes/weight_layers.h"

#include <string_view>
#include <unordered_map>

#include "core/float_types.h"
#include "passes/outcome.h"

namespace qc {
namespace {

// The constants of the main graph by name, how many inputs of nodes read each value, and the sums
// by what they read.
struct NamedValues {
  std::unordered_map<std::string_view, std::size_t> tensors;
  std::unordered_map<std::string_view, int> reads;
  std::unordered_map<std::string_view, const Node*> sums;
};

NamedValues named_values(const Graph& graph) {
  NamedValues named;
  for (const Initializer& each : graph.initializers) {
    if (!each.tensor.sparse) named.tensors[each.name] = each.tensor.index;
  }
  for (const Node& node : graph.nodes) {
    for (const std::string& input : node.inputs) ++named.reads[input];
    if (node.is_standard("Add") && node.inputs.size() == 2) {
      for (const std::string& input : node.inputs) named.sums[input] = &node;
    }
    const auto* value = node.get<GraphTensor>("value");
    if (node.is_standard("Constant") && value != nullptr && !node.outputs.empty()) {
      named.tensors[node.outputs.front()] = value->index;
    }
  }
  return named;
}

// What a Gemm multiplies its product or its bias with.
float scale(const Node& node, std::string_view attribute) {
  const auto* value = node.get<float>(attribute);
  return value != nullptr ? *value : 1;
}

// The constant that is added to what a product makes: its own third input, or that of an Add
// behind.
std::optional<std::size_t> find_bias(const OnnxModel& model, const NamedValues& named,
                                     const MatrixUse& use, const MatrixForm& form) {
  const Node& node = *use.node;
  std::string_view name;
  const bool is_gemm = node.op == "Gemm" || node.op == "FusedGemm";
  const bool adds = node.op == "Conv" || node.op == "FusedConv" || node.op == "ConvTranspose" ||
                    (is_gemm && use.input == 1 && scale(node, "alpha") == scale(node, "beta"));
  if (adds && node.inputs.size() > 2) name = node.inputs[2];
  if (node.op == "MatMul" && use.input == 1 && form.groups == 1 && !node.outputs.empty()) {
    const std::string& output = node.outputs.front();
    const auto reads = named.reads.find(output);
    if (reads == named.reads.end() || reads->second != 1) return std::nullopt;
    if (const auto sum = named.sums.find(output); sum != named.sums.end()) {
      const std::vector<std::string>& terms = sum->second->inputs;
      name = terms[0] == output ? terms[1] : terms[0];
    }
  }
  const auto found = named.tensors.find(name);
  if (name.empty() || found == named.tensors.end() || named.reads.at(name) != 1) {
    return std::nullopt;
  }
  const TensorInfo& tensor = model.tensors()[found->second];
  if (!tensor.has_values() || tensor.count() != form.groups * form.rows) return std::nullopt;
  // Of a product, only what runs along the last axis.
  if (!tensor.dims.empty() && static_cast<std::uint64_t>(tensor.dims.back()) != tensor.count()) {
    return std::nullopt;
  }
  return found->second;
}

}  // namespace

std::vector<WeightLayer> find_layers(const OnnxModel& model, const std::set<std::size_t>& kept) {
  const Graph& graph = model.graph()->main;
  const NamedValues named = named_values(graph);
  const auto uses = matrix_uses(graph);
  std::set<std::size_t> biases;
  std::vector<WeightLayer> layers;
  for (const auto& [index, found] : uses) {
    const TensorInfo& tensor = model.tensors()[index];
    if (!tensor.has_values() || kept.contains(index) || !load_finite(model, tensor)) continue;
    const auto form = matrix_form(*found.front().node, found.front().input, tensor.dims);
    if (!form) continue;
    WeightLayer layer{index, *form, std::nullopt};
    if (found.size() == 1) {
      layer.bias = find_bias(model, named, found.front(), *form);
      if (layer.bias && (kept.contains(*layer.bias) || !biases.insert(*layer.bias).second)) {
        layer.bias.reset();
      }
    }
    layers.push_back(layer);
  }
  return layers;
}

std::vector<float> values_of(const OnnxModel& model, std::size_t tensor) {
  const TensorInfo& info = model.tensors()[tensor];
  return load_floats(info.type, model.payload(info));
}

Bytes payload_of(const OnnxModel& model, std::size_t tensor, std::span<const float> values) {
  const TensorInfo& info = model.tensors()[tensor];
  Bytes bytes(static_cast<std::size_t>(info.size));
  store_floats(info.type, values, bytes);
  return bytes;
}

}  // namespace qc
