#include "passes/kernels/product.h"

#include <algorithm>
#include <cstddef>

namespace qc {
namespace {

// Elements from one index of each axis of `dims` to the next; 0 along axes that are repeated.
std::vector<std::size_t> strides_in(std::span<const std::int64_t> from,
                                    std::span<const std::int64_t> dims) {
  std::vector<std::size_t> strides(dims.size(), 0);
  std::size_t stride = 1;
  for (std::size_t i = 0; i < from.size(); ++i) {
    const auto size = static_cast<std::size_t>(from[from.size() - 1 - i]);
    if (size != 1) strides[dims.size() - 1 - i] = stride;
    stride *= size;
  }
  return strides;
}

}  // namespace

std::optional<std::vector<std::int64_t>> broadcast_shape(std::span<const std::int64_t> a,
                                                         std::span<const std::int64_t> b) {
  std::vector<std::int64_t> dims(std::max(a.size(), b.size()), 1);
  for (const auto shape : {a, b}) {
    for (std::size_t i = 0; i < shape.size(); ++i) {
      std::int64_t& dim = dims[dims.size() - 1 - i];
      const std::int64_t size = shape[shape.size() - 1 - i];
      if (size != 1 && dim != 1 && size != dim) return std::nullopt;
      if (size != 1) dim = size;
    }
  }
  return dims;
}

std::vector<float> multiply(std::span<const float> a, std::span<const std::int64_t> a_dims,
                            std::span<const float> b, std::span<const std::int64_t> b_dims,
                            std::span<const std::int64_t> dims) {
  const std::vector<std::size_t> a_strides = strides_in(a_dims, dims);
  const std::vector<std::size_t> b_strides = strides_in(b_dims, dims);
  std::size_t count = 1;
  for (const std::int64_t dim : dims) count *= static_cast<std::size_t>(dim);
  std::vector<float> products(count);
  std::vector<std::int64_t> at(dims.size(), 0);
  std::size_t in_a = 0;
  std::size_t in_b = 0;
  for (float& product : products) {
    product = a[in_a] * b[in_b];
    for (std::size_t axis = dims.size(); axis-- > 0;) {
      in_a += a_strides[axis];
      in_b += b_strides[axis];
      if (++at[axis] < dims[axis]) break;
      in_a -= a_strides[axis] * static_cast<std::size_t>(dims[axis]);
      in_b -= b_strides[axis] * static_cast<std::size_t>(dims[axis]);
      at[axis] = 0;
    }
  }
  return products;
}

}  // namespace qc
