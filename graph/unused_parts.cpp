#include "graph/unused_parts.h"

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <set>
#include <string_view>
#include <utility>

namespace qc {
namespace {

constexpr std::array<std::string_view, 3> kKnownDomains = {"", "ai.onnx.ml", "com.microsoft"};

class Remover {
 public:
  explicit Remover(ModelGraph& model) : model_(model) {}

  UnusedParts run() {
    count(model_.main, 1);
    for (const TrainingGraphs& training : model_.training) {
      count(training.initialization, 1);
      count(training.algorithm, 1);
      for (const std::string& name : training.bound) ++uses_[name];
    }
    for (const Function& function : model_.functions) domains_.insert(function.domain);
    // One round is enough where nodes come before those that use what they make, as ONNX asks.
    std::size_t known = 0;
    do {
      known = parts_.nodes.size();
      clean(model_.main);
    } while (parts_.nodes.size() > known);
    remove_functions();
    return std::move(parts_);
  }

 private:
  void count(const Node& node, int by) {
    for (const std::string& input : node.inputs) uses_[input] += by;
    each_subgraph(node, [&](const Graph& inner) { count(inner, by); });
  }

  // Names of inner graphs count as uses of outer values of the same name: too many rather than few.
  void count(const Graph& graph, int by) {
    for (const Node& node : graph.nodes) count(node, by);
    for (const GraphValue& output : graph.outputs) uses_[output.name] += by;
    for (const std::string& name : graph.annotated) uses_[name] += by;
  }

  bool is_used(const std::string& value) const {
    const auto found = uses_.find(value);
    return found != uses_.end() && found->second > 0;
  }

  bool is_unused(const Node& node) const {
    const bool known = std::ranges::find(kKnownDomains, node.domain) != kKnownDomains.end() ||
                       domains_.contains(node.domain);
    const auto& outputs = node.outputs;
    return known && std::ranges::any_of(outputs, [](const auto& out) { return !out.empty(); }) &&
           std::ranges::none_of(outputs, [&](const auto& out) { return is_used(out); });
  }

  // Whether something was taken out.
  bool clean(Graph& graph) {
    std::set<std::string> gone;  // values
    bool changed = clean_nodes(graph, gone);
    changed |= std::erase_if(graph.initializers, [&](const Initializer& each) {
                 if (is_used(each.name) || each.is_input) return false;
                 gone.insert(each.name);
                 parts_.tensors.push_back({each.name, each.origin.size()});
                 return true;
               }) > 0;
    changed |= std::erase_if(graph.values, [&](const GraphValue& value) {
                 return gone.contains(value.name);
               }) > 0;
    return changed;
  }

  bool clean_nodes(Graph& graph, std::set<std::string>& gone) {
    bool changed = false;
    std::vector<bool> unused(graph.nodes.size());
    for (std::size_t i = graph.nodes.size(); i-- > 0;) {
      Node& node = graph.nodes[i];
      if (!is_unused(node)) {
        changed |= clean_subgraphs(node);
        continue;
      }
      unused[i] = true;
      count(node, -1);
      gone.insert(node.outputs.begin(), node.outputs.end());
      parts_.nodes.push_back({node.op + " " + node.label(), node.origin.size()});
    }
    std::size_t at = 0;
    return std::erase_if(graph.nodes, [&](const Node&) { return unused[at++]; }) > 0 || changed;
  }

  bool clean_subgraphs(Node& node) {
    bool changed = false;
    const auto clean_one = [&](std::shared_ptr<const Graph>& graph) {
      auto copy = std::make_shared<Graph>(*graph);
      if (!clean(*copy)) return;
      graph = std::move(copy);
      changed = true;
    };
    for (Attribute& attribute : node.attributes) {
      using One = std::shared_ptr<const Graph>;
      if (auto* one = std::get_if<One>(&attribute.value)) clean_one(*one);
      if (auto* all = std::get_if<std::vector<One>>(&attribute.value)) {
        std::ranges::for_each(*all, clean_one);
      }
    }
    return changed;
  }

  using FunctionName = std::pair<std::string, std::string>;

  void collect_calls(const std::vector<Node>& nodes, std::set<FunctionName>& calls) const {
    for (const Node& node : nodes) {
      const bool is_new = calls.emplace(node.domain, node.op).second;
      each_subgraph(node, [&](const Graph& inner) { collect_calls(inner.nodes, calls); });
      if (!is_new) continue;
      for (const Function& function : model_.functions) {
        const bool called = function.domain == node.domain && function.name == node.op;
        if (called) collect_calls(function.nodes, calls);
      }
    }
  }

  void remove_functions() {
    if (model_.functions.empty()) return;
    std::set<FunctionName> calls;
    collect_calls(model_.main.nodes, calls);
    for (const TrainingGraphs& training : model_.training) {
      collect_calls(training.initialization.nodes, calls);
      collect_calls(training.algorithm.nodes, calls);
    }
    std::erase_if(model_.functions, [&](const Function& function) {
      if (calls.contains({function.domain, function.name})) return false;
      parts_.functions.push_back({function.domain + "." + function.name, function.origin.size()});
      return true;
    });
  }

  ModelGraph& model_;
  std::map<std::string, std::int64_t, std::less<>> uses_;
  std::set<std::string> domains_;  // of the model's own functions
  UnusedParts parts_;
};

}  // namespace

UnusedParts remove_unused_parts(ModelGraph& model) {
  if (model.main.outputs.empty()) return {};
  return Remover(model).run();
}

}  // namespace qc
