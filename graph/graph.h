// The graph of a model: nodes, values and constants by reference. It knows no file format and no
// library, so that passes, reports, exports and engines can all work on it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/tensor.h"

namespace qc {

struct Graph;

/// Where an element of a graph stands in the file that it was read from: a field of a message, with
/// its tag and length, from `begin`; what is in it from `content` to `end`. Nowhere when it is new.
struct Origin {
  std::uint64_t begin = 0;
  std::uint64_t content = 0;
  std::uint64_t end = 0;

  bool is_known() const noexcept { return end > 0; }
  std::uint64_t size() const noexcept { return end - begin; }
};

/// A constant, whose elements stay where they are. `index` is that of the tensor in the model; of a
/// sparse one, of its values.
struct GraphTensor {
  std::size_t index = 0;

  struct Sparse {
    std::size_t indices = 0;         ///< index of the tensor with the places of the values
    std::vector<std::int64_t> dims;  ///< of the dense tensor
    bool operator==(const Sparse&) const = default;
  };
  std::optional<Sparse> sparse = std::nullopt;

  bool operator==(const GraphTensor&) const = default;
};

/// The value of an attribute. monostate: of a kind that is not represented, such as types.
using AttributeValue =
    std::variant<std::monostate, std::int64_t, float, std::string, std::vector<std::int64_t>,
                 std::vector<float>, std::vector<std::string>, GraphTensor,
                 std::vector<GraphTensor>, std::shared_ptr<const Graph>,
                 std::vector<std::shared_ptr<const Graph>>>;

struct Attribute {
  std::string name;
  AttributeValue value;
  Origin origin = {};
};

struct Node {
  std::string name;
  std::string op;
  std::string domain;                ///< "" for ONNX's own operators ("ai.onnx" becomes "")
  std::vector<std::string> inputs;   ///< "" for one that is left out
  std::vector<std::string> outputs;  ///< likewise
  std::vector<Attribute> attributes;
  /// In the order of execution, counted over the whole model: a node comes before those of its
  /// subgraphs, and these before the next node.
  std::size_t number = 0;
  Origin origin = {};

  bool is_standard(std::string_view name_of_op) const { return domain.empty() && op == name_of_op; }
  /// For messages and made-up names: the name, else the first output, else the operator.
  const std::string& label() const;
  /// An attribute; null when it is not given.
  const Attribute* find(std::string_view attribute) const;
  /// The value of an attribute of that type; null when it is not given or of another type.
  template <typename T>
  const T* get(std::string_view attribute) const {
    const Attribute* found = find(attribute);
    return found != nullptr ? std::get_if<T>(&found->value) : nullptr;
  }
};

/// An input or output of a graph, or what the model states of a value.
struct GraphValue {
  std::string name;
  DataType type = DataType::kUndefined;  ///< kUndefined: not declared, or not a tensor
  bool has_shape = false;
  std::vector<std::int64_t> dims;  ///< -1 for an unknown or symbolic dimension
  Origin origin = {};
};

/// A constant with a name.
struct Initializer {
  std::string name;
  GraphTensor tensor;
  /// It is listed among the inputs, too: whoever runs the model may give another value.
  bool is_input = false;
  Origin origin = {};
};

/// Nodes are in the order of the file, which ONNX requires to be topological.
struct Graph {
  std::string name;
  std::vector<Node> nodes;
  std::vector<Initializer> initializers;  ///< sparse ones last
  std::vector<GraphValue> inputs;         ///< those that are initializers too are left out
  std::vector<GraphValue> outputs;
  std::vector<GraphValue> values;      ///< what the model states of values between nodes
  std::vector<std::string> annotated;  ///< values and tensors that quantisation annotations name
  Origin origin = {};
};

/// A function of the model, called as the operator `name` of `domain`.
struct Function {
  std::string name;
  std::string domain;
  std::vector<Node> nodes;
  Origin origin = {};
};

/// How a model is to be trained (ONNX's TrainingInfoProto).
struct TrainingGraphs {
  Graph initialization;
  Graph algorithm;
  std::vector<std::string> bound;  ///< values that its bindings name
};

/// All graphs of a model.
struct ModelGraph {
  Graph main;
  /// Version of the file format. Before the fourth, every initializer had to be an input too.
  std::int64_t ir_version = 0;
  std::map<std::string, std::int64_t, std::less<>> opsets;  ///< by domain; "" for ONNX's own
  std::vector<Function> functions;
  std::vector<TrainingGraphs> training;

  /// The version of ONNX's own operators; 1 for models of the time before versions.
  std::int64_t opset() const;
};

/// Calls body(graph) for each graph in an attribute.
template <typename Body>
void each_subgraph(const Attribute& attribute, const Body& body) {
  using One = std::shared_ptr<const Graph>;
  if (const auto* one = std::get_if<One>(&attribute.value)) body(**one);
  if (const auto* all = std::get_if<std::vector<One>>(&attribute.value)) {
    for (const One& graph : *all) body(*graph);
  }
}

/// The same for all attributes of a node.
template <typename Body>
void each_subgraph(const Node& node, const Body& body) {
  for (const Attribute& attribute : node.attributes) each_subgraph(attribute, body);
}

/// The nodes of the main graph by their numbers.
std::map<std::size_t, const Node*> nodes_by_number(const Graph& graph);

}  // namespace qc
