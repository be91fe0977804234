// ONNX operators as functions on libtorch tensors.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "engine/torch/value.h"
#include "graph/graph.h"

namespace qc::torch_engine {

class Interpreter;

/// What an operator is given: a node, its inputs and the version of its domain.
class OpContext {
 public:
  OpContext(Interpreter& interpreter, const Node& its_node, std::int64_t version, Values values)
      : node(its_node), opset(version), inputs(std::move(values)), interpreter_(interpreter) {}

  const Node& node;
  const std::int64_t opset;
  const Values inputs;  ///< one for each name, not present where the name is empty

  /// True when input `index` is given.
  bool has(std::size_t index) const { return index < inputs.size() && inputs[index].present(); }
  /// Input `index`, a tensor. Refuses the node when it is missing or a sequence.
  const at::Tensor& in(std::size_t index) const;
  const std::vector<at::Tensor>& sequence(std::size_t index) const;
  /// The elements of an integer tensor (shapes, axes, ...), flattened.
  std::vector<std::int64_t> ints_in(std::size_t index) const;
  /// The only element of a tensor, as a double.
  double scalar_in(std::size_t index) const;

  bool has_attribute(std::string_view name) const;
  std::int64_t int_or(std::string_view name, std::int64_t otherwise) const;
  float float_or(std::string_view name, float otherwise) const;
  std::string string_or(std::string_view name, std::string_view otherwise) const;
  /// Empty where the attribute is not given.
  std::vector<std::int64_t> ints(std::string_view name) const;
  std::vector<float> floats(std::string_view name) const;
  std::vector<std::string> strings(std::string_view name) const;
  /// Nothing when the attribute is not given.
  std::optional<at::Tensor> tensor(std::string_view name) const;
  const Graph& graph(std::string_view name) const;
  /// From an attribute before opset `moved`, from input `index` since: as Squeeze's axes did.
  /// Nothing when not given.
  std::optional<std::vector<std::int64_t>> ints_moved(std::string_view name, std::int64_t moved,
                                                      std::size_t index) const;

  /// The libtorch type of an element type; refuses one that libtorch has not.
  at::ScalarType torch_type(DataType type) const;

  /// An axis in [0, rank); refuses one out of range.
  std::int64_t axis(std::int64_t given, std::int64_t rank) const;

  /// True while the network is trained: dropout drops, batch normalisation learns if asked to.
  bool training() const;
  NormTraining norm() const;

  /// Runs a graph in an attribute as one iteration of a loop. Throws Error(kLimit) after too many.
  Values run_iteration(const Graph& graph, const Values& arguments) const;

  /// Runs a graph in an attribute, which sees the names around it.
  Values run(const Graph& graph, const Values& arguments) const;

  /// Throws Error(kUnsupported): "Conv 'name' (opset 11): what".
  [[noreturn]] void refuse(const std::string& what) const;
  /// Throws Error(kLimit) in the same words.
  [[noreturn]] void exceed(const std::string& what) const;

 private:
  std::string described(const std::string& what) const;

  template <typename T>
  const T* find(std::string_view name) const;

  Interpreter& interpreter_;
};

/// One operator in a range of opset versions with one meaning; for those that changed, several rows
/// or a function that looks at OpContext::opset.
struct Operator {
  std::string_view name;
  std::int64_t since;
  Values (*run)(const OpContext&);
  /// The last version of the domain that is known to keep this meaning.
  std::int64_t until = kNewestOpset;
  std::string_view domain = {};

  static constexpr std::int64_t kNewestOpset = 21;
};

/// The rows of each file in ops/.
std::span<const Operator> activation_operators();
std::span<const Operator> arithmetic_operators();
std::span<const Operator> attention_operators();
std::span<const Operator> comparison_operators();
std::span<const Operator> control_flow_operators();
std::span<const Operator> convolution_operators();
std::span<const Operator> detection_operators();
std::span<const Operator> elementary_operators();
std::span<const Operator> generator_operators();
std::span<const Operator> indexing_operators();
std::span<const Operator> legacy_operators();
std::span<const Operator> loss_operators();
std::span<const Operator> matrix_operators();
std::span<const Operator> normalization_operators();
std::span<const Operator> pooling_operators();
std::span<const Operator> quantization_operators();
std::span<const Operator> quantized_layer_operators();
std::span<const Operator> rearrange_operators();
std::span<const Operator> recurrent_operators();
std::span<const Operator> reduction_operators();
std::span<const Operator> resize_operators();
std::span<const Operator> sequence_operators();
std::span<const Operator> shape_operators();
std::span<const Operator> signal_operators();

/// The row for an operator, or null.
const Operator* find_operator(std::string_view domain, std::string_view name, std::int64_t opset);
using FindOperator = decltype(&find_operator);

}  // namespace qc::torch_engine
