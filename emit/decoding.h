// The nodes and tensors that decode one tensor of a model, under construction.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "core/host_tensor.h"
#include "graph/graph.h"

namespace qc {

/// A tensor with its name.
struct NamedTensor {
  std::string name;
  HostTensor value;
};

/// What the decoding nodes of all tensors of a model have in common.
class CommonParts {
 public:
  /// New names differ from all names in the model.
  explicit CommonParts(const ModelGraph& model);

  /// New tensors are Constant nodes: initializers would have to be inputs of the model too.
  bool constant_nodes() const noexcept { return constant_nodes_; }

  /// The constants that several tensors are decoded with. They belong to the main graph.
  const std::vector<NamedTensor>& constants() const noexcept { return constants_; }

 private:
  friend class Decoding;
  using ConstantKey = std::tuple<DataType, std::vector<std::int64_t>, Bytes>;

  void take_names(const Graph& graph);

  std::set<std::string, std::less<>> names_;
  std::uint64_t next_ = 0;  // number of the next name to try
  std::map<ConstantKey, std::string> known_;
  std::vector<NamedTensor> constants_;
  bool constant_nodes_ = false;
};

/// Nodes that compute a value. Of several ways to decode a tensor one is kept: what the others
/// would have added leaves no trace.
class Decoding {
 public:
  /// `result`: the name of the value.
  Decoding(const CommonParts& common, std::string result)
      : common_(&common), result_(std::move(result)), next_(common.next_) {}

  /// A tensor of its own. Gives its name.
  std::string tensor(HostTensor value);
  /// A constant that is there once in a model.
  std::string constant(HostTensor value);
  /// The same for a list of integers, and for a scalar.
  std::string integers(DataType type, const std::vector<std::int64_t>& values,
                       std::vector<std::int64_t> dims);
  std::string list(const std::vector<std::int64_t>& values);
  std::string scalar(DataType type, std::int64_t value);

  /// A node with one output, whose name it gives.
  std::string node(std::string_view op, std::vector<std::string> inputs,
                   std::vector<Attribute> attributes = {});
  /// A node with two outputs, of which the second is of interest: its name.
  std::string second_output(std::string_view op, std::vector<std::string> inputs);
  std::string cast(const std::string& value, DataType to);
  std::string flatten(const std::string& value);

  /// The node that computes the result.
  void finish(std::string_view op, std::vector<std::string> inputs,
              std::vector<Attribute> attributes = {});
  /// Gives `value` the shape of the result.
  void finish_reshaped(const std::string& value, const std::vector<std::int64_t>& dims);

  /// Bytes that all this takes in a file, constants that are new to the model too.
  std::uint64_t bytes() const noexcept { return bytes_; }

  const std::vector<Node>& nodes() const noexcept { return nodes_; }
  const std::vector<NamedTensor>& tensors() const noexcept { return tensors_; }

  /// Keeps this decoding: its names are taken, and its constants are there for others.
  void keep(CommonParts& common) const;

 private:
  std::string new_name();
  void add_node(std::string_view op, std::vector<std::string> inputs,
                std::vector<std::string> outputs, std::vector<Attribute> attributes);
  void count_tensor(const NamedTensor& tensor);

  const CommonParts* common_;
  std::string result_;
  std::uint64_t next_;
  std::map<CommonParts::ConstantKey, std::string> known_;
  std::vector<NamedTensor> constants_;  // new to the model
  std::vector<NamedTensor> tensors_;
  std::vector<Node> nodes_;
  std::uint64_t bytes_ = 0;
};

/// A Constant node that makes a tensor. `value` stands for it in the graph.
Node constant_node(const std::string& name, GraphTensor value);

}  // namespace qc
