// Weights in the forms that kernels execute: one file and one row a form.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/bytes.h"
#include "emit/c/plan.h"
#include "emit/c/tile_window.h"

namespace qc::c {

/// Weights of a layer: `rows` outputs of `columns` products each, row-major.
struct WeightMatrix {
  std::size_t rows = 0;
  std::size_t columns = 0;
  std::span<const float> values;
  /// What it is multiplied with is -1 or 1, or 0 where a convolution pads.
  bool signs_only = false;
  /// Vectors that it is multiplied with in one call: 1 in a fully connected layer, 8 or more in a
  /// convolution. Only the choice of a form depends on it.
  std::size_t pixels = 1;
  /// Of a convolution that may go by tiles; else null.
  const TileWindow* tiles = nullptr;
};

/// A matrix in a form: the arrays and numbers that the kernel takes, in their order.
struct CodedWeights {
  struct Part {
    std::string suffix;   ///< of the array's name; empty for a number
    std::string type;     ///< of an element, in C
    Bytes bytes;          ///< little-endian
    std::string literal;  ///< where it is no array
  };
  std::vector<Part> parts;
  std::uint64_t flash = 0;       ///< bytes of the arrays
  std::uint64_t operations = 0;  ///< additions, multiplications and look-ups for one input vector
  std::uint64_t scratch = 0;     ///< bytes the kernel needs beside its inputs, for one pixel
  /// For one input vector, in thousandths of the time of a product in a dense matrix, as measured.
  std::uint64_t time = 0;
};

/// A form for convolutions by tiles. The kernel computes what a tile has, as in
///   void kernel(<the parts>, size_t rows, size_t columns, const float *bias, const float *x,
///               const struct qk_tile *tile, float *y, size_t stride);
struct TileForm {
  std::string_view kernel;
  TileInput input = TileInput::kFloats;
  /// As that of a WeightForm; `tiles` of the matrix is not null.
  std::optional<CodedWeights> (*encode)(const WeightMatrix& weights) = nullptr;
};

/// A form of weights. The kernel is the C function `kernel`, which computes
///   y[r * stride + p] = bias[r] + sum over c of w[r][c] * x[c * pixels + p]
/// for all rows r and p < pixels, c ascending, as in
///   void kernel(<the parts>, size_t rows, size_t columns, const float *bias, const float *x,
///               size_t pixels, float *y, size_t stride [, void *scratch where it needs some]);
/// bias may be NULL.
struct WeightForm {
  std::string_view name;  ///< "dense", "codebook", "sparse", ...
  std::string_view kernel;
  std::string_view summary;  ///< for --help and tables
  /// The coded matrix; nothing where it has not this form. Values come back bit for bit, but for
  /// forms that say otherwise and the sign of zeros.
  std::optional<CodedWeights> (*encode)(const WeightMatrix& weights) = nullptr;
  const TileForm* tiles = nullptr;  ///< where it has one
};

std::span<const WeightForm> weight_forms();

enum class Goal { kSize, kSpeed };

/// The form of least cost: bytes of flash, or time, the other where these are equal.
/// `only`: the name of the one form to take where it applies; empty for all. Dense always applies.
struct ChosenForm {
  const WeightForm* form = nullptr;
  CodedWeights weights;
  const TileForm* tiles = nullptr;  ///< where these weights are for a convolution by tiles
};
ChosenForm choose_form(const WeightMatrix& weights, Goal goal, std::string_view only = {});

}  // namespace qc::c
