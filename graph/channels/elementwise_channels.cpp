// Operators that keep every channel to itself: element by element, and normalisations.
#include <array>

#include "graph/channels/operator_channels.h"

namespace qc {
namespace {

// Axes of the same size, counted from the last, as broadcasting joins them.
void tie_broadcast(NodeCoupler& node, std::size_t input, std::size_t output) {
  const std::size_t rank = node.rank(out(output, 0));
  const std::size_t own = node.rank(in(input, 0));
  for (std::size_t axis = 0; axis < own; ++axis) {
    const NodeAxis target = out(output, rank - own + axis);
    if (node.size(in(input, axis)) == node.size(target)) node.tie(in(input, axis), target);
  }
}

void couple_elements(NodeCoupler& node) {
  for (std::size_t i = 0; i < node.outputs(); ++i) {
    if (node.output(i) == nullptr) continue;
    for (std::size_t k = 0; k < node.inputs(); ++k) {
      if (node.has_input(k)) tie_broadcast(node, k, i);
    }
  }
}

// Inputs behind the first that have an entry for each place of an axis.
void tie_parameters(NodeCoupler& node, std::size_t axis) {
  for (std::size_t k = 1; k < node.inputs(); ++k) {
    const bool is_list = node.has_input(k) && node.rank(in(k, 0)) == 1;
    if (is_list && node.size(in(k, 0)) == node.size(in(0, axis))) node.tie(in(k, 0), in(0, axis));
  }
}

void couple_normalization(NodeCoupler& node) {
  tie_broadcast(node, 0, 0);
  tie_parameters(node, 1);
}

void couple_quantization(NodeCoupler& node) {
  tie_broadcast(node, 0, 0);
  const std::size_t rank = node.rank(in(0, 0));
  const std::size_t axis = NodeShapes::axis_of(node.integer("axis", 1), rank);
  if (axis < rank) tie_parameters(node, axis);
}

constexpr std::array kRows = std::to_array<OperatorChannels>({
    {"Abs", couple_elements},
    {"Add", couple_elements},
    {"And", couple_elements},
    {"BatchNormalization", couple_normalization},
    {"Cast", couple_elements},
    {"Ceil", couple_elements},
    {"Celu", couple_elements},
    {"Clip", couple_elements},
    {"Cos", couple_elements},
    {"DequantizeLinear", couple_quantization},
    {"Div", couple_elements},
    {"Dropout", couple_elements},
    {"Elu", couple_elements},
    {"Equal", couple_elements},
    {"Erf", couple_elements},
    {"Exp", couple_elements},
    {"Floor", couple_elements},
    {"Gelu", couple_elements},
    {"Greater", couple_elements},
    {"GreaterOrEqual", couple_elements},
    {"HardSigmoid", couple_elements},
    {"HardSwish", couple_elements},
    {"Identity", couple_elements},
    {"InstanceNormalization", couple_normalization},
    {"LeakyRelu", couple_elements},
    {"Less", couple_elements},
    {"LessOrEqual", couple_elements},
    {"Log", couple_elements},
    {"Max", couple_elements},
    {"Mean", couple_elements},
    {"Min", couple_elements},
    {"Mish", couple_elements},
    {"Mul", couple_elements},
    {"Neg", couple_elements},
    {"Not", couple_elements},
    {"Or", couple_elements},
    {"PRelu", couple_elements},
    {"Pow", couple_elements},
    {"QuantizeLinear", couple_quantization},
    {"Reciprocal", couple_elements},
    {"Relu", couple_elements},
    {"Round", couple_elements},
    {"Selu", couple_elements},
    {"Sigmoid", couple_elements},
    {"Sign", couple_elements},
    {"Sin", couple_elements},
    {"Softplus", couple_elements},
    {"Softsign", couple_elements},
    {"Sqrt", couple_elements},
    {"Sub", couple_elements},
    {"Sum", couple_elements},
    {"Tanh", couple_elements},
    {"ThresholdedRelu", couple_elements},
    {"Where", couple_elements},
});

}  // namespace

std::span<const OperatorChannels> elementwise_channels() { return kRows; }

}  // namespace qc
