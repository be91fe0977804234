// Pooling over windows and whole images.
#include "engine/torch/ops/pooling.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "engine/torch/ops/common.h"
#include "engine/torch/window.h"

namespace qc::torch_engine {
namespace {

// A window over the input with the outputs it gives.
struct Pooling {
  Window window;
  std::vector<std::int64_t> outputs;   // number of windows in each spatial dimension
  std::vector<std::int64_t> overhang;  // what they need beyond the padded input (ceil_mode)

  bool overhangs() const {
    return std::ranges::any_of(overhang, [](std::int64_t n) { return n > 0; });
  }
};

Pooling read_pooling(const OpContext& op) {
  const at::Tensor& x = op.in(0);
  if (x.dim() < 3 || x.dim() > 5) op.refuse("of other than one to three spatial dimensions");
  Pooling result{read_window(op, x.sizes().slice(2).vec(), {}), {}, {}};
  const Window& window = result.window;
  const bool ceil = op.int_or("ceil_mode", 0) != 0;
  for (std::size_t i = 0; i < window.kernel.size(); ++i) {
    const std::int64_t begin_and_input =
        window.pads_begin[i] + x.size(static_cast<std::int64_t>(i) + 2);
    const std::int64_t free = begin_and_input + window.pads_end[i] - window.extent(i);
    if (free < 0) op.refuse("its window is larger than its input");
    std::int64_t outputs = free / window.strides[i] + 1;
    if (ceil && free % window.strides[i] != 0) {
      // A window that would begin behind the input is left out.
      if (outputs * window.strides[i] < begin_and_input) ++outputs;
    }
    result.outputs.push_back(outputs);
    result.overhang.push_back(std::max<std::int64_t>(0, (outputs - 1) * window.strides[i] - free));
  }
  return result;
}

// True where libtorch pads by itself, which saves a copy of the input.
bool pads_natively(const Pooling& pooling) {
  const Window& window = pooling.window;
  bool fits = window.kernel.size() == 2 && window.symmetric() && !pooling.overhangs();
  for (std::size_t i = 0; i < window.kernel.size(); ++i) {
    fits = fits && window.pads_begin[i] * 2 <= window.kernel[i];
  }
  return fits;
}

// The input with its padding and overhang made real.
at::Tensor padded(const at::Tensor& x, const Pooling& pooling, const at::Scalar& value) {
  Window window = pooling.window;
  bool nothing = true;
  for (std::size_t i = 0; i < window.kernel.size(); ++i) {
    window.pads_end[i] += pooling.overhang[i];
    nothing = nothing && window.pads_begin[i] == 0 && window.pads_end[i] == 0;
  }
  return nothing ? x : at::constant_pad_nd(x, window.torch_pads(), value);
}

std::tuple<at::Tensor, at::Tensor> max_with_places(const at::Tensor& x, const Window& window) {
  switch (window.kernel.size()) {
    case 1: {
      const auto [y, places] =
          at::max_pool2d_with_indices(x.unsqueeze(2), {1, window.kernel[0]}, {1, window.strides[0]},
                                      0, {1, window.dilations[0]});
      return {y.squeeze(2), places.squeeze(2)};
    }
    case 2:
      return at::max_pool2d_with_indices(x, window.kernel, window.strides, 0, window.dilations);
    default:
      return at::max_pool3d_with_indices(x, window.kernel, window.strides, 0, window.dilations);
  }
}

// From places in the padded image of one channel to places in the whole input; column-major within
// an image with storage_order=1.
at::Tensor unpadded_places(const OpContext& op, const at::Tensor& places, const at::Tensor& x,
                           at::IntArrayRef padded_sizes, const Window& window) {
  const bool column_major = op.int_or("storage_order", 0) != 0;
  const auto rank = static_cast<std::int64_t>(window.kernel.size());
  at::Tensor rest = places;
  at::Tensor index = at::zeros_like(places);
  std::int64_t image = 1;
  for (std::int64_t i = 0; i < rank; ++i) image *= x.size(i + 2);
  std::int64_t stride = column_major ? image : 1;
  for (std::int64_t i = rank; i-- > 0;) {
    const std::int64_t size = padded_sizes[static_cast<std::size_t>(i + 2)];
    const at::Tensor place =
        at::remainder(rest, size) - window.pads_begin[static_cast<std::size_t>(i)];
    if (at::logical_or(place.lt(0), place.ge(x.size(i + 2))).any().item().toBool()) {
      op.refuse("a window holds nothing but padding or infinities");
    }
    rest = at::div(rest, size, "floor");
    if (column_major) stride /= x.size(i + 2);
    index = index + place * stride;
    if (!column_major) stride *= x.size(i + 2);
  }
  const at::Tensor channels = at::arange(x.size(0) * x.size(1), index.options()) * image;
  std::vector<std::int64_t> shape(static_cast<std::size_t>(x.dim()), 1);
  shape[0] = x.size(0);
  shape[1] = x.size(1);
  return index + channels.reshape(shape);
}

Values max_pool(const OpContext& op) {
  const at::ScalarType type = op.in(0).scalar_type();
  const bool narrow = type == at::kByte || type == at::kChar;
  if (!narrow) float_in(op, 0);
  const at::Tensor x = narrow ? op.in(0).to(at::kFloat) : op.in(0);
  const Pooling pooling = read_pooling(op);
  if (pads_natively(pooling) && op.node.outputs.size() < 2) {
    const Window& window = pooling.window;
    return {at::max_pool2d(x, window.kernel, window.strides, window.pads_begin, window.dilations)
                .to(type)};
  }
  const at::Tensor image = padded(x, pooling, -std::numeric_limits<double>::infinity());
  const auto [y, places] = max_with_places(image, pooling.window);
  const at::Tensor values = narrow ? y.to(type) : y;
  if (op.node.outputs.size() < 2) return {values};
  return {values, unpadded_places(op, places, x, image.sizes(), pooling.window)};
}

// Sums over windows; the input has its padding.
at::Tensor window_sums(const at::Tensor& x, const Window& window) {
  const std::int64_t channels = x.size(0) * x.size(1);
  std::vector<std::int64_t> sizes = {channels, 1};
  std::vector<std::int64_t> ones = {1, 1};
  for (std::size_t i = 0; i < window.kernel.size(); ++i) {
    sizes.push_back(x.size(static_cast<std::int64_t>(i) + 2));
    ones.push_back(window.kernel[i]);
  }
  const std::vector<std::int64_t> zeros(window.kernel.size(), 0);
  const at::Tensor sums =
      at::convolution(x.reshape(sizes), at::ones(ones, x.options()), {}, window.strides, zeros,
                      window.dilations, /*transposed=*/false, zeros, 1);
  std::vector<std::int64_t> shape = {x.size(0), x.size(1)};
  shape.insert(shape.end(), sums.sizes().begin() + 2, sums.sizes().end());
  return sums.reshape(shape);
}

Values average_pool(const OpContext& op) { return {averaged(op, float_in(op, 0))}; }

// (sum of |x|^p) ^ (1/p)
Values lp_pool(const OpContext& op) {
  const at::Tensor& x = float_in(op, 0);
  const Pooling pooling = read_pooling(op);
  const auto p = static_cast<double>(op.int_or("p", 2));
  if (p < 1) op.refuse("p below 1");
  const at::Tensor powers = at::pow(at::abs(padded(x, pooling, 0)), p);
  return {at::pow(window_sums(powers, pooling.window), 1 / p)};
}

std::vector<std::int64_t> spatial_axes(const at::Tensor& x) {
  std::vector<std::int64_t> axes;
  for (std::int64_t axis = 2; axis < x.dim(); ++axis) axes.push_back(axis);
  return axes;
}

const at::Tensor& image_in(const OpContext& op) {
  if (op.in(0).dim() < 3) op.refuse("of fewer than three dimensions");
  return float_in(op, 0);
}

Values global_average_pool(const OpContext& op) {
  return {at::mean(image_in(op), spatial_axes(op.in(0)), /*keepdim=*/true)};
}

Values global_max_pool(const OpContext& op) {
  return {at::amax(image_in(op), spatial_axes(op.in(0)), /*keepdim=*/true)};
}

Values global_lp_pool(const OpContext& op) {
  const auto p = static_cast<double>(op.int_or("p", 2));
  if (p < 1) op.refuse("p below 1");
  const at::Tensor powers = at::pow(at::abs(image_in(op)), p);
  return {at::pow(at::sum(powers, spatial_axes(op.in(0)), /*keepdim=*/true), 1 / p)};
}

// Puts each value where MaxPool said that it came from.
Values max_unpool(const OpContext& op) {
  const at::Tensor& x = image_in(op);
  const Window window = read_plain_window(op, static_cast<std::size_t>(x.dim()) - 2, {});
  std::vector<std::int64_t> shape = x.sizes().vec();
  for (std::size_t i = 0; i < window.kernel.size(); ++i) {
    shape[i + 2] = (shape[i + 2] - 1) * window.strides[i] + window.kernel[i] -
                   window.pads_begin[i] - window.pads_end[i];
  }
  require_shape(op, shape);
  const std::int64_t count = c10::multiply_integers(shape);
  if (op.has(2) && op.ints_in(2) != shape) {
    op.refuse("with an output_shape of its own, which runtimes read differently");
  }
  const at::Tensor places = wrapped_indices(op, op.in(1), count, x).flatten();
  if (places.numel() != x.numel()) op.refuse("its indices do not fit");
  return {at::zeros({count}, x.options()).scatter(0, places, x.flatten()).reshape(shape)};
}

constexpr std::array kOperators = std::to_array<Operator>({
    {"MaxPool", 1, max_pool},
    {"AveragePool", 1, average_pool},
    {"LpPool", 2, lp_pool},
    {"GlobalAveragePool", 1, global_average_pool},
    {"GlobalMaxPool", 1, global_max_pool},
    {"GlobalLpPool", 2, global_lp_pool},
    {"MaxUnpool", 9, max_unpool},
});

}  // namespace

at::Tensor averaged(const OpContext& op, const at::Tensor& x) {
  const Pooling pooling = read_pooling(op);
  const Window& window = pooling.window;
  const bool count_padding = op.int_or("count_include_pad", 0) != 0;
  const bool dilated =
      std::ranges::any_of(window.dilations, [](std::int64_t dilation) { return dilation != 1; });
  if (pads_natively(pooling) && !dilated) {
    return at::avg_pool2d(x, window.kernel, window.strides, window.pads_begin,
                          /*ceil_mode=*/false, count_padding);
  }
  if (count_padding && pooling.overhangs()) {
    op.refuse("ceil_mode with count_include_pad, which runtimes read differently");
  }
  const at::Tensor sums = window_sums(padded(x, pooling, 0), window);
  std::vector<std::int64_t> image = x.sizes().vec();
  image[0] = image[1] = 1;
  const at::Tensor inside = padded(at::ones(image, x.options()), pooling, count_padding ? 1 : 0);
  return sums / window_sums(inside, window);
}

std::span<const Operator> pooling_operators() { return kOperators; }

}  // namespace qc::torch_engine
