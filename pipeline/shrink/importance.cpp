#include "pipeline/shrink/importance.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "passes/kernels/quadratic_form.h"

namespace qc {
namespace {

constexpr double kOwnPart = 0.7;  // of what rows measured; the rest is their mean

double mean_of(std::span<const double> values) {
  if (values.empty()) return 0;
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// The energy w H w^T that all rows of a layer have in its outputs.
double output_energy(const WeightLayer& layer, const Moments* moments,
                     std::span<const float> values, unsigned threads) {
  const std::vector<float> weights = layer.form.gather(values);
  const std::size_t columns = layer.form.columns;
  const std::size_t group_size = layer.form.rows * columns;
  double energy = 0;
  if (moments != nullptr && !moments->is_table) {
    const std::span<const double> second(moments->second);
    for (std::size_t g = 0; g < layer.form.groups; ++g) {
      energy += quadratic_form({&weights[g * group_size], group_size},
                               second.subspan(g * columns * columns, columns * columns), columns,
                               threads);
    }
    return energy;
  }
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const double square = static_cast<double>(weights[i]) * weights[i];
    energy += moments == nullptr ? square
                                 : square * moments->second[i / group_size * columns + i % columns];
  }
  return energy;
}

std::vector<double> by_rows(const WeightLayer& layer, const Moments* moments,
                            const std::vector<float>& squares) {
  const std::vector<float> fisher = layer.form.gather(squares);
  const std::size_t columns = layer.form.columns;
  const auto groups = static_cast<double>(layer.form.groups);
  const double trace =
      moments != nullptr ? moments->trace() / groups : static_cast<double>(columns);
  std::vector<double> rows(layer.form.groups * layer.form.rows);
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const auto begin = fisher.begin() + static_cast<std::ptrdiff_t>(row * columns);
    rows[row] = std::accumulate(begin, begin + static_cast<std::ptrdiff_t>(columns), 0.0);
    rows[row] /= trace > 0 ? trace : 1;
  }
  return rows;
}

}  // namespace

Importance::Importance(const OnnxModel& model, const ShrinkPlan& plan,
                       const Calibration& calibration, const std::vector<TensorSensitivity>& fisher,
                       unsigned threads) {
  std::map<std::size_t, const std::vector<float>*> squares;
  for (const TensorSensitivity& each : fisher) squares[each.tensor] = &each.squares;
  for (const WeightLayer& layer : plan.layers) {
    const auto found = calibration.find(layer.tensor);
    const Moments* moments = found != calibration.end() ? &found->second : nullptr;
    Measured measured;
    measured.rows.assign(layer.form.groups * layer.form.rows, 0);
    if (const auto own = squares.find(layer.tensor); own != squares.end()) {
      measured.rows = by_rows(layer, moments, *own->second);
    }
    const double energy = output_energy(layer, moments, values_of(model, layer.tensor), threads);
    measured.relative = energy > 0 ? static_cast<double>(layer.form.size()) / energy : 0;
    measured_[layer.tensor] = std::move(measured);
  }
  for (const std::size_t tensor : plan.singles) {
    const std::vector<float> values = values_of(model, tensor);
    Measured measured;
    measured.rows.assign(values.size(), 0);
    if (const auto own = squares.find(tensor); own != squares.end()) {
      measured.rows.assign(own->second->begin(), own->second->end());
    }
    double energy = 0;
    for (const float value : values) energy += static_cast<double>(value) * value;
    measured.relative = energy > 0 ? static_cast<double>(values.size()) / energy : 0;
    measured_[tensor] = std::move(measured);
  }
  double logs = 0;
  int count = 0;
  for (const auto& [tensor, measured] : measured_) {
    const double mean = mean_of(measured.rows);
    if (mean <= 0 || measured.relative <= 0) continue;
    has_fisher_ = true;
    logs += std::log(mean / measured.relative);
    ++count;
  }
  if (count > 0) relative_scale_ = std::exp(logs / count);
}

std::vector<double> Importance::of(std::size_t tensor, double allocation) const {
  const Measured& measured = measured_.at(tensor);
  const double mean = mean_of(measured.rows);
  const double relative = measured.relative * relative_scale_;
  // Without gradients, or without energy, the other measure stands alone.
  double scale = mean > 0 ? mean : relative;
  if (mean > 0 && relative > 0) {
    scale = std::exp(allocation * std::log(mean) + (1 - allocation) * std::log(relative));
  }
  std::vector<double> rows(measured.rows.size(), scale);
  if (mean <= 0) return rows;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i] = scale * (kOwnPart * measured.rows[i] / mean + 1 - kOwnPart);
  }
  return rows;
}

}  // namespace qc
