#include "passes/kernels/weight_form.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include "core/float_types.h"
#include "core/random.h"
#include "passes/kernels/dorefa.h"
#include "passes/kernels/power_of_two.h"
#include "passes/kernels/short_mantissas.h"
#include "passes/kernels/tanh.h"
#include "passes/kernels/ternary.h"

namespace qc {
namespace {

// The weights that share a scale, gathered.
class Groups {
 public:
  Groups(ScaleScope scope, const ChannelMap& channels, std::size_t size)
      : channels_(scope == ScaleScope::kChannel ? channels : ChannelMap{}), size_(size) {}

  std::size_t count() const noexcept { return static_cast<std::size_t>(channels_.count); }

  // The places of the weights of group `group`, in order.
  std::vector<std::size_t> places(std::size_t group) const {
    std::vector<std::size_t> places;
    if (channels_.count == 1) {
      for (std::size_t i = 0; i < size_; ++i) places.push_back(i);
      return places;
    }
    const auto stride = static_cast<std::size_t>(channels_.stride);
    for (std::size_t begin = group * stride; begin < size_; begin += count() * stride) {
      for (std::size_t i = begin; i < std::min(size_, begin + stride); ++i) places.push_back(i);
    }
    return places;
  }

 private:
  ChannelMap channels_;
  std::size_t size_;
};

std::vector<float> gather(std::span<const float> values, std::span<const std::size_t> places) {
  std::vector<float> gathered;
  gathered.reserve(places.size());
  for (const std::size_t place : places) gathered.push_back(values[place]);
  return gathered;
}

float sign(float value) noexcept { return value >= 0 ? 1.0F : -1.0F; }

float mean_magnitude(std::span<const float> values) noexcept {
  return static_cast<float>(mean_threshold(values, 1));
}

void to_levels(const LevelFit& fit, float scale, std::span<float> weights) noexcept {
  for (float& weight : weights) {
    weight = static_cast<float>(level_of(weight, fit)) * scale;
    if (weight == 0) weight = 0;  // no negative zero
  }
}

using Draw = std::optional<SplitMix64>;

void to_ternary(const WeightForm& form, std::span<float> weights, Draw& /*draw*/) {
  LevelFit fit = form.threshold > 0 ? fit_scale(weights, mean_threshold(weights, form.threshold),
                                                std::numeric_limits<double>::infinity())
                                    : fit_ternary(weights);
  to_levels(fit, form.scope == ScaleScope::kNone ? 1.0F : static_cast<float>(fit.scale), weights);
}

void to_five_levels(const WeightForm& form, std::span<float> weights, Draw& /*draw*/) {
  const LevelFit fit = fit_five_levels(weights);
  to_levels(fit, form.scope == ScaleScope::kNone ? 1.0F : static_cast<float>(fit.scale), weights);
}

void to_binary(const WeightForm& form, std::span<float> weights, Draw& draw) {
  const float scale = form.scope == ScaleScope::kNone ? 1.0F : mean_magnitude(weights);
  for (float& weight : weights) {
    if (draw) {
      const double chance = std::clamp((static_cast<double>(weight) + 1) / 2, 0.0, 1.0);
      weight = draw->uniform() < chance ? scale : -scale;
    } else {
      weight = scale * sign(weight);
    }
  }
}

void to_dorefa(const WeightForm& form, std::span<float> weights, Draw& draw) {
  if (form.bits == 1) return to_binary({.scope = ScaleScope::kLayer}, weights, draw);
  const double largest = largest_tanh(weights);
  for (float& weight : weights) weight = dorefa_weight(weight, largest, form.bits);
}

void to_powers_of_two(const WeightForm& /*form*/, std::span<float> weights, Draw& /*draw*/) {
  std::ranges::transform(weights, weights.begin(), nearest_power_of_two);
}

// What would round up to infinity stays.
void to_mantissas(const WeightForm& form, std::span<float> weights, Draw& /*draw*/) {
  for (float& weight : weights) {
    const auto rounded = static_cast<float>(round_mantissa(static_cast<double>(weight), form.bits));
    if (std::isfinite(rounded)) weight = rounded + 0.0F;  // -0 becomes +0
  }
}

void keep_gradient(const WeightForm& /*form*/, std::span<const float> /*latent*/,
                   std::span<float> /*gradient*/) {}

void binary_gradient(const WeightForm& form, std::span<const float> latent,
                     std::span<float> gradient) {
  const bool scaled = form.scope != ScaleScope::kNone;
  const float scale = scaled ? mean_magnitude(latent) : 1.0F;
  const float through_scale = scaled ? 1.0F / static_cast<float>(latent.size()) : 0.0F;
  for (std::size_t i = 0; i < latent.size(); ++i) {
    gradient[i] *= through_scale + (std::fabs(latent[i]) <= 1 ? scale : 0.0F);
  }
}

void dorefa_gradient(const WeightForm& form, std::span<const float> latent,
                     std::span<float> gradient) {
  if (form.bits == 1) return;
  const double largest = largest_tanh(latent);
  for (std::size_t i = 0; i < latent.size(); ++i) {
    const double tanh = portable_tanh(static_cast<double>(latent[i]));
    gradient[i] *= largest > 0 ? static_cast<float>((1 - tanh * tanh) / largest) : 0.0F;
  }
}

// One kind of form: how the weights that share a scale are made, and the gradient back.
struct Row {
  FormKind kind;
  std::string_view name;
  void (*apply)(const WeightForm& form, std::span<float> weights, Draw& draw);
  void (*gradient)(const WeightForm& form, std::span<const float> latent,
                   std::span<float> gradient);
};

constexpr std::array kRows = {
    Row{FormKind::kTernary, "ternary", to_ternary, keep_gradient},
    Row{FormKind::kFiveLevels, "five levels", to_five_levels, keep_gradient},
    Row{FormKind::kBinary, "binary", to_binary, binary_gradient},
    Row{FormKind::kDorefa, "DoReFa", to_dorefa, dorefa_gradient},
    Row{FormKind::kPowerOfTwo, "powers of two", to_powers_of_two, keep_gradient},
    Row{FormKind::kMantissa, "short mantissas", to_mantissas, keep_gradient},
};

const Row& row_of(FormKind kind) noexcept { return *std::ranges::find(kRows, kind, &Row::kind); }

}  // namespace

std::string form_text(const WeightForm& form) {
  if (form.kind == FormKind::kDorefa || form.kind == FormKind::kMantissa) {
    return fmt::format("{}, {} bits", row_of(form.kind).name, form.bits);
  }
  constexpr std::array<std::string_view, 3> kScopes = {"scale 1", "a scale per layer",
                                                       "a scale per channel"};
  return fmt::format("{}, {}", row_of(form.kind).name,
                     kScopes.at(static_cast<std::size_t>(form.scope)));
}

void apply_form(const WeightForm& form, std::span<const float> latent, const ChannelMap& channels,
                std::optional<std::uint64_t> seed, std::span<float> weights) {
  Draw draw;
  if (form.stochastic && seed) draw.emplace(*seed);
  const Groups groups(form.scope, channels, latent.size());
  for (std::size_t group = 0; group < groups.count(); ++group) {
    const std::vector<std::size_t> places = groups.places(group);
    std::vector<float> values = gather(latent, places);
    row_of(form.kind).apply(form, values, draw);
    for (std::size_t i = 0; i < places.size(); ++i) weights[places[i]] = values[i];
  }
}

bool has_form(const WeightForm& form, std::span<const float> values, const ChannelMap& channels,
              DataType type) {
  const auto as_stored = [type](float value) {
    return static_cast<float>(stored_value(type, static_cast<double>(value)));
  };
  if (form.kind == FormKind::kDorefa && form.bits > 1) {
    return std::ranges::all_of(values, [&](float value) {
      const double unit = std::clamp((static_cast<double>(value) + 1) / 2, 0.0, 1.0);
      return value == as_stored(static_cast<float>(2 * quantize_unit(unit, form.bits) - 1));
    });
  }
  // All other forms are what they make of themselves.
  std::vector<float> again(values.size());
  apply_form(form, values, channels, std::nullopt, again);
  return std::ranges::equal(values, again, {}, {}, as_stored);
}

void straight_through(const WeightForm& form, std::span<const float> latent,
                      const ChannelMap& channels, std::span<float> gradient) {
  const Groups groups(form.scope, channels, latent.size());
  for (std::size_t group = 0; group < groups.count(); ++group) {
    const std::vector<std::size_t> places = groups.places(group);
    const std::vector<float> values = gather(latent, places);
    std::vector<float> gradients = gather(gradient, places);
    row_of(form.kind).gradient(form, values, gradients);
    for (std::size_t i = 0; i < places.size(); ++i) gradient[places[i]] = gradients[i];
  }
}

void clip_latent(const WeightForm& form, std::span<float> latent) noexcept {
  if (form.kind != FormKind::kBinary) return;
  for (float& weight : latent) weight = std::clamp(weight, -1.0F, 1.0F);
}

}  // namespace qc
