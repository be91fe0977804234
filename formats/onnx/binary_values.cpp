#include "formats/onnx/binary_values.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace qc {
namespace {

// Their first output has no value that their first input lacks.
constexpr std::array<std::string_view, 9> kKeepValues = {"Identity", "Flatten",   "Reshape",
                                                         "Squeeze",  "Unsqueeze", "Transpose",
                                                         "Dropout",  "Slice",     "MaxPool"};

}  // namespace

BinaryValues find_binary_values(const onnx::GraphProto& graph) {
  BinaryValues binary;
  for (const auto& node : graph.node()) {
    if (node.input_size() == 0 || node.output_size() == 0 || !node.domain().empty()) continue;
    const bool keeps = std::ranges::find(kKeepValues, node.op_type()) != kKeepValues.end();
    if (node.op_type() == "Sign" || (keeps && binary.contains(node.input(0)))) {
      binary.insert(node.output(0));
    }
  }
  return binary;
}

}  // namespace qc
