#include "emit/raise_opset.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace qc {
namespace {

// An operator that means the same in versions `since` to kLastRaised, as ONNX's changelog of
// operators has it: later versions of it allow more types, negative axes, or attributes whose
// default is what was there before.
struct Unchanged {
  std::string_view op;
  std::int64_t since = kFirstRaised;
};

constexpr std::array kUnchanged = std::to_array<Unchanged>({
    {"Abs"},
    {"Acos"},
    {"Add"},
    {"And"},
    {"ArgMax"},
    {"ArgMin"},
    {"Asin"},
    {"Atan"},
    {"AveragePool"},
    {"BatchNormalization"},
    {"Cast"},
    {"Ceil"},
    {"Concat"},
    {"Constant"},
    {"ConstantOfShape"},
    {"Conv"},
    {"ConvTranspose"},
    {"Cos"},
    {"DepthToSpace"},
    {"DequantizeLinear"},
    {"Div"},
    {"Dropout"},
    {"Elu"},
    {"Equal"},
    {"Erf"},
    {"Exp"},
    {"Expand"},
    {"Flatten"},
    {"Floor"},
    {"GRU"},
    {"Gather"},
    {"Gemm"},
    {"GlobalAveragePool"},
    {"GlobalMaxPool"},
    {"Greater"},
    {"HardSigmoid"},
    {"Identity"},
    {"If"},
    {"InstanceNormalization"},
    {"LRN"},
    {"LSTM"},
    {"LeakyRelu"},
    {"Less"},
    {"Log"},
    {"LogSoftmax"},
    {"Loop"},
    {"MatMul"},
    {"Max"},
    {"MaxPool"},
    {"Mean"},
    {"Min"},
    {"Mod"},
    {"Mul"},
    {"Neg"},
    {"NonZero"},
    {"Not"},
    {"Or"},
    {"PRelu"},
    {"Pow"},
    {"QuantizeLinear"},
    {"RNN"},
    {"Reciprocal"},
    {"ReduceL1"},
    {"ReduceL2"},
    {"ReduceLogSum"},
    {"ReduceLogSumExp"},
    {"ReduceMax"},
    {"ReduceMean"},
    {"ReduceMin"},
    {"ReduceProd"},
    {"ReduceSum"},
    {"ReduceSumSquare"},
    {"Relu"},
    {"Reshape"},
    {"Scan", 9},
    {"Selu"},
    {"Shape"},
    {"Sigmoid"},
    {"Sign"},
    {"Sin"},
    {"Size"},
    {"Slice", 10},
    {"Softmax"},
    {"Softplus"},
    {"Softsign"},
    {"SpaceToDepth"},
    {"Split"},
    {"Sqrt"},
    {"Squeeze"},
    {"Sub"},
    {"Sum"},
    {"Tan"},
    {"Tanh"},
    {"Tile"},
    {"TopK", 10},
    {"Transpose"},
    {"Unsqueeze"},
    {"Where"},
    {"Xor"},
});

bool is_unchanged(const Node& node, std::int64_t from) {
  const auto* found = std::ranges::find(kUnchanged, node.op, &Unchanged::op);
  if (found == kUnchanged.end() || from < found->since) return false;
  // Version 9 took the attribute away that made it normalise elements apart.
  const auto* spatial = node.get<std::int64_t>("spatial");
  return node.op != "BatchNormalization" || spatial == nullptr || *spatial == 1;
}

const Node* first_changed(const Graph& graph, std::int64_t from) {
  for (const Node& node : graph.nodes) {
    if (node.domain.empty() && !is_unchanged(node, from)) return &node;
    const Node* inner = nullptr;
    each_subgraph(node, [&](const Graph& each) {
      if (inner == nullptr) inner = first_changed(each, from);
    });
    if (inner != nullptr) return inner;
  }
  return nullptr;
}

}  // namespace

std::string raise_opset(ModelGraph& model, std::int64_t to) {
  const std::int64_t from = model.opset();
  if (from >= to) return "";
  if (from < kFirstRaised || to > kLastRaised) {
    return fmt::format("opset {} is older than {}", from, kFirstRaised);
  }
  if (const Node* node = first_changed(model.main, from)) {
    return fmt::format("{} '{}' may mean something else in opset {}", node->op, node->label(), to);
  }
  model.opsets[""] = to;
  return "";
}

}  // namespace qc
