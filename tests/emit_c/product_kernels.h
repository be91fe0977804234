// The kernels of products as C++, and a call of any of them with the weights that an encoder made.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "emit/c/weights.h"

namespace qc::c {

/// What a kernel multiplies weights with, and where the results go; see WeightForm.
struct ProductCall {
  std::size_t rows = 0;
  std::size_t columns = 0;
  const float* bias = nullptr;
  const float* x = nullptr;
  std::size_t pixels = 1;
  float* y = nullptr;
  std::size_t stride = 1;
};

/// Calls the kernel of that name. Each array is in memory of its own, of just its size. Throws
/// std::invalid_argument where the parts are not those that the kernel takes.
void run_kernel(std::string_view kernel, const CodedWeights& weights, const ProductCall& call);

/// A convolution by tiles.
struct TileCall {
  TileWindow window;
  std::vector<std::int32_t> numbers;  ///< of the window, as kernels take it
  std::size_t batch = 1;
  std::size_t rows = 0;         ///< of a group
  const float* bias = nullptr;  ///< of all groups
  const float* x = nullptr;
  float* y = nullptr;
};

/// Runs a convolution with weights for each group, in memory of just the size that it needs.
void run_tiles(const TileForm& form, const std::vector<CodedWeights>& weights,
               const TileCall& call);

}  // namespace qc::c
