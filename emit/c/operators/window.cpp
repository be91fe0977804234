#include "emit/c/operators/window.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

namespace qc::c {
namespace {

constexpr std::int64_t kLargest = std::int64_t{1} << 30;

std::int64_t product_of(const Window::Axes& axes) {
  return std::int64_t{axes[0]} * axes[1] * axes[2];
}

// A list with a value for each axis, at the end of three.
void fill(const NodePlan& node, std::string_view name, const std::vector<std::int64_t>& values,
          std::size_t rank, std::int64_t least, Window::Axes& to) {
  if (values.empty()) return;
  if (values.size() != rank) node.refuse(fmt::format("{} is not of {} numbers", name, rank));
  for (std::size_t i = 0; i < rank; ++i) {
    if (values[i] < least || values[i] > kLargest) {
      node.refuse(fmt::format("{} is {}", name, values[i]));
    }
    to[3 - rank + i] = static_cast<std::int32_t>(values[i]);
  }
}

Window read_window(const NodePlan& node, const Shape& input, const Shape& kernel) {
  if (input.size() < 3 || input.size() > 5) {
    node.refuse(fmt::format("an input of shape {}", shape_text(input)));
  }
  const std::size_t rank = input.size() - 2;
  Window window;
  fill(node, "the input", {input.begin() + 2, input.end()}, rank, 1, window.in);
  fill(node, "kernel_shape", kernel, rank, 1, window.kernel);
  fill(node, "strides", node.list("strides"), rank, 1, window.stride);
  fill(node, "dilations", node.list("dilations"), rank, 1, window.dilation);
  const std::vector<std::int64_t> pads = node.list("pads");
  if (!pads.empty()) {
    if (pads.size() != 2 * rank) node.refuse("pads do not fit the input");
    const auto middle = pads.begin() + static_cast<std::ptrdiff_t>(rank);
    fill(node, "pads", {pads.begin(), middle}, rank, 0, window.pad);
    fill(node, "pads", {middle, pads.end()}, rank, 0, window.pad_end);
  }
  return window;
}

std::int64_t extent(const Window& window, std::size_t axis) {
  return std::int64_t{window.kernel[axis] - 1} * window.dilation[axis] + 1;
}

std::int32_t in_range(const NodePlan& node, std::int64_t number) {
  if (number < 0 || number > kLargest) node.refuse(fmt::format("an axis of {} elements", number));
  return static_cast<std::int32_t>(number);
}

void split_padding(const NodePlan& node, const std::string& how, std::int64_t total, Window& window,
                   std::size_t axis) {
  const std::int64_t all = std::max<std::int64_t>(total, 0);
  const std::int64_t less = all / 2;
  window.pad[axis] = in_range(node, how == "SAME_UPPER" ? less : all - less);
  window.pad_end[axis] = in_range(node, how == "SAME_UPPER" ? all - less : less);
}

}  // namespace

std::vector<std::int32_t> Window::numbers() const {
  std::vector<std::int32_t> all;
  for (const Axes& axes : {in, out, kernel, stride, dilation, pad}) {
    all.insert(all.end(), axes.begin(), axes.end());
  }
  return all;
}

bool Window::is_pointwise() const { return taps() == 1 && in == out && product_of(stride) == 1; }
std::int64_t Window::in_size() const { return product_of(in); }
std::int64_t Window::out_size() const { return product_of(out); }
std::int64_t Window::taps() const { return product_of(kernel); }

TileWindow tile_window(const Window& window, std::size_t channels) {
  TileWindow tiles;
  tiles.channels = channels;
  tiles.taps = static_cast<std::size_t>(window.taps());
  tiles.stride = static_cast<std::size_t>(window.stride[2]);
  tiles.width = static_cast<std::size_t>(window.out[2]);
  tiles.padded = 1;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    tiles.padded *= static_cast<std::size_t>((window.out[axis] - 1) * window.stride[axis] +
                                             (window.kernel[axis] - 1) * window.dilation[axis] + 1);
  }
  return tiles;
}

Shape axes_of(const Window::Axes& axes, std::size_t count) {
  return {axes.end() - static_cast<std::ptrdiff_t>(count), axes.end()};
}

Window window_of(const NodePlan& node, const Shape& input, const Shape& kernel) {
  Window window = read_window(node, input, kernel);
  const std::string how = node.text("auto_pad", "NOTSET");
  const bool rounds_up = node.integer("ceil_mode", 0) != 0;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const std::int64_t size = window.in[axis];
    const std::int64_t stride = window.stride[axis];
    if (how == "SAME_UPPER" || how == "SAME_LOWER") {
      const std::int64_t out = (size + stride - 1) / stride;
      split_padding(node, how, (out - 1) * stride + extent(window, axis) - size, window, axis);
      window.out[axis] = in_range(node, out);
      continue;
    }
    if (how == "VALID") {
      window.pad[axis] = 0;
      window.pad_end[axis] = 0;
    } else if (how != "NOTSET" && !how.empty()) {
      node.refuse("auto_pad is " + how);
    }
    const std::int64_t room = size + window.pad[axis] + window.pad_end[axis] - extent(window, axis);
    if (room < 0) node.refuse("the window is larger than the input");
    std::int64_t out = room / stride + 1;
    if (rounds_up && room % stride != 0) {
      ++out;
      // A window that begins behind the input is none.
      if ((out - 1) * stride >= size + window.pad[axis]) --out;
    }
    window.out[axis] = in_range(node, out);
  }
  return window;
}

Window transposed_window_of(const NodePlan& node, const Shape& input, const Shape& kernel) {
  Window window = read_window(node, input, kernel);
  const std::size_t rank = input.size() - 2;
  Window::Axes more = {0, 0, 0};
  fill(node, "output_padding", node.list("output_padding"), rank, 0, more);
  Window::Axes asked = {1, 1, 1};
  std::vector<std::int64_t> sizes = node.list("output_shape");
  // It may name batch and channels, too.
  if (sizes.size() == input.size()) sizes.erase(sizes.begin(), sizes.begin() + 2);
  fill(node, "output_shape", sizes, rank, 1, asked);
  const std::string how = node.text("auto_pad", "NOTSET");
  const bool same = how == "SAME_UPPER" || how == "SAME_LOWER";
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const std::int64_t full =
        std::int64_t{window.in[axis] - 1} * window.stride[axis] + more[axis] + extent(window, axis);
    if (!sizes.empty() || same) {
      const std::int64_t out =
          !sizes.empty() ? asked[axis] : std::int64_t{window.in[axis]} * window.stride[axis];
      // Unlike where padding is added, the end gets less of it unless the upper side is named.
      split_padding(node, how == "SAME_UPPER" ? "SAME_UPPER" : "SAME_LOWER", full - out, window,
                    axis);
      window.out[axis] = in_range(node, out);
      continue;
    }
    if (how == "VALID") {
      window.pad[axis] = 0;
      window.pad_end[axis] = 0;
    }
    window.out[axis] = in_range(node, full - window.pad[axis] - window.pad_end[axis]);
    if (window.out[axis] == 0) node.refuse("it pads all of the output away");
  }
  return window;
}

}  // namespace qc::c
