#include "graph/zero_signs.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

namespace qc {
namespace {

// What an operator does with the sign of a zero that it reads.
enum class Sign {
  kLost,   // no output depends on it
  kPassed  // outputs may be zeros of another sign, and nothing else
};

// Rows for inputs `first` to `last` of ONNX's own operators. Inputs without one may be looked at.
struct SignRule {
  std::string_view op;
  int first;
  int last;
  Sign sign;
};

constexpr int kAll = 1 << 20;

constexpr std::array kRules = std::to_array<SignRule>({
    {"Conv", 0, 2, Sign::kLost},
    {"ConvTranspose", 0, 2, Sign::kLost},
    {"Gemm", 0, 2, Sign::kLost},
    {"MatMul", 0, 1, Sign::kLost},
    {"LSTM", 0, 3, Sign::kLost},
    {"GRU", 0, 3, Sign::kLost},
    {"RNN", 0, 3, Sign::kLost},
    {"Equal", 0, 1, Sign::kLost},
    {"Greater", 0, 1, Sign::kLost},
    {"GreaterOrEqual", 0, 1, Sign::kLost},
    {"Less", 0, 1, Sign::kLost},
    {"LessOrEqual", 0, 1, Sign::kLost},
    {"ArgMax", 0, 0, Sign::kLost},
    {"ArgMin", 0, 0, Sign::kLost},
    {"IsInf", 0, 0, Sign::kLost},
    {"IsNaN", 0, 0, Sign::kLost},
    {"NonZero", 0, 0, Sign::kLost},
    {"QuantizeLinear", 0, 0, Sign::kLost},
    {"DynamicQuantizeLinear", 0, 0, Sign::kLost},
    {"Shape", 0, 0, Sign::kLost},
    {"Size", 0, 0, Sign::kLost},
    // Values that are moved.
    {"Concat", 0, kAll, Sign::kPassed},
    {"DepthToSpace", 0, 0, Sign::kPassed},
    {"Dropout", 0, 0, Sign::kPassed},
    {"Expand", 0, 0, Sign::kPassed},
    {"Flatten", 0, 0, Sign::kPassed},
    {"Gather", 0, 0, Sign::kPassed},
    {"GatherElements", 0, 0, Sign::kPassed},
    {"GatherND", 0, 0, Sign::kPassed},
    {"Identity", 0, 0, Sign::kPassed},
    {"Pad", 0, 0, Sign::kPassed},
    {"Reshape", 0, 0, Sign::kPassed},
    {"ScatterElements", 0, 0, Sign::kPassed},
    {"ScatterElements", 2, 2, Sign::kPassed},
    {"ScatterND", 0, 0, Sign::kPassed},
    {"ScatterND", 2, 2, Sign::kPassed},
    {"Slice", 0, 0, Sign::kPassed},
    {"SpaceToDepth", 0, 0, Sign::kPassed},
    {"Split", 0, 0, Sign::kPassed},
    {"Squeeze", 0, 0, Sign::kPassed},
    {"Tile", 0, 0, Sign::kPassed},
    {"Transpose", 0, 0, Sign::kPassed},
    {"Unsqueeze", 0, 0, Sign::kPassed},
    {"Where", 1, 2, Sign::kPassed},
    // Sums, products, means and extremes.
    {"Add", 0, 1, Sign::kPassed},
    {"AveragePool", 0, 0, Sign::kPassed},
    {"BatchNormalization", 0, 3, Sign::kPassed},
    {"Div", 0, 0, Sign::kPassed},
    {"Einsum", 0, kAll, Sign::kPassed},
    {"GlobalAveragePool", 0, 0, Sign::kPassed},
    {"GlobalMaxPool", 0, 0, Sign::kPassed},
    {"GroupNormalization", 0, 2, Sign::kPassed},
    {"InstanceNormalization", 0, 2, Sign::kPassed},
    {"LayerNormalization", 0, 2, Sign::kPassed},
    {"LRN", 0, 0, Sign::kPassed},
    {"Max", 0, kAll, Sign::kPassed},
    {"MaxPool", 0, 0, Sign::kPassed},
    {"Mean", 0, kAll, Sign::kPassed},
    {"Min", 0, kAll, Sign::kPassed},
    {"Mul", 0, 1, Sign::kPassed},
    {"ReduceL1", 0, 0, Sign::kPassed},
    {"ReduceL2", 0, 0, Sign::kPassed},
    {"ReduceMax", 0, 0, Sign::kPassed},
    {"ReduceMean", 0, 0, Sign::kPassed},
    {"ReduceMin", 0, 0, Sign::kPassed},
    {"ReduceSum", 0, 0, Sign::kPassed},
    {"ReduceSumSquare", 0, 0, Sign::kPassed},
    {"Resize", 0, 0, Sign::kPassed},
    {"Sub", 0, 1, Sign::kPassed},
    {"Sum", 0, kAll, Sign::kPassed},
    {"Upsample", 0, 0, Sign::kPassed},
    // Functions that give equal numbers for both zeros.
    {"Abs", 0, 0, Sign::kPassed},
    {"Ceil", 0, 0, Sign::kPassed},
    {"Celu", 0, 0, Sign::kPassed},
    {"Clip", 0, 2, Sign::kPassed},
    {"Cos", 0, 0, Sign::kPassed},
    {"Elu", 0, 0, Sign::kPassed},
    {"Erf", 0, 0, Sign::kPassed},
    {"Exp", 0, 0, Sign::kPassed},
    {"Floor", 0, 0, Sign::kPassed},
    {"HardSigmoid", 0, 0, Sign::kPassed},
    {"HardSwish", 0, 0, Sign::kPassed},
    {"LeakyRelu", 0, 0, Sign::kPassed},
    {"LogSoftmax", 0, 0, Sign::kPassed},
    {"Mish", 0, 0, Sign::kPassed},
    {"Neg", 0, 0, Sign::kPassed},
    {"PRelu", 0, 1, Sign::kPassed},
    {"Relu", 0, 0, Sign::kPassed},
    {"Round", 0, 0, Sign::kPassed},
    {"Selu", 0, 0, Sign::kPassed},
    {"Sigmoid", 0, 0, Sign::kPassed},
    {"Sign", 0, 0, Sign::kPassed},
    {"Sin", 0, 0, Sign::kPassed},
    {"Softmax", 0, 0, Sign::kPassed},
    {"Softplus", 0, 0, Sign::kPassed},
    {"Softsign", 0, 0, Sign::kPassed},
    {"Sqrt", 0, 0, Sign::kPassed},
    {"Tanh", 0, 0, Sign::kPassed},
    {"ThresholdedRelu", 0, 0, Sign::kPassed},
});

std::optional<Sign> sign_rule(const Node& node, int input) {
  if (!node.domain.empty()) return std::nullopt;
  if (node.op == "Cast" && input == 0) {
    const auto* to = node.get<std::int64_t>("to");
    const bool text = to == nullptr || static_cast<DataType>(*to) == DataType::kString;
    return text ? std::nullopt : std::optional(Sign::kPassed);
  }
  for (const SignRule& rule : kRules) {
    if (rule.op == node.op && input >= rule.first && input <= rule.last) return rule.sign;
  }
  return std::nullopt;
}

class ReaderFinder {
 public:
  ReaderFinder(const ModelGraph& model, std::size_t tensors)
      : model_(model), readers_(tensors, "a place that is not followed") {}

  std::vector<std::string> run() {
    see_outputs(model_.main, "an output of the graph");
    for (const TrainingGraphs& training : model_.training) {
      see_everything(training.initialization);
      see_everything(training.algorithm);
    }
    // One round is enough where nodes come before those that use what they make, as ONNX asks.
    std::size_t known = 0;
    do {
      known = seen_.size();
      follow(model_.main);
    } while (seen_.size() > known);
    assign(model_.main);
    return std::move(readers_);
  }

 private:
  void see(const std::string& value, const std::string& reader) {
    if (!value.empty()) seen_.try_emplace(value, reader);
  }

  void see_outputs(const Graph& graph, std::string_view what) {
    for (const GraphValue& output : graph.outputs) {
      see(output.name, fmt::format("{}, {}", what, output.name));
    }
  }

  void see_everything(const Graph& graph) {
    for (const Node& node : graph.nodes) {
      for (const std::string& input : node.inputs) see(input, "training information");
      each_subgraph(node, [&](const Graph& inner) { see_everything(inner); });
    }
    for (const Initializer& each : graph.initializers) {
      if (!each.tensor.sparse) see(each.name, "training information");
    }
  }

  // From the outputs back. Names of inner graphs do not hide outer ones.
  void follow(const Graph& graph) {
    for (std::size_t i = graph.nodes.size(); i-- > 0;) {
      const Node& node = graph.nodes[i];
      each_subgraph(node, [&](const Graph& inner) {
        see_outputs(inner, "an output of a graph inside " + node.op);
        follow(inner);
      });
      follow(node);
    }
  }

  void follow(const Node& node) {
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const auto rule = sign_rule(node, static_cast<int>(i));
      if (rule == Sign::kLost) continue;
      if (!rule) {
        see(node.inputs[i], fmt::format("{} {}", node.op, node.label()));
        continue;
      }
      for (const std::string& output : node.outputs) {
        if (const auto found = seen_.find(output); found != seen_.end()) {
          see(node.inputs[i], found->second);
        }
      }
    }
  }

  void assign(const GraphTensor& tensor, const std::string& value) {
    const auto found = seen_.find(value);
    readers_[tensor.index] = found == seen_.end() ? "" : found->second;
  }

  void assign(const Graph& graph) {
    for (const Initializer& each : graph.initializers) assign(each.tensor, each.name);
    for (const Node& node : graph.nodes) {
      each_subgraph(node, [&](const Graph& inner) { assign(inner); });
      if (node.op != "Constant" || node.outputs.size() != 1) continue;
      const auto* value = node.get<GraphTensor>("value");
      if (value != nullptr) assign(*value, node.outputs.front());
    }
  }

  const ModelGraph& model_;
  std::vector<std::string> readers_;
  std::map<std::string, std::string, std::less<>>
      seen_;  // values whose sign is looked at, and where
};

}  // namespace

std::vector<std::string> zero_sign_readers(const ModelGraph& model, std::size_t tensors) {
  return ReaderFinder(model, tensors).run();
}

}  // namespace qc
