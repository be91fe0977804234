// What several families of operators have in common.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "engine/torch/op.h"

namespace qc::torch_engine {

inline bool is_float(const at::Tensor& tensor) { return at::isFloatingType(tensor.scalar_type()); }

/// Refuses the node unless the tensor holds floats: libtorch would convert integers silently.
const at::Tensor& float_in(const OpContext& op, std::size_t index);

/// Refuses operands of different types: ONNX converts nothing silently, libtorch does.
void require_same_type(const OpContext& op, const at::Tensor& a, const at::Tensor& b);

/// The second operand of an operator on two tensors, broadcast as its opset says: before opset 7
/// only when attribute `broadcast` is set, aligned at attribute `axis` instead of at the end.
at::Tensor second_operand(const OpContext& op);

/// Axes in [0, rank), sorted; refuses those out of range or given twice.
std::vector<std::int64_t> unique_axes(const OpContext& op, const std::vector<std::int64_t>& given,
                                      std::int64_t rank);

std::vector<std::int64_t> all_axes(std::int64_t rank);

/// Indices as int64 on the device of `like`, with -n..-1 mapped to 0..n-1. Refuses others.
at::Tensor wrapped_indices(const OpContext& op, const at::Tensor& indices, std::int64_t n,
                           const at::Tensor& like);

/// Refuses a shape with a negative dimension or more elements than can be meant.
void require_shape(const OpContext& op, at::IntArrayRef shape);

/// The shape of two tensors broadcast together; refuses those that do not fit.
std::vector<std::int64_t> broadcast_shape(const OpContext& op, at::IntArrayRef a,
                                          at::IntArrayRef b);

/// [1, ..., n, ..., 1] with n at `axis`.
std::vector<std::int64_t> shape_along(std::int64_t rank, std::int64_t axis, std::int64_t n);

}  // namespace qc::torch_engine
