// Windows that slide over the spatial dimensions: what convolution and pooling have in common.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/torch/op.h"

namespace qc::torch_engine {

/// Strides, dilations and padding of a node, one entry for each spatial dimension.
struct Window {
  std::vector<std::int64_t> kernel;
  std::vector<std::int64_t> strides;
  std::vector<std::int64_t> dilations;
  std::vector<std::int64_t> pads_begin;
  std::vector<std::int64_t> pads_end;

  bool symmetric() const { return pads_begin == pads_end; }
  /// Elements from the first to the last under the window, in dimension i.
  std::int64_t extent(std::size_t i) const { return (kernel[i] - 1) * dilations[i] + 1; }
  /// For at::constant_pad_nd: last dimension first, begin and end in turn.
  std::vector<std::int64_t> torch_pads() const;
};

/// Reads a node's attributes; `kernel` is used where kernel_shape is not given. auto_pad is
/// resolved with the spatial sizes of the input. Refuses numbers that make no window.
Window read_window(const OpContext& op, const std::vector<std::int64_t>& spatial,
                   const std::vector<std::int64_t>& kernel);

/// The same with auto_pad left alone: pads are those of the attribute.
Window read_plain_window(const OpContext& op, std::size_t rank,
                         const std::vector<std::int64_t>& kernel);

}  // namespace qc::torch_engine
