// What the matrices of a weight tensor are multiplied with at a node.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>

#include "engine/torch/op.h"
#include "graph/matrix_form.h"

namespace qc::torch_engine {

/// The columns {groups, columns, count} of float32 that a node multiplies with the matrices of its
/// input `input`, a weight of that form: of a convolution, the unfolded windows of its input
/// (im2col), every so many along each axis where there are over 65,536 to a sample; of a recurrent
/// network, inputs or states of all steps. Where a GRU resets states before their product, the
/// states stand for what is left of them. Of a look-up table instead the number of times that each
/// entry is read, {1, columns}. Refuses operands that do not fit.
at::Tensor product_columns(const OpContext& op, std::size_t input, const MatrixForm& form);

}  // namespace qc::torch_engine
