// Changes to the main graph of a model: nodes put in and taken out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "graph/edited_graph.h"

namespace qc {

/// The nodes of a model's main graph under change. Outputs of nodes are changed through it alone.
class GraphEditor {
 public:
  using Position = std::list<Node>::iterator;

  explicit GraphEditor(EditedGraph& edited);

  /// Version of ONNX's own operators.
  std::int64_t opset() const noexcept { return opset_; }

  Position begin() noexcept { return nodes_.begin(); }
  Position end() noexcept { return nodes_.end(); }

  /// The node that makes a value; null for inputs, initializers and values of other graphs.
  Node* producer(const std::string& value);

  /// How many inputs of nodes, those of subgraphs too, and outputs of the graph a value is.
  std::size_t uses(const std::string& value) const;

  /// A value name that is not in use, made from `name`.
  std::string new_name(const std::string& name);

  /// Adds a node with one output before a position. Nodes must come before those that use them.
  void insert(Position before, std::string_view op, const std::vector<std::string>& inputs,
              const std::string& output, std::vector<Attribute> attributes = {});

  /// A constant for use anywhere: a scalar of a float type, or a list of integers.
  std::string scalar(DataType type, double value);
  std::string integers(const std::vector<std::int64_t>& values);

  /// Puts a tensor in the place of the only output of a node, which goes. Gives the position after.
  Position replace(Position node, HostTensor tensor);

  /// Gives a value that is no output of the main graph another name, in inner graphs too.
  void rename(const std::string& value, const std::string& name);

  void set_input(Node& node, std::size_t index, const std::string& value);
  void add_input(Node& node, const std::string& value);
  /// Takes out the last input of a node.
  void drop_last_input(Node& node);

  /// Has a node make another value, which nothing else makes, in the place of one of its outputs.
  void set_output(Position node, std::size_t index, const std::string& value);

  /// Takes out the node or initializer that makes a value, if nothing uses its outputs any more. An
  /// initializer that is listed as an input stays.
  void remove_unused(const std::string& value);

  /// Puts the nodes back into the graph. Call it last.
  void finish();

 private:
  void count_uses(const Graph& graph);
  void count_node(const Node& node, bool added);
  void index_outputs(Position node);
  void forget_outputs(Position node);
  Position find_producer(const std::string& value);
  void remove_unused_initializer(const std::string& name);
  std::string constant(const std::string& name, HostTensor value);

  EditedGraph& edited_;
  Graph& graph_;
  std::int64_t opset_;
  std::list<Node> nodes_;
  std::list<Node> constants_;  // go first
  std::map<std::string, std::string> constant_names_;
  std::map<std::string, std::size_t> uses_;
  std::set<std::string> names_;
  std::unordered_map<std::string, Position> producers_;  // the first node for each value
  std::unordered_map<std::string, int> next_numbers_;    // of new names
};

}  // namespace qc
