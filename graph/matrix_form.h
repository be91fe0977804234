// Weight tensors as the matrices that activations are multiplied with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "graph/graph.h"

namespace qc {

/// A weight tensor as a stack of `groups` matrices of `rows` output channels and `columns` inputs:
/// every output is the product of a row with a column x of activations, y = W x. Groups are those
/// of a convolution, the batch of a product, or the directions of a recurrent network.
struct MatrixForm {
  std::size_t groups = 1;
  std::size_t rows = 0;
  std::size_t columns = 0;
  std::size_t group_stride = 0;  ///< strides are in elements of the tensor
  std::size_t row_stride = 0;
  /// Column c is at (c / inner) * outer_stride + c % inner.
  std::size_t inner = 1;
  std::size_t outer_stride = 0;
  /// A look-up table: every output is one column, so that columns are never seen together.
  bool is_table = false;

  std::size_t size() const noexcept { return groups * rows * columns; }

  /// Index of an element in the tensor.
  std::size_t element(std::size_t group, std::size_t row, std::size_t column) const noexcept {
    return group * group_stride + row * row_stride + column / inner * outer_stride + column % inner;
  }

  /// The values {groups, rows, columns} of a tensor with these, and back.
  std::vector<float> gather(std::span<const float> tensor) const;
  void scatter(std::span<const float> matrices, std::span<float> tensor) const;

  bool operator==(const MatrixForm&) const = default;
};

/// The form of a constant with `dims` as input `input` of a node; nothing where the node does not
/// multiply it with activations.
std::optional<MatrixForm> matrix_form(const Node& node, std::size_t input,
                                      std::span<const std::int64_t> dims);

/// A node of the main graph that multiplies a weight tensor with activations.
struct MatrixUse {
  const Node* node = nullptr;
  std::size_t input = 0;  ///< of the node: the weight
};

/// All uses of the dense constants of the main graph in products, by the index of their tensor and
/// in the order of execution. Uses behind Identity nodes count; those in subgraphs do not.
std::map<std::size_t, std::vector<MatrixUse>> matrix_uses(const Graph& graph);

}  // namespace qc
