// Windows that move over an input: those of convolutions and of pools.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "emit/c/operators.h"
#include "emit/c/tile_window.h"

namespace qc::c {

/// Of up to three axes; those that are missing come first and have size 1.
struct Window {
  using Axes = std::array<std::int32_t, 3>;
  Axes in = {1, 1, 1};
  Axes out = {1, 1, 1};
  Axes kernel = {1, 1, 1};
  Axes stride = {1, 1, 1};
  Axes dilation = {1, 1, 1};
  Axes pad = {0, 0, 0};      ///< before the input
  Axes pad_end = {0, 0, 0};  ///< after it

  /// As the kernels of C take it.
  std::vector<std::int32_t> numbers() const;
  bool is_pointwise() const;
  std::int64_t in_size() const;
  std::int64_t out_size() const;
  std::int64_t taps() const;
};

/// The window of a convolution or a pool over an input of a shape (batch, channels, axes).
/// `kernel`: the sizes of the window. Refuses what does not fit.
Window window_of(const NodePlan& node, const Shape& input, const Shape& kernel);

/// That of a transposed convolution: it moves over the output, which is `in` of the result.
Window transposed_window_of(const NodePlan& node, const Shape& input, const Shape& kernel);

/// The window of a convolution by tiles; `channels`: of a group's input.
TileWindow tile_window(const Window& window, std::size_t channels);

/// The last `count` axes, those of the input or output.
Shape axes_of(const Window::Axes& axes, std::size_t count);

}  // namespace qc::c
