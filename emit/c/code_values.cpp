#include "emit/c/code_values.h"

#include <optional>
#include <string_view>

#include "emit/c/planner.h"
#include "graph/binary_values.h"

namespace qc::c {
namespace {

// The node that makes the first input of another, if it is of that operator.
const Node* maker_of(const Planner& planner, const std::string& value, std::string_view op) {
  const Node* node = planner.maker(value);
  return node != nullptr && node->is_standard(op) && !node->inputs.empty() ? node : nullptr;
}

std::optional<float> scalar(const Planner& planner, const Node& node, std::size_t input) {
  if (node.inputs.size() <= input) return std::nullopt;
  return planner.known_scalar(node.inputs[input]);
}

}  // namespace

unsigned find_code_bits(const Planner& planner, const std::string& value) {
  const Node* node = planner.maker(value);
  while (node != nullptr && keeps_values(*node)) node = planner.maker(node->inputs[0]);
  if (node == nullptr || !node->is_standard("Div") || node->inputs.size() != 2) return 0;
  const Node* round = maker_of(planner, node->inputs[0], "Round");
  const Node* scaled = round != nullptr ? maker_of(planner, round->inputs[0], "Mul") : nullptr;
  const Node* clip = scaled != nullptr ? maker_of(planner, scaled->inputs[0], "Clip") : nullptr;
  if (clip == nullptr || scalar(planner, *clip, 1) != 0.0F || scalar(planner, *clip, 2) != 1.0F) {
    return 0;
  }
  const std::optional<float> largest = scalar(planner, *node, 1);
  if (!largest || scalar(planner, *scaled, 1) != largest) return 0;
  for (unsigned bits = 1; bits <= 8; ++bits) {
    if (*largest == static_cast<float>((1U << bits) - 1)) return bits;
  }
  return 0;
}

}  // namespace qc::c
