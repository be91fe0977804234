// From a model to a plan: shapes, constants, and a call of a kernel for each node that is left.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "emit/c/operators.h"
#include "emit/c/plan.h"
#include "emit/c/weights.h"
#include "formats/onnx/load_tensors.h"
#include "graph/binary_values.h"

namespace qc::c {

struct PlanOptions {
  std::map<std::string, Shape> shapes = {};  ///< of inputs, where the model leaves sizes open
  Goal goal = Goal::kSize;
  std::string form = {};  ///< the only form of weights beside dense; empty for all
  /// Pixels whose patches a convolution gathers at a time. Fewer take less memory, and most forms
  /// more time.
  std::size_t block = 8;
};

/// Throws Error(kUnsupported) for what C cannot be written for, Error(kUsage) for sizes that are
/// not known, Error(kLimit) for tensors that are too large.
Plan make_plan(const LoadedModel& model, const PlanOptions& options);

/// The same with the largest blocks for which the arena has at most `bytes`; the least arena where
/// there are none.
Plan make_plan_within(const LoadedModel& model, PlanOptions options, std::uint64_t bytes);

/// A tensor of any float type as one of float32, as it is in C; others as they are.
HostTensor as_float32(HostTensor tensor);

/// No tensor has more bytes, nor has the arena.
inline constexpr std::uint64_t kLargestMemory = std::uint64_t{1} << 31;

class Planner {
 public:
  Planner(const LoadedModel& model, const PlanOptions& options);

  Plan run();

  Plan& plan() noexcept { return plan_; }
  const PlanOptions& options() const noexcept { return options_; }

  /// A value by its name in the model; refuses the node where there is none.
  ValueId find(const Node& node, const std::string& name) const;
  ValueId declare(const Node& node, const std::string& name, Value value);
  void add_constant(const std::string& name, HostTensor value);
  /// Another name for a value.
  void alias(const std::string& name, ValueId value) { names_[name] = value; }

  HostTensor tensor(const GraphTensor& tensor) const;
  /// An identifier that nothing else has, made from text.
  std::string identifier(std::string_view text);
  /// Index of an array; that of an equal one where there is one.
  std::size_t array(ConstantArray array);
  /// The array of a value that is known.
  std::size_t constant_array(ValueId value);

  bool is_binary(const std::string& name) const { return binary_.contains(name); }
  /// The node that makes a value; null where none does.
  const Node* maker(const std::string& name) const;
  /// The one element of a value of floats that is known.
  std::optional<float> known_scalar(const std::string& name) const;
  /// How many nodes read a value; outputs count as another.
  std::size_t uses(const std::string& name) const;
  /// What a step wrote to be read as this input alone, be it under other names in the same shape.
  std::optional<ValueId> made_for(const NodePlan& node, std::size_t input) const;

 private:
  void count_uses(const Graph& graph);
  void add_inputs();
  void add_initializers(const Graph& graph);
  void plan_graph(const Graph& graph);
  void plan_node(const Node& node, std::int64_t opset);
  bool plan_branch(const Node& node);
  std::int64_t opset_of(const Node& node) const;
  void add_outputs();
  void copy_output(ValueId& output);
  void drop_unused_steps();

  const LoadedModel& model_;
  const PlanOptions& options_;
  const Graph& graph_;
  BinaryValues binary_;
  Plan plan_;
  std::unordered_map<std::string, ValueId> names_;
  std::unordered_map<std::string, std::size_t> uses_;
  std::set<std::string> needed_;
  std::set<std::string> identifiers_;
  std::map<ValueId, std::size_t> constant_arrays_;
  std::map<std::pair<std::string, Bytes>, std::size_t> arrays_;
};

}  // namespace qc::c
