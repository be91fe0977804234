// Element-wise products with ONNX's (NumPy's) broadcasting.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace qc {

/// The shape of a product of tensors with shapes `a` and `b`; nothing where they do not go
/// together.
std::optional<std::vector<std::int64_t>> broadcast_shape(std::span<const std::int64_t> a,
                                                         std::span<const std::int64_t> b);

/// The products, row-major in the shape `dims`, which is broadcast_shape(a_dims, b_dims).
std::vector<float> multiply(std::span<const float> a, std::span<const std::int64_t> a_dims,
                            std::span<const float> b, std::span<const std::int64_t> b_dims,
                            std::span<const std::int64_t> dims);

}  // namespace qc
