#include "engine/torch/window.h"

#include <fmt/format.h>

#include <algorithm>

namespace qc::torch_engine {
namespace {

// Larger windows, steps and paddings are taken for a mistake or an attack; sums cannot overflow.
constexpr std::int64_t kMost = 1 << 24;

void require_between(const OpContext& op, const std::vector<std::int64_t>& numbers,
                     std::int64_t least, const char* what) {
  for (const std::int64_t number : numbers) {
    if (number < least || number > kMost) op.refuse(fmt::format("{} of {}", what, number));
  }
}

}  // namespace

std::vector<std::int64_t> Window::torch_pads() const {
  std::vector<std::int64_t> pads;
  for (std::size_t i = kernel.size(); i-- > 0;) {
    pads.push_back(pads_begin[i]);
    pads.push_back(pads_end[i]);
  }
  return pads;
}

Window read_plain_window(const OpContext& op, std::size_t rank,
                         const std::vector<std::int64_t>& kernel) {
  const auto or_ones = [&](std::string_view name) {
    const std::vector<std::int64_t> given = op.ints(name);
    return given.empty() ? std::vector<std::int64_t>(rank, 1) : given;
  };
  Window window;
  window.kernel = op.has_attribute("kernel_shape") ? op.ints("kernel_shape") : kernel;
  window.strides = or_ones("strides");
  window.dilations = or_ones("dilations");
  window.pads_begin.assign(rank, 0);
  window.pads_end.assign(rank, 0);
  if (window.kernel.size() != rank || window.strides.size() != rank ||
      window.dilations.size() != rank) {
    op.refuse(fmt::format("its window does not have {} dimensions", rank));
  }
  const std::vector<std::int64_t> pads = op.ints("pads");
  if (!pads.empty()) {
    if (pads.size() != 2 * rank) op.refuse("pads has the wrong length");
    std::copy_n(pads.begin(), rank, window.pads_begin.begin());
    std::copy_n(pads.begin() + static_cast<std::ptrdiff_t>(rank), rank, window.pads_end.begin());
  }
  require_between(op, window.kernel, 1, "a kernel");
  require_between(op, window.strides, 1, "a stride");
  require_between(op, window.dilations, 1, "a dilation");
  require_between(op, pads, 0, "a padding");
  return window;
}

Window read_window(const OpContext& op, const std::vector<std::int64_t>& spatial,
                   const std::vector<std::int64_t>& kernel) {
  const std::size_t rank = spatial.size();
  Window window = read_plain_window(op, rank, kernel);
  const std::string mode = op.string_or("auto_pad", "NOTSET");
  if (mode == "NOTSET" || mode.empty()) return window;
  window.pads_begin.assign(rank, 0);
  window.pads_end.assign(rank, 0);
  if (mode == "VALID") return window;
  if (mode != "SAME_UPPER" && mode != "SAME_LOWER") op.refuse("auto_pad " + mode);
  for (std::size_t i = 0; i < rank; ++i) {
    const std::int64_t outputs = (spatial[i] + window.strides[i] - 1) / window.strides[i];
    const std::int64_t total = std::max<std::int64_t>(
        0, (outputs - 1) * window.strides[i] + window.extent(i) - spatial[i]);
    const std::int64_t smaller = total / 2;
    window.pads_begin[i] = mode == "SAME_UPPER" ? smaller : total - smaller;
    window.pads_end[i] = total - window.pads_begin[i];
  }
  return window;
}

}  // namespace qc::torch_engine
