// The graph of an ONNX model as plain structs, for those who execute it: no protobuf types, so that
// an engine in a module of its own needs none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/host_tensor.h"
#include "formats/onnx/onnx_model.h"

namespace qc {

struct Graph;

/// A constant of the graph. `source` is its index in OnnxModel::tensors(), where it has one.
struct GraphTensor {
  HostTensor value;
  std::optional<std::size_t> source;
};

/// The value of a node's attribute. monostate: of a kind that is not represented (type protos,
/// lists of tensors or graphs).
using Attribute = std::variant<std::monostate, std::int64_t, float, std::string,
                               std::vector<std::int64_t>, std::vector<float>,
                               std::vector<std::string>, GraphTensor, std::shared_ptr<const Graph>>;

struct Node {
  std::string name;
  std::string op;
  std::string domain;                ///< "" for ONNX's own operators ("ai.onnx" becomes "")
  std::vector<std::string> inputs;   ///< "" for one that is left out
  std::vector<std::string> outputs;  ///< likewise
  std::map<std::string, Attribute, std::less<>> attributes;

  /// For messages: the name, else the first output.
  const std::string& label() const;
};

/// An input or output of a graph.
struct GraphValue {
  std::string name;
  DataType type = DataType::kUndefined;  ///< kUndefined: not declared, or not a tensor
  bool has_shape = false;
  std::vector<std::int64_t> dims;  ///< -1 for an unknown or symbolic dimension
};

/// Nodes are in the order of the file, which ONNX requires to be topological.
struct Graph {
  std::string name;
  std::vector<Node> nodes;
  std::map<std::string, GraphTensor, std::less<>> initializers;
  std::vector<GraphValue> inputs;  ///< those that are initializers too are left out
  std::vector<GraphValue> outputs;
};

struct GraphModel {
  Graph graph;
  std::map<std::string, std::int64_t, std::less<>> opsets;  ///< by domain; "" for ONNX's own
};

/// Reads the graph of a model, with the values of its constants. Sparse tensors become dense.
/// Throws Error(kCorrupt) for tensors whose payload does not agree with type and shape,
/// Error(kUnsupported) for model-local functions.
GraphModel load_graph(const OnnxModel& model);

}  // namespace qc
