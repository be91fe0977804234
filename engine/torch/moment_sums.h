// Sums of products of the columns that a weight is multiplied with.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "graph/matrix_form.h"
#include "passes/calibration.h"

namespace qc::torch_engine {

/// Adds up columns, many at once, in float64.
class MomentSums {
 public:
  MomentSums(const MatrixForm& form, bool with_reference);

  /// Columns {groups, columns, count} as product_columns() gives them, of the network and, where
  /// there is one, of the reference.
  void add(const at::Tensor& columns, const at::Tensor& reference);

  /// The means over all that was added.
  Moments moments();

 private:
  void flush();

  MatrixForm form_;
  bool with_reference_;
  std::uint64_t count_ = 0;
  std::vector<at::Tensor> waiting_;  // columns that are not in the sums yet
  std::vector<at::Tensor> waiting_reference_;
  std::int64_t waiting_count_ = 0;
  at::Tensor second_;  // {groups, columns, columns}, float64
  at::Tensor cross_;
  at::Tensor sum_;  // {groups, columns}
  at::Tensor reference_sum_;
};

}  // namespace qc::torch_engine
