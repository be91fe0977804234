// How nodes become calls of kernels: one function and one row an operator.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "emit/c/plan.h"

namespace qc::c {

class Planner;

/// A node whose inputs are planned. Shapes are all known.
class NodePlan {
 public:
  NodePlan(Planner& planner, const Node& node, std::int64_t opset);

  const Node& node() const noexcept { return *node_; }
  std::int64_t opset() const noexcept { return opset_; }

  std::size_t inputs() const noexcept { return node_->inputs.size(); }
  std::size_t outputs() const noexcept { return node_->outputs.size(); }
  bool has_input(std::size_t i) const;
  /// Whether anything reads it.
  bool has_output(std::size_t i) const;
  ValueId input(std::size_t i) const;
  const Shape& shape(std::size_t i) const;
  DataType type(std::size_t i) const;

  /// An input that is known; null where it is computed.
  const HostTensor* constant(std::size_t i) const;
  /// The elements of an input that must be known; refuses the node otherwise. Integers of any type.
  std::vector<std::int64_t> integers(std::size_t i) const;
  std::vector<float> floats(std::size_t i) const;

  /// Attributes.
  std::int64_t integer(std::string_view name, std::int64_t otherwise) const;
  float number(std::string_view name, float otherwise) const;
  std::string text(std::string_view name, std::string_view otherwise) const;
  std::vector<std::int64_t> list(std::string_view name,
                                 std::vector<std::int64_t> otherwise = {}) const;
  bool has(std::string_view name) const;
  /// An axis from -rank to rank - 1 as one from 0; refuses others.
  std::size_t axis(std::int64_t axis, std::size_t rank) const;

  /// Declares an output.
  ValueId output(std::size_t i, DataType type, Shape shape);
  /// An output that is another shape of an input: no step. The elements are the same.
  void output_as(std::size_t i, std::size_t input, Shape shape);
  /// An output that is known.
  void output_constant(std::size_t i, HostTensor value);

  /// Adds a call, as the last step so far.
  Step& call(std::string kernel);
  void read(Step& step, ValueId value);
  void write(Step& step, ValueId value);
  void array(Step& step, std::string_view what, std::string_view type, Bytes bytes);
  void array(Step& step, std::string_view what, std::span<const float> values);
  void array(Step& step, std::string_view what, std::span<const std::int32_t> values);
  void scratch(Step& step, std::uint64_t bytes) const;
  void size(Step& step, std::int64_t number);  ///< as a size_t or int32_t
  void number(Step& step, float number);       ///< with all its digits
  void null(Step& step);
  /// The function that multiplies with weights, and the memory that it needs for so many pixels at
  /// a time. The weights are coded when all nodes are planned; what follows a layer may change
  /// them.
  std::size_t product(Step& step, Product product);
  void product_scratch(Step& step, std::size_t product, std::uint64_t pixels);
  void product_bias(Step& step, std::size_t product);
  /// Pixels that a layer multiplies at a time, of so many.
  std::int64_t block(std::int64_t pixels) const;
  /// Whether an input is only -1, 0 and 1.
  bool signs_only(std::size_t i) const;
  /// See find_code_bits.
  unsigned code_bits(std::size_t i) const;
  /// Whether convolutions may go by tiles (TileForm), which is faster and takes more memory.
  bool may_go_by_tiles() const;

  /// Throws Error(kUnsupported) that names operator and node.
  [[noreturn]] void refuse(std::string_view why) const;

 private:
  Planner* planner_;
  const Node* node_;
  std::int64_t opset_;
};

/// An operator that C can be written for.
struct OperatorRow {
  std::string_view name;
  std::string_view domain;  ///< "" for ONNX's own, "com.microsoft"
  std::int64_t first_opset = 1;
  void (*plan)(NodePlan& node) = nullptr;
};

/// All rows, from the tables of the files in emit/c/operators/.
std::span<const OperatorRow> operator_rows();

std::span<const OperatorRow> elementwise_operators();
std::span<const OperatorRow> binary_operators();
std::span<const OperatorRow> layer_operators();  ///< Conv, ConvTranspose, Gemm, MatMul
std::span<const OperatorRow> pooling_operators();
std::span<const OperatorRow> movement_operators();  ///< Reshape, Transpose, Concat, Slice, Pad, ...
std::span<const OperatorRow> indexing_operators();  ///< Gather, Scatter and the like
std::span<const OperatorRow> reduction_operators();  ///< Reduce*, ArgMax, Softmax, ...
std::span<const OperatorRow> normalization_operators();
std::span<const OperatorRow> quantization_operators();
std::span<const OperatorRow> recurrent_operators();
std::span<const OperatorRow> resize_operators();

}  // namespace qc::c
