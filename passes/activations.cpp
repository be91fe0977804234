#include "passes/activations.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/float_types.h"
#include "graph/graph_editor.h"

namespace qc {
namespace {

constexpr std::array<std::string_view, 4> kLayers = {"Conv", "ConvTranspose", "Gemm", "MatMul"};

// Operators that only move values, or drop some.
constexpr std::array<std::string_view, 8> kMoves = {"Identity",  "Flatten",   "Reshape", "Squeeze",
                                                    "Unsqueeze", "Transpose", "Dropout", "Slice"};

// Operators that keep the values they pool between the least and the greatest.
constexpr std::array<std::string_view, 3> kPools = {"MaxPool", "AveragePool", "GlobalAveragePool"};

// Activations that can be taken out: the quantiser is one itself.
constexpr std::array<std::string_view, 6> kActivations = {"Relu", "LeakyRelu", "PRelu",
                                                          "Elu",  "Clip",      "HardSigmoid"};

// Operators that give nothing below zero.
constexpr std::array<std::string_view, 6> kNeverNegative = {"Relu",    "HardSigmoid", "Sigmoid",
                                                            "Softmax", "Softplus",    "Abs"};

// Nodes that are followed upwards from a layer; a graph that is no graph has circles.
constexpr int kLongestChain = 256;

template <typename Names>
bool among(const Names& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

class Rewriter {
 public:
  Rewriter(EditedGraph& edited, const OnnxModel& model, const std::vector<std::size_t>& weights,
           const ActivationForm& form, std::vector<std::string>& notes)
      : graph_(edited), model_(model), form_(form), notes_(notes) {
    for (const std::size_t index : weights) {
      const TensorInfo& tensor = model.tensors()[index];
      weights_[tensor.name] = &tensor;
    }
    for (const TensorInfo& tensor : model.tensors()) by_name_.try_emplace(tensor.name, &tensor);
    for (const GraphValue& input : edited.graph.main.inputs) inputs_.insert(input.name);
  }

  void run() {
    require_opset();
    for (auto node = graph_.begin(); node != graph_.end(); ++node) {
      if (!among(kLayers, node->op) || node->inputs.size() < 2) continue;
      if (const TensorInfo* weight = weight_of(node->inputs[1])) rewrite_layer(node, *weight);
    }
    graph_.finish();
    if (!taken_out_.empty()) {
      notes_.push_back(fmt::format("taken out, for the quantisers are activations themselves: {}",
                                   fmt::join(taken_out_, ", ")));
    }
    report_order();
  }

 private:
  void require_opset() const {
    constexpr std::int64_t kBroadcasts = 7;
    if (graph_.opset() >= kBroadcasts) return;
    throw Error(ErrorCode::kUnsupported,
                fmt::format("activations are quantised with operators of opset {}; the model has "
                            "opset {}: convert it with onnx.version_converter first",
                            kBroadcasts, graph_.opset()));
  }

  // The chosen tensor behind a weight input, which casts and transpositions may hide.
  const TensorInfo* weight_of(std::string value) {
    constexpr int kDeepest = 16;
    for (int depth = 0; depth < kDeepest; ++depth) {
      if (const auto found = weights_.find(value); found != weights_.end()) return found->second;
      const Node* node = graph_.producer(value);
      if (node == nullptr || node->inputs.empty()) break;
      const bool passes = among(kMoves, node->op) || node->op == "Cast";
      if (!passes) break;
      value = node->inputs[0];
    }
    return nullptr;
  }

  void rewrite_layer(GraphEditor::Position layer, const TensorInfo& weight) {
    const std::string input = layer->inputs[0];
    if (reads_network_input(input)) {
      notes_.push_back(
          fmt::format("{}: reads the network's input, which stays as it is", layer->label()));
      return;
    }
    if (is_quantised(input)) {
      notes_.push_back(fmt::format("{}: its input is quantised already", layer->label()));
      return;
    }
    if (form_.kind != ActivationKind::kUnit && !take_out_activation(*layer)) return;
    const std::string source = layer->inputs[0];
    check_order(*layer, source);
    auto known = quantised_.find(source);
    if (known == quantised_.end()) {
      known = quantised_.emplace(source, quantiser(layer, source, weight.type)).first;
    }
    graph_.set_input(*layer, 0, known->second);
    if (form_.scale_map) scale_output(layer, source, weight);
  }

  bool reads_network_input(std::string value) {
    for (int depth = 0; depth < kLongestChain; ++depth) {
      if (inputs_.contains(value)) return true;
      const Node* node = graph_.producer(value);
      const bool passes = node != nullptr && !node->inputs.empty() &&
                          (among(kMoves, node->op) || node->op == "Cast" || node->op == "Pad");
      if (!passes) return false;
      value = node->inputs[0];
    }
    return false;
  }

  // Rounding or a sign, with at most a product or sum behind it.
  bool is_quantised(std::string value) {
    constexpr int kDeepest = 3;
    for (int depth = 0; depth < kDeepest; ++depth) {
      const Node* node = graph_.producer(value);
      if (node == nullptr || node->inputs.empty()) return false;
      const std::string& op = node->op;
      if (op == "Sign" || op == "Round" || op == "Floor" || op == "DequantizeLinear") return true;
      if (op != "Mul" && op != "Div" && op != "Add" && !among(kMoves, op)) return false;
      value = node->inputs[0];
    }
    return false;
  }

  bool never_negative(const Node& node) const {
    if (node.op != "Clip") return among(kNeverNegative, node.op);
    if (const auto* least = node.get<float>("min")) return *least >= 0;
    if (node.inputs.size() < 2) return false;
    const auto found = by_name_.find(node.inputs[1]);
    if (found == by_name_.end()) return false;
    const TensorInfo& least = *found->second;
    if (!least.has_values() || least.count() != 1) return false;
    return load_floats(least.type, model_.payload(least)).front() >= 0;
  }

  // Behind a rectifier all signs are the same. One that only this layer sees is taken out; else
  // false, with a note.
  bool take_out_activation(Node& layer) {
    bool only_here = true;
    Node* user = &layer;
    for (int depth = 0; depth < kLongestChain; ++depth) {
      const std::string value = user->inputs[0];
      Node* node = graph_.producer(value);
      if (node == nullptr || node->inputs.empty()) return true;
      only_here &= graph_.uses(value) == 1;
      if (only_here && among(kActivations, node->op)) {
        taken_out_.push_back(fmt::format("{} {}", node->op, node->label()));
        graph_.set_input(*user, 0, node->inputs[0]);
        graph_.remove_unused(value);
        return true;
      }
      if (never_negative(*node)) {
        notes_.push_back(fmt::format(
            "{}: its input, from {} {}, is never negative and cannot be taken out: not quantised",
            layer.label(), node->op, node->label()));
        return false;
      }
      if (!among(kMoves, node->op) && !among(kPools, node->op)) return true;
      user = node;
    }
    return true;
  }

  std::string add(GraphEditor::Position before, std::string_view op,
                  const std::vector<std::string>& inputs, const std::string& name,
                  std::vector<Attribute> attributes = {}) {
    std::string output = graph_.new_name(name);
    graph_.insert(before, op, inputs, output, std::move(attributes));
    return output;
  }

  std::string clip(GraphEditor::Position before, const std::string& value, DataType type,
                   double least) {
    const std::string name = value + "/clip";
    constexpr std::int64_t kClipTakesInputs = 11;
    if (graph_.opset() >= kClipTakesInputs) {
      return add(before, "Clip", {value, graph_.scalar(type, least), graph_.scalar(type, 1)}, name);
    }
    return add(before, "Clip", {value}, name, {{"min", static_cast<float>(least)}, {"max", 1.0F}});
  }

  std::string round(GraphEditor::Position before, const std::string& value, DataType type,
                    const std::string& name) {
    constexpr std::int64_t kHasRound = 11;
    if (graph_.opset() >= kHasRound) return add(before, "Round", {value}, name);
    const std::string half = add(before, "Add", {value, graph_.scalar(type, 0.5)}, name + "/half");
    return add(before, "Floor", {half}, name);
  }

  // The clip gives straight-through gradients their window (hard tanh), in training and here.
  std::string quantiser(GraphEditor::Position before, const std::string& value, DataType type) {
    const double steps = (1 << form_.bits) - 1;
    const auto number = [&](double each) { return graph_.scalar(type, each); };
    switch (form_.kind) {
      case ActivationKind::kSign: {
        // ONNX's Sign of 0 is 0; the second one makes it 1.
        const std::string clipped = clip(before, value, type, -1);
        constexpr std::int64_t kHasSign = 9;
        if (graph_.opset() < kHasSign) {
          const std::string half = add(before, "Mul", {clipped, number(0.5)}, value + "/half");
          const std::string floor = add(before, "Floor", {half}, value + "/floor");
          const std::string twice = add(before, "Mul", {floor, number(2)}, value + "/twice");
          return add(before, "Add", {twice, number(1)}, value + "/binary");
        }
        const std::string sign = add(before, "Sign", {clipped}, value + "/sign");
        const std::string moved = add(before, "Add", {sign, number(0.5)}, value + "/nonzero");
        return add(before, "Sign", {moved}, value + "/binary");
      }
      case ActivationKind::kSymmetric: {
        const std::string clipped = clip(before, value, type, -1);
        const std::string scaled =
            add(before, "Mul", {clipped, number(steps / 2)}, value + "/scaled");
        const std::string moved = add(before, "Add", {scaled, number(steps / 2)}, value + "/moved");
        const std::string codes = round(before, moved, type, value + "/codes");
        const std::string unit = add(before, "Mul", {codes, number(2 / steps)}, value + "/unit");
        return add(before, "Add", {unit, number(-1)}, value + "/quantized");
      }
      case ActivationKind::kUnit:
        break;
    }
    const std::string clipped = clip(before, value, type, 0);
    if (form_.bits == 1) return round(before, clipped, type, value + "/quantized");
    const std::string scaled = add(before, "Mul", {clipped, number(steps)}, value + "/scaled");
    const std::string codes = round(before, scaled, type, value + "/codes");
    return add(before, "Div", {codes, number(steps)}, value + "/quantized");
  }

  // y = layer(sign(x)) becomes y = layer(sign(x)) without bias * K + bias.
  void scale_output(GraphEditor::Position layer, const std::string& source,
                    const TensorInfo& weight) {
    if (const char* reason = why_no_scale_map(*layer)) {
      notes_.push_back(fmt::format("{}: without the scales K, for {}", layer->label(), reason));
      return;
    }
    const std::string name = source + "/mean";
    const std::string magnitudes = add(layer, "Abs", {source}, source + "/abs");
    const bool convolution = layer->op == "Conv";
    const std::int64_t axis = convolution || layer->op == "Gemm" ? 1 : -1;
    std::string scales = mean(layer, magnitudes, axis, name);
    if (convolution) scales = box_filter(layer, scales, weight, source + "/k");

    const std::string output = layer->outputs[0];
    const std::string bias = layer->inputs.size() > 2 ? layer->inputs[2] : "";
    const std::string plain = graph_.new_name(output + "/unscaled");
    graph_.set_output(layer, 0, plain);
    if (!bias.empty()) {
      graph_.drop_last_input(*layer);
    }
    const auto after = std::next(layer);
    if (bias.empty()) {
      graph_.insert(after, "Mul", {plain, scales}, output);
      return;
    }
    const std::string scaled = add(after, "Mul", {plain, scales}, output + "/scaled");
    std::string added = bias;
    if (convolution) {
      std::vector<std::int64_t> shape(weight.dims.size() - 1, 1);
      shape.front() = -1;
      added = add(after, "Reshape", {bias, graph_.integers(shape)}, bias + "/column");
    }
    graph_.insert(after, "Add", {scaled, added}, output);
  }

  const char* why_no_scale_map(const Node& layer) const {
    if (layer.op == "ConvTranspose") return "it is a transposed convolution";
    const auto* group = layer.get<std::int64_t>("group");
    if (group != nullptr && *group != 1) return "it has groups";
    const auto* dilations = layer.get<std::vector<std::int64_t>>("dilations");
    if (dilations != nullptr &&
        std::ranges::any_of(*dilations, [](auto dilation) { return dilation != 1; })) {
      return "it is dilated";
    }
    for (const char* name : {"alpha", "beta"}) {
      const auto* factor = layer.get<float>(name);
      if (factor != nullptr && *factor != 1) return "it has factors alpha and beta";
    }
    const auto* transposed = layer.get<std::int64_t>("transA");
    if (transposed != nullptr && *transposed != 0) return "its input is transposed";
    return nullptr;
  }

  std::string mean(GraphEditor::Position before, const std::string& value, std::int64_t axis,
                   const std::string& name) {
    constexpr std::int64_t kAxesAreInputs = 18;
    const Attribute keep = {"keepdims", std::int64_t{1}};
    if (graph_.opset() >= kAxesAreInputs) {
      return add(before, "ReduceMean", {value, graph_.integers({axis})}, name, {keep});
    }
    return add(before, "ReduceMean", {value}, name,
               {{"axes", std::vector<std::int64_t>{axis}}, keep});
  }

  // A filter of 1 / (width * height), moved like the convolution's kernel.
  std::string box_filter(GraphEditor::Position layer, const std::string& value,
                         const TensorInfo& weight, const std::string& name) {
    const std::vector<std::int64_t> kernel(weight.dims.begin() + 2, weight.dims.end());
    std::vector<Attribute> attributes = {{"kernel_shape", kernel},
                                         {"count_include_pad", std::int64_t{1}}};
    for (const char* copied : {"pads", "strides", "auto_pad"}) {
      if (const Attribute* attribute = layer->find(copied)) attributes.push_back(*attribute);
    }
    return add(layer, "AveragePool", {value}, name, std::move(attributes));
  }

  // BatchNorm - activation - Conv - Pool loses least (XNOR-Net, section 3.2).
  void check_order(const Node& layer, const std::string& value) {
    const Node* node = graph_.producer(value);
    for (int depth = 0; depth < kLongestChain; ++depth) {
      const bool moves = node != nullptr && !node->inputs.empty() && among(kMoves, node->op);
      if (!moves) break;
      node = graph_.producer(node->inputs[0]);
    }
    if (node != nullptr && node->op == "BatchNormalization") return;
    other_order_.push_back(
        fmt::format("{} ({})", layer.label(), node != nullptr ? node->op : "an input"));
  }

  void report_order() {
    if (form_.kind == ActivationKind::kUnit || other_order_.empty()) return;
    notes_.push_back(fmt::format(
        "the order BatchNormalization - activation - layer - pooling loses least accuracy; "
        "something else comes before the activations of {}",
        fmt::join(other_order_, ", ")));
  }

  GraphEditor graph_;
  const OnnxModel& model_;
  const ActivationForm& form_;
  std::vector<std::string>& notes_;
  std::map<std::string, const TensorInfo*> weights_;
  std::unordered_map<std::string_view, const TensorInfo*> by_name_;  // the first of each name
  std::set<std::string> inputs_;
  std::map<std::string, std::string> quantised_;  // by what they quantise
  std::vector<std::string> taken_out_;
  std::vector<std::string> other_order_;
};

}  // namespace

OnnxModel quantize_activations(const OnnxModel& model, const std::vector<std::size_t>& weights,
                               const ActivationForm& form, std::vector<std::string>& notes) {
  EditedGraph edited = model.edit_graph();
  Rewriter(edited, model, weights, form, notes).run();
  return model.with_graph(std::move(edited));
}

}  // namespace qc
