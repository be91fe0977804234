// Resize and its forerunner Upsample: what each place of the output is made of is worked out here.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "emit/c/operators/walk.h"

namespace qc::c {
namespace {

constexpr std::int64_t kMostElements = 1 << 24;

enum class Mode { kNearest, kLinear, kCubic };

struct Settings {
  Mode mode = Mode::kNearest;
  std::string coordinates = "asymmetric";
  std::string nearest_mode = {};
  double cubic_a = 0;
  bool excludes_outside = false;
};

struct Axis {
  std::int64_t input = 1;
  std::int64_t output = 1;
  double scale = 1;
};

/// What an axis of the output is made of: so many places and shares for each of its elements.
struct Taps {
  std::vector<std::int32_t> places;
  std::vector<float> shares;
};

// Where output element i lies on the input axis. Runtimes compute in float, the definition is in
// real numbers.
template <typename Real>
Real place(const Settings& settings, const Axis& axis, std::int64_t i) {
  const auto x = static_cast<Real>(i);
  const auto scale = static_cast<Real>(axis.scale);
  const auto input = static_cast<Real>(axis.input);
  const auto output = static_cast<Real>(axis.output);
  const auto half = static_cast<Real>(0.5);
  const std::string_view name = settings.coordinates;
  if (name == "half_pixel") return (x + half) / scale - half;
  if (name == "half_pixel_symmetric") {
    const Real adjustment = output / (scale * input);
    return input / 2 * (1 - adjustment) + (x + half) / scale - half;
  }
  if (name == "pytorch_half_pixel") return axis.output > 1 ? (x + half) / scale - half : 0;
  if (name == "align_corners") return axis.output > 1 ? x * (input - 1) / (output - 1) : 0;
  if (name == "tf_half_pixel_for_nn") return (x + half) / scale;
  return x / scale;
}

std::int64_t within(double x, std::int64_t size) {
  return static_cast<std::int64_t>(std::clamp(x, 0.0, static_cast<double>(size - 1)));
}

double rounded(const NodePlan& node, const Settings& settings, const Axis& axis, double x) {
  if (settings.nearest_mode == "round_prefer_floor") return std::ceil(x - 0.5);
  if (settings.nearest_mode == "round_prefer_ceil") return std::floor(x + 0.5);
  if (settings.nearest_mode == "ceil") return std::ceil(x);
  // Before opset 11 the definition did not say how to round when shrinking.
  if (settings.nearest_mode.empty() && axis.scale < 1 && std::floor(x) != std::ceil(x)) {
    node.refuse("it shrinks by another than a whole");
  }
  return std::floor(x);
}

Taps nearest(const NodePlan& node, const Settings& settings, const Axis& axis) {
  Taps taps;
  for (std::int64_t i = 0; i < axis.output; ++i) {
    const auto real = place<double>(settings, axis, i);
    const double single = place<float>(settings, axis, i);
    const std::int64_t index = within(rounded(node, settings, axis, real), axis.input);
    if (index != within(rounded(node, settings, axis, single), axis.input)) {
      node.refuse("its nearest elements depend on how a runtime rounds");
    }
    taps.places.push_back(static_cast<std::int32_t>(index));
  }
  return taps;
}

// Shares of the elements around a place at distance `t` behind the first inner one.
std::vector<double> shares_at(const Settings& settings, double t) {
  if (settings.mode == Mode::kLinear) return {1 - t, t};
  const double a = settings.cubic_a;
  const auto outer = [a](double d) { return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a; };
  const auto inner = [a](double d) { return ((a + 2) * d - (a + 3)) * d * d + 1; };
  return {outer(t + 1), inner(t), inner(1 - t), outer(2 - t)};
}

Taps weighted(const Settings& settings, const Axis& axis) {
  Taps taps;
  for (std::int64_t i = 0; i < axis.output; ++i) {
    const auto real = place<double>(settings, axis, i);
    const double base = std::floor(real);
    std::vector<double> shares = shares_at(settings, real - base);
    const double first = base - (shares.size() == 2 ? 0 : 1);
    double total = 0;
    for (std::size_t k = 0; k < shares.size(); ++k) {
      const double at = first + static_cast<double>(k);
      const bool is_outside = at < 0 || at >= static_cast<double>(axis.input);
      if (settings.excludes_outside && is_outside) shares[k] = 0;
      total += shares[k];
      taps.places.push_back(static_cast<std::int32_t>(within(at, axis.input)));
    }
    for (const double share : shares) {
      taps.shares.push_back(static_cast<float>(settings.excludes_outside ? share / total : share));
    }
  }
  return taps;
}

// An axis that stays as it is, with so many places of which the first alone counts.
Taps unchanged(const Axis& axis, std::size_t taps_each) {
  Taps taps;
  for (std::int64_t i = 0; i < axis.output; ++i) {
    for (std::size_t k = 0; k < taps_each; ++k) {
      taps.places.push_back(static_cast<std::int32_t>(i));
      taps.shares.push_back(k == 0 ? 1.0F : 0.0F);
    }
  }
  return taps;
}

Settings read_settings(const NodePlan& node) {
  Settings settings;
  const std::string mode = node.text("mode", "nearest");
  if (mode == "linear" || mode == "bilinear") {
    settings.mode = Mode::kLinear;
  } else if (mode == "cubic" && node.opset() >= 11) {
    settings.mode = Mode::kCubic;
  } else if (mode != "nearest") {
    node.refuse("mode " + mode);
  }
  if (node.opset() < 11) return settings;
  settings.coordinates = node.text("coordinate_transformation_mode", "half_pixel");
  std::vector<std::string_view> known = {"half_pixel", "pytorch_half_pixel", "align_corners",
                                         "asymmetric"};
  if (node.opset() < 13) known.emplace_back("tf_half_pixel_for_nn");
  if (node.opset() >= 19) known.emplace_back("half_pixel_symmetric");
  if (std::ranges::find(known, settings.coordinates) == known.end()) {
    node.refuse("coordinate_transformation_mode " + settings.coordinates);
  }
  settings.nearest_mode = node.text("nearest_mode", "round_prefer_floor");
  constexpr std::array kKnown = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"};
  if (std::ranges::find(kKnown, settings.nearest_mode) == kKnown.end()) {
    node.refuse("nearest_mode " + settings.nearest_mode);
  }
  settings.cubic_a = node.number("cubic_coeff_a", -0.75F);
  settings.excludes_outside = node.integer("exclude_outside", 0) != 0;
  if (node.integer("antialias", 0) != 0) node.refuse("antialias");
  if (node.text("keep_aspect_ratio_policy", "stretch") != "stretch") {
    node.refuse("keep_aspect_ratio_policy");
  }
  return settings;
}

bool is_filled(const NodePlan& node, std::size_t input) {
  return node.has_input(input) && count_of(node.shape(input)) > 0;
}

// Scales of the axes, empty where sizes are given instead.
std::vector<float> read_scales(const NodePlan& node) {
  if (node.node().op == "Upsample" && node.opset() < 9) {
    if (node.opset() < 7)
      return {1.0F, 1.0F, node.number("height_scale", 1.0F), node.number("width_scale", 1.0F)};
    const auto* scales = node.node().get<std::vector<float>>("scales");
    if (scales == nullptr) node.refuse("it has no scales");
    return *scales;
  }
  if (node.opset() < 11) return node.floats(1);
  if (!is_filled(node, 3)) return node.floats(2);
  if (is_filled(node, 2)) node.refuse("scales and sizes");
  return {};
}

std::int64_t scaled_size(const NodePlan& node, std::int64_t input, double scale) {
  if (!(scale > 0) || scale > kMostElements) node.refuse(fmt::format("a scale of {}", scale));
  const double real = std::floor(static_cast<double>(input) * scale);
  const float single = std::floor(static_cast<float>(input) * static_cast<float>(scale));
  if (real != static_cast<double>(single)) node.refuse("its size depends on how a runtime rounds");
  return static_cast<std::int64_t>(real);
}

std::vector<Axis> read_axes(const NodePlan& node, const Settings& settings) {
  const Shape& shape = node.shape(0);
  const std::vector<float> scales = read_scales(node);
  const Shape sizes = scales.empty() ? node.integers(3) : Shape();
  std::vector<std::size_t> which(shape.size());
  std::iota(which.begin(), which.end(), 0U);
  if (node.opset() >= 18 && node.has("axes")) {
    which.clear();
    for (const std::int64_t axis : node.list("axes")) {
      which.push_back(node.axis(axis, shape.size()));
      if (std::ranges::count(which, which.back()) > 1) node.refuse("it names an axis twice");
    }
  }
  if (std::max(scales.size(), sizes.size()) != which.size()) {
    node.refuse("its scales or sizes are not one for each axis");
  }
  std::vector<Axis> axes;
  for (const std::int64_t size : shape) axes.push_back({size, size, 1});
  for (std::size_t i = 0; i < which.size(); ++i) {
    Axis& axis = axes[which[i]];
    axis.output = scales.empty() ? sizes[i] : scaled_size(node, axis.input, scales[i]);
    if (axis.output < 1 || axis.output > kMostElements) {
      node.refuse("an axis without elements, or with millions");
    }
    // The definition stretches to the unrounded size, runtimes to the rounded one.
    if (!scales.empty() && settings.coordinates == "align_corners" &&
        static_cast<double>(axis.output) != static_cast<double>(axis.input) * scales[i]) {
      node.refuse("align_corners with a scale that gives no whole size");
    }
    axis.scale = scales.empty() ? static_cast<double>(axis.output) / static_cast<double>(axis.input)
                                : scales[i];
  }
  return axes;
}

bool is_resized(const Axis& axis) { return axis.scale != 1 || axis.output != axis.input; }

/// Three axes with all that are resized, between those before and after them.
struct Frame {
  std::int64_t outer = 1;
  std::int64_t inner = 1;
  std::array<Axis, 3> axes = {};
};

Frame frame_of(const NodePlan& node, const std::vector<Axis>& axes) {
  std::size_t first = 0;
  std::size_t end = axes.size();
  while (!is_resized(axes[first])) ++first;
  while (!is_resized(axes[end - 1])) --end;
  if (end - first > 3) node.refuse("it resizes more than three axes");
  Frame frame;
  for (std::size_t axis = 0; axis < first; ++axis) frame.outer *= axes[axis].input;
  for (std::size_t axis = end; axis < axes.size(); ++axis) frame.inner *= axes[axis].input;
  const auto middle = axes.begin() + static_cast<std::ptrdiff_t>(first);
  const auto count = static_cast<std::ptrdiff_t>(end - first);
  std::copy(middle, middle + count, frame.axes.end() - count);
  return frame;
}

// Whether each element becomes a block, which needs no list of places.
bool is_enlargement(const Axis& axis, const std::vector<std::int32_t>& places) {
  if (axis.output % axis.input != 0) return false;
  const std::int64_t factor = axis.output / axis.input;
  for (std::int64_t i = 0; i < axis.output; ++i) {
    if (places[static_cast<std::size_t>(i)] != i / factor) return false;
  }
  return true;
}

void plan_resize(NodePlan& node) {
  require_floats(node, 0);
  const Settings settings = read_settings(node);
  const std::vector<Axis> axes = read_axes(node, settings);
  Shape shape;
  for (const Axis& axis : axes) shape.push_back(axis.output);
  if (std::ranges::none_of(axes, is_resized)) {
    node.output_as(0, 0, shape);
    return;
  }
  const Frame frame = frame_of(node, axes);
  const std::size_t taps_each = settings.mode == Mode::kNearest  ? 1
                                : settings.mode == Mode::kLinear ? 2
                                                                 : 4;
  Taps all;
  bool enlarges = settings.mode == Mode::kNearest;
  std::vector<std::int32_t> sizes(6);
  for (std::size_t i = 0; i < 3; ++i) {
    const Axis& axis = frame.axes[i];
    const Taps taps = !is_resized(axis)                 ? unchanged(axis, taps_each)
                      : settings.mode == Mode::kNearest ? nearest(node, settings, axis)
                                                        : weighted(settings, axis);
    enlarges = enlarges && is_enlargement(axis, taps.places);
    all.places.insert(all.places.end(), taps.places.begin(), taps.places.end());
    all.shares.insert(all.shares.end(), taps.shares.begin(), taps.shares.end());
    sizes[i] = static_cast<std::int32_t>(axis.input);
    sizes[3 + i] = static_cast<std::int32_t>(axis.output);
  }
  const bool is_weighted = settings.mode != Mode::kNearest;
  const ValueId y = node.output(0, DataType::kFloat, shape);
  Step& step = node.call(is_weighted ? "qk_resize_weighted"
                         : enlarges  ? "qk_enlarge"
                                     : "qk_resize_nearest");
  node.read(step, node.input(0));
  node.write(step, y);
  node.size(step, frame.outer);
  node.size(step, frame.inner);
  if (is_weighted) node.size(step, static_cast<std::int64_t>(taps_each));
  node.array(step, "sizes", sizes);
  if (!enlarges) node.array(step, "places", all.places);
  if (is_weighted) node.array(step, "shares", all.shares);
  step.operations = count_of(shape) * taps_each;
}

constexpr std::array kOperators = std::to_array<OperatorRow>({
    {"Upsample", "", 1, plan_resize},
    {"Resize", "", 10, plan_resize},
});

}  // namespace

std::span<const OperatorRow> resize_operators() { return kOperators; }

}  // namespace qc::c
