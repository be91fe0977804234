#include "graph/channels/known_constants.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace qc {
namespace {

// Nodes that give the elements of their inputs, one after the other.
constexpr std::array<std::string_view, 6> kKeeping = {"Cast",    "Concat",  "Identity",
                                                      "Reshape", "Squeeze", "Unsqueeze"};

constexpr int kDeepest = 8;
constexpr std::size_t kMostIntegers = 4096;

bool has_subgraph(const Node& node) {
  bool found = false;
  each_subgraph(node, [&](const Graph&) { found = true; });
  return found;
}

}  // namespace

KnownConstants::KnownConstants(const Graph& graph, ReadIntegers read) : read_(std::move(read)) {
  for (const Initializer& each : graph.initializers) {
    constant_.insert(each.name);
    if (!each.tensor.sparse) tensors_[each.name] = each.tensor;
  }
  for (const Node& node : graph.nodes) {
    if (node.is_standard("Constant") && node.outputs.size() == 1) {
      const std::string& name = node.outputs.front();
      constant_.insert(name);
      if (const auto* tensor = node.get<GraphTensor>("value");
          tensor != nullptr && !tensor->sparse) {
        tensors_[name] = *tensor;
      }
      if (const auto* list = node.get<Integers>("value_ints")) lists_[name] = *list;
      if (const auto* one = node.get<std::int64_t>("value_int")) lists_[name] = {*one};
      continue;
    }
    const bool computed = std::ranges::any_of(node.inputs, [&](const std::string& input) {
      return !input.empty() && !constant_.contains(input);
    });
    if (computed || node.inputs.empty() || node.outputs.empty() || has_subgraph(node)) continue;
    constant_.insert(node.outputs.begin(), node.outputs.end());
    if (std::ranges::find(kKeeping, node.op) == kKeeping.end() || !node.domain.empty()) continue;
    std::vector<std::string> sources = node.inputs;
    if (node.op != "Concat") sources.resize(1);
    kept_[node.outputs.front()] = std::move(sources);
  }
}

std::optional<Integers> KnownConstants::integers(const std::string& value) const {
  return integers(value, 0);
}

std::optional<Integers> KnownConstants::integers(const std::string& value, int depth) const {
  if (const auto tensor = tensors_.find(value); tensor != tensors_.end()) {
    return read_(tensor->second);
  }
  if (const auto list = lists_.find(value); list != lists_.end()) return list->second;
  const auto kept = kept_.find(value);
  if (kept == kept_.end() || depth == kDeepest) return std::nullopt;
  Integers all;
  for (const std::string& input : kept->second) {
    const auto some = integers(input, depth + 1);
    if (!some || all.size() > kMostIntegers) return std::nullopt;
    all.insert(all.end(), some->begin(), some->end());
  }
  return all;
}

}  // namespace qc
