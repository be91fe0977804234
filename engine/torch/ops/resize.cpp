// Resize and its forerunner Upsample: each axis on its own, as weighted sums of selected elements.
#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "engine/torch/ops/common.h"

namespace qc::torch_engine {
namespace {

constexpr std::int64_t kMostElements = 1 << 24;

enum class Coordinates {
  kHalfPixel,
  kHalfPixelSymmetric,
  kPytorchHalfPixel,
  kAlignCorners,
  kAsymmetric,
  kHalfPixelForNearest,  // tf_half_pixel_for_nn
  kCrop,                 // tf_crop_and_resize
};

enum class Mode { kNearest, kLinear, kCubic };

struct Settings {
  Mode mode = Mode::kNearest;
  Coordinates coordinates = Coordinates::kAsymmetric;
  std::string nearest_mode;
  double cubic_a = 0;
  bool exclude_outside = false;
  double extrapolation = 0;
};

struct Axis {
  std::int64_t axis;
  std::int64_t input;
  std::int64_t output;
  double scale;
  double crop_start = 0;  // of kCrop, as fractions of the input
  double crop_end = 1;
};

// Where output element i lies on the input axis. Runtimes compute in float, the definition is in
// real numbers.
template <typename Real>
Real place(Coordinates coordinates, const Axis& axis, std::int64_t i) {
  const auto x = static_cast<Real>(i);
  const auto scale = static_cast<Real>(axis.scale);
  const auto input = static_cast<Real>(axis.input);
  const auto output = static_cast<Real>(axis.output);
  const auto half = static_cast<Real>(0.5);
  switch (coordinates) {
    case Coordinates::kHalfPixel:
      return (x + half) / scale - half;
    case Coordinates::kHalfPixelSymmetric: {
      const Real adjustment = output / (scale * input);
      const Real offset = input / 2 * (1 - adjustment);
      return offset + (x + half) / scale - half;
    }
    case Coordinates::kPytorchHalfPixel:
      return axis.output > 1 ? (x + half) / scale - half : 0;
    case Coordinates::kAlignCorners:
      return axis.output > 1 ? x * (input - 1) / (output - 1) : 0;
    case Coordinates::kAsymmetric:
      return x / scale;
    case Coordinates::kHalfPixelForNearest:
      return (x + half) / scale;
    case Coordinates::kCrop: {
      const auto start = static_cast<Real>(axis.crop_start);
      const auto end = static_cast<Real>(axis.crop_end);
      if (axis.output <= 1) return half * (start + end) * (input - 1);
      return start * (input - 1) + x * (end - start) * (input - 1) / (output - 1);
    }
  }
  return 0;
}

double rounded(const OpContext& op, const Settings& settings, const Axis& axis, double x) {
  if (settings.nearest_mode == "round_prefer_floor") return std::ceil(x - 0.5);
  if (settings.nearest_mode == "round_prefer_ceil") return std::floor(x + 0.5);
  if (settings.nearest_mode == "floor") return std::floor(x);
  if (settings.nearest_mode == "ceil") return std::ceil(x);
  // Before opset 11 the definition did not say how to round when shrinking.
  if (axis.scale < 1 && std::floor(x) != std::ceil(x)) op.refuse("shrinks by another than a whole");
  return std::floor(x);
}

std::int64_t within(double x, std::int64_t size) {
  return static_cast<std::int64_t>(std::clamp(x, 0.0, static_cast<double>(size - 1)));
}

at::Tensor index_tensor(const std::vector<std::int64_t>& places, const at::Tensor& like) {
  return at::tensor(places, at::kLong).to(like.device());
}

at::Tensor resize_nearest(const OpContext& op, const at::Tensor& x, const Settings& settings,
                          const Axis& axis) {
  std::vector<std::int64_t> places;
  for (std::int64_t i = 0; i < axis.output; ++i) {
    const auto real = place<double>(settings.coordinates, axis, i);
    const double single = place<float>(settings.coordinates, axis, i);
    const std::int64_t index = within(rounded(op, settings, axis, real), axis.input);
    if (index != within(rounded(op, settings, axis, single), axis.input)) {
      op.refuse("its nearest elements depend on how a runtime rounds");
    }
    places.push_back(index);
  }
  return x.index_select(axis.axis, index_tensor(places, x));
}

// Weights of the elements around a place at distance `t` behind the first inner one.
std::vector<double> weights(const Settings& settings, double t) {
  if (settings.mode == Mode::kLinear) return {1 - t, t};
  const double a = settings.cubic_a;
  const auto outer = [a](double d) { return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a; };
  const auto inner = [a](double d) { return ((a + 2) * d - (a + 3)) * d * d + 1; };
  return {outer(t + 1), inner(t), inner(1 - t), outer(2 - t)};
}

at::Tensor resize_weighted(const at::Tensor& x, const Settings& settings, const Axis& axis) {
  const std::size_t taps = settings.mode == Mode::kLinear ? 2 : 4;
  std::vector<std::vector<std::int64_t>> places(taps);
  std::vector<std::vector<double>> shares(taps);
  for (std::int64_t i = 0; i < axis.output; ++i) {
    const auto real = place<double>(settings.coordinates, axis, i);
    const double base = std::floor(real);
    std::vector<double> share = weights(settings, real - base);
    const double first = base - (taps == 2 ? 0 : 1);
    double total = 0;
    for (std::size_t k = 0; k < taps; ++k) {
      const double at = first + static_cast<double>(k);
      const bool outside = at < 0 || at >= static_cast<double>(axis.input);
      if (settings.exclude_outside && outside) share[k] = 0;
      total += share[k];
      places[k].push_back(within(at, axis.input));
    }
    for (std::size_t k = 0; k < taps; ++k) {
      shares[k].push_back(settings.exclude_outside ? share[k] / total : share[k]);
    }
  }
  const std::vector<std::int64_t> shape = shape_along(x.dim(), axis.axis, axis.output);
  at::Tensor y;
  for (std::size_t k = 0; k < taps; ++k) {
    const at::Tensor share = at::tensor(shares[k], at::kDouble).to(x.options()).reshape(shape);
    const at::Tensor part = x.index_select(axis.axis, index_tensor(places[k], x)) * share;
    y = y.defined() ? y + part : part;
  }
  return y;
}

// What lies outside the input gets the extrapolation value.
at::Tensor extrapolated(const OpContext& op, const at::Tensor& y, const Settings& settings,
                        const Axis& axis) {
  std::vector<std::int64_t> inside;
  for (std::int64_t i = 0; i < axis.output; ++i) {
    const auto fits = [&](auto x) {
      return x >= 0 && x <= static_cast<decltype(x)>(axis.input - 1);
    };
    const bool real = fits(place<double>(settings.coordinates, axis, i));
    if (real != fits(place<float>(settings.coordinates, axis, i))) {
      op.refuse("what lies outside depends on how a runtime rounds");
    }
    inside.push_back(real ? 1 : 0);
  }
  const at::Tensor mask =
      index_tensor(inside, y).to(at::kBool).reshape(shape_along(y.dim(), axis.axis, axis.output));
  return at::where(mask, y, at::full({}, settings.extrapolation, y.options()));
}

Mode read_mode(const OpContext& op) {
  const std::string mode = op.string_or("mode", "nearest");
  if (mode == "nearest") return Mode::kNearest;
  if (mode == "linear") return Mode::kLinear;
  if (mode == "cubic" && op.opset >= 11) return Mode::kCubic;
  op.refuse("mode " + mode);
}

Coordinates read_coordinates(const OpContext& op) {
  const std::string name = op.string_or("coordinate_transformation_mode", "half_pixel");
  if (name == "half_pixel") return Coordinates::kHalfPixel;
  if (name == "pytorch_half_pixel") return Coordinates::kPytorchHalfPixel;
  if (name == "align_corners") return Coordinates::kAlignCorners;
  if (name == "asymmetric") return Coordinates::kAsymmetric;
  if (name == "tf_crop_and_resize") return Coordinates::kCrop;
  if (name == "tf_half_pixel_for_nn" && op.opset < 13) return Coordinates::kHalfPixelForNearest;
  if (name == "half_pixel_symmetric" && op.opset >= 19) return Coordinates::kHalfPixelSymmetric;
  op.refuse("coordinate_transformation_mode " + name);
}

Settings read_settings(const OpContext& op) {
  Settings settings;
  settings.mode = read_mode(op);
  if (op.opset < 11) return settings;
  settings.coordinates = read_coordinates(op);
  settings.nearest_mode = op.string_or("nearest_mode", "round_prefer_floor");
  constexpr std::array kKnown = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"};
  if (std::ranges::find(kKnown, settings.nearest_mode) == kKnown.end()) {
    op.refuse("nearest_mode " + settings.nearest_mode);
  }
  settings.cubic_a = op.float_or("cubic_coeff_a", -0.75F);
  settings.exclude_outside = op.int_or("exclude_outside", 0) != 0;
  settings.extrapolation = op.float_or("extrapolation_value", 0);
  if (op.int_or("antialias", 0) != 0) op.refuse("antialias");
  if (op.string_or("keep_aspect_ratio_policy", "stretch") != "stretch") {
    op.refuse("keep_aspect_ratio_policy");
  }
  return settings;
}

std::vector<double> numbers(const at::Tensor& tensor) {
  const at::Tensor flat = tensor.to(at::kCPU, at::kDouble).contiguous();
  return {flat.data_ptr<double>(), flat.data_ptr<double>() + flat.numel()};
}

bool filled(const OpContext& op, std::size_t input) {
  return op.has(input) && op.in(input).numel() > 0;
}

// Scales of the axes, empty where sizes are given instead.
std::vector<double> read_scales(const OpContext& op) {
  if (op.node.op == "Upsample" && op.opset < 9) {
    const std::vector<float> given = op.floats("scales");
    return {given.begin(), given.end()};
  }
  if (op.opset < 11) return numbers(op.in(1));
  if (filled(op, 3)) {
    if (filled(op, 2)) op.refuse("scales and sizes");
    return {};
  }
  return numbers(op.in(2));
}

std::int64_t scaled_size(const OpContext& op, std::int64_t input, double scale) {
  if (!(scale > 0) || scale > kMostElements) op.refuse(fmt::format("a scale of {}", scale));
  const double real = std::floor(static_cast<double>(input) * scale);
  const float single = std::floor(static_cast<float>(input) * static_cast<float>(scale));
  if (real != static_cast<double>(single)) op.refuse("its size depends on how a runtime rounds");
  return static_cast<std::int64_t>(real);
}

std::vector<Axis> read_axes(const OpContext& op, const Settings& settings) {
  const at::Tensor& x = op.in(0);
  const std::vector<double> scales = read_scales(op);
  const std::vector<std::int64_t> sizes =
      scales.empty() ? op.ints_in(3) : std::vector<std::int64_t>();
  std::vector<std::int64_t> which = all_axes(x.dim());
  if (op.opset >= 18 && op.has_attribute("axes")) which = op.ints("axes");
  static_cast<void>(unique_axes(op, which, x.dim()));
  if (std::max(scales.size(), sizes.size()) != which.size()) {
    op.refuse("its scales or sizes are not one for each axis");
  }
  const bool crop = settings.coordinates == Coordinates::kCrop;
  const std::vector<double> crops = crop ? numbers(op.in(1)) : std::vector<double>();
  if (crop && crops.size() != 2 * which.size()) op.refuse("its roi does not fit");
  std::vector<Axis> axes;
  for (std::size_t i = 0; i < which.size(); ++i) {
    Axis axis{op.axis(which[i], x.dim()), 0, 0, 0};
    axis.input = x.size(axis.axis);
    axis.output = scales.empty() ? sizes[i] : scaled_size(op, axis.input, scales[i]);
    if (axis.input < 1 || axis.output < 1 || axis.output > kMostElements) {
      op.refuse("an axis without elements, or with millions");
    }
    // The definition stretches to the unrounded size, runtimes to the rounded one.
    if (!scales.empty() && settings.coordinates == Coordinates::kAlignCorners &&
        static_cast<double>(axis.output) != static_cast<double>(axis.input) * scales[i]) {
      op.refuse("align_corners with a scale that gives no whole size");
    }
    axis.scale = scales.empty() ? static_cast<double>(axis.output) / static_cast<double>(axis.input)
                                : scales[i];
    if (crop) {
      axis.crop_start = crops[i];
      axis.crop_end = crops[i + which.size()];
    }
    axes.push_back(axis);
  }
  return axes;
}

Values resize(const OpContext& op) {
  const Settings settings = read_settings(op);
  if (settings.mode != Mode::kNearest) float_in(op, 0);
  const std::vector<Axis> axes = read_axes(op, settings);
  const bool crop = settings.coordinates == Coordinates::kCrop;
  const auto unchanged = [&](const Axis& axis) {
    return axis.scale == 1 && (!crop || (axis.crop_start == 0 && axis.crop_end == 1));
  };
  at::Tensor y = op.in(0);
  for (const Axis& axis : axes) {
    if (unchanged(axis)) continue;
    y = settings.mode == Mode::kNearest ? resize_nearest(op, y, settings, axis)
                                        : resize_weighted(y, settings, axis);
  }
  for (const Axis& axis : axes) {
    if (crop && !unchanged(axis)) y = extrapolated(op, y, settings, axis);
  }
  return {y};
}

constexpr std::array kOperators = std::to_array<Operator>({
    {"Upsample", 7, resize, 9},
    {"Resize", 10, resize},
});

}  // namespace

std::span<const Operator> resize_operators() { return kOperators; }

}  // namespace qc::torch_engine
