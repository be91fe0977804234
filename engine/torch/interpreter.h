// Executes a graph node by node on libtorch tensors, so that autograd sees every operation.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/engine.h"
#include "engine/torch/constants.h"
#include "engine/torch/op.h"
#include "engine/torch/value.h"
#include "formats/onnx/load_tensors.h"

namespace qc::torch_engine {

/// Gradients by what some nodes give, quantised (DoReFa-Net, arXiv 1606.06160, equation 12).
struct GradientQuantizer {
  int bits = 0;
  std::set<std::string> weights;  ///< nodes that read one of these values
};

struct Mode {
  bool training = false;
  NormTraining norm = NormTraining::kFrozen;
  const GradientQuantizer* gradients = nullptr;
  std::uint64_t seed = 0;  ///< of the noise of quantised gradients
};

/// A run of the main graph that has stopped between two nodes. Copies share tensors.
struct Frontier {
  std::size_t next = 0;                                ///< index of the node that comes
  std::unordered_map<std::string_view, Value> values;  ///< that it or a later one reads
};

class Interpreter {
 public:
  /// Throws Error(kUnsupported) naming the first operator, its node and opset, that `find` does not
  /// know. The model must outlive this.
  Interpreter(const LoadedModel& model, at::Device device, const ExecutionLimits& limits,
              FindOperator find = find_operator);

  /// The values called `wanted` for one value of each graph input.
  Values run(const Values& inputs, const std::vector<std::string>& wanted, Mode mode);

  /// The main graph before its first node.
  Frontier start(const Values& inputs) const;
  /// Executes the nodes up to number `end` of the main graph, for inference.
  void advance(Frontier& frontier, std::size_t end);
  /// The node that comes, with its inputs.
  OpContext next_node(Frontier& frontier);

  Values run_subgraph(const Graph& graph, const Values& arguments);

  /// Called before every iteration of a node that repeats a graph. Throws Error(kLimit) after too
  /// many of them.
  void count_iteration(const OpContext& op);

  Constants& constants() { return constants_; }
  const Mode& mode() const { return mode_; }

 private:
  // Names of one graph, inside those of the graphs around it.
  struct Scope {
    std::unordered_map<std::string_view, Value> values;
    const std::unordered_map<std::string_view, const GraphTensor*>* initializers = nullptr;
    Scope* outer = nullptr;
  };
  class ScopeGuard;
  // What a node needs at run time, found once.
  struct Step {
    const Node* node;
    const Operator* row;
    std::int64_t opset;
    std::vector<std::string_view> last_uses;  // values that no later node of this graph reads
    bool widen = false;                       // libtorch has no kernel for the narrow floats here
  };

  // The same of a graph.
  struct Plan {
    std::vector<Step> steps;
    std::unordered_map<std::string_view, const GraphTensor*> initializers;
  };

  void compile(const Graph& graph, FindOperator find);
  void find_last_uses(const Graph& graph, std::vector<Step>& steps);
  Values execute(const Graph& graph, const Values& arguments,
                 const std::vector<std::string_view>& wanted);
  void require_tensors(const std::vector<std::string>& wanted, const Values& results);
  void require_declared_types(const std::vector<std::string>& wanted, const Values& results) const;
  void execute_step(Step& step, Scope& scope);
  Values execute_node(Step& step);
  Values inputs_of(const Step& step);
  void quantize_gradient_of(const Step& step, const Values& outputs);
  Value look_up(std::string_view name);

  const ModelGraph& model_;
  Constants constants_;
  std::unordered_map<const Graph*, Plan> plans_;
  Scope* scope_ = nullptr;
  Mode mode_;
  ExecutionLimits limits_;
  std::uint64_t iterations_ = 0;           // of this run
  std::uint64_t quantized_gradients_ = 0;  // of this run
};

}  // namespace qc::torch_engine
