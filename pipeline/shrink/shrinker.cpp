#include "pipeline/shrink/shrinker.h"

#include <algorithm>
#include <utility>

#include "formats/onnx/load_tensors.h"
#include "passes/layer_factors.h"

namespace qc {
namespace {

void merge(ShrunkModel& all, RoundedTensors part) {
  all.edits.merge(std::move(part.edits));
  all.bits += part.bits;
}

// Moments of columns that have nothing to do with each other, so that none makes up for another.
Moments without_correlations(Moments moments, bool centred) {
  if (moments.is_table) return moments;
  const std::size_t n = moments.columns;
  for (std::size_t i = 0; i < moments.second.size(); ++i) {
    const std::size_t row = i / n;  // of all groups
    if (row % n != i % n) {
      moments.second[i] = 0;
    } else if (centred) {
      moments.second[i] -= moments.mean[row] * moments.mean[row];
    }
  }
  moments.mean.assign(moments.mean.size(), 0);
  return moments;
}

}  // namespace

Shrinker::Shrinker(const OnnxModel& model, Engine& engine, RunInputs inputs,
                   std::vector<OutputLoss> losses, Options options)
    : model_(model),
      inputs_(std::move(inputs)),
      options_(std::move(options)),
      plan_(plan_shrink(model, options_.exclude)),
      network_(engine.load(load_model(model))) {
  std::map<std::size_t, const WeightLayer*> layers;
  CalibrationJob job;
  for (const WeightLayer& layer : plan_.layers) {
    layers[layer.tensor] = &layer;
    job.tensors.push_back(layer.tensor);
  }
  SensitivityJob sensitivity;
  sensitivity.inputs = inputs_;
  sensitivity.inputs.count = std::min(inputs_.count, options_.sensitivity_samples);
  sensitivity.tensors = job.tensors;
  for (const WeightLayer& layer : plan_.layers) {
    if (layer.bias) sensitivity.tensors.push_back(*layer.bias);
  }
  for (const std::size_t single : plan_.singles) sensitivity.tensors.push_back(single);
  sensitivity.outputs = std::move(losses);
  sensitivity.seed = options_.seed;
  sensitivity.progress = [&](std::size_t done) {
    report("measuring sensitivity",
           static_cast<double>(done) / static_cast<double>(sensitivity.inputs.count));
  };
  const std::vector<TensorSensitivity> fisher = network_->sensitivity(sensitivity);

  job.inputs = inputs_;
  job.memory = options_.activation_memory;
  job.visit = [&](std::size_t tensor, const Moments& moments) -> PayloadEdits {
    const WeightLayer& layer = *layers.at(tensor);
    if (options_.compensate) {
      factors_[tensor] =
          layer_factors(layer, &moments, rounding_order(layer.form), options_.threads);
    } else {
      const Moments alone = without_correlations(moments, layer.bias.has_value());
      factors_[tensor] = layer_factors(layer, &alone, rounding_order(layer.form), options_.threads);
    }
    calibration_[tensor] = moments;
    report("calibrating",
           static_cast<double>(calibration_.size()) / static_cast<double>(plan_.layers.size()));
    return {};
  };
  network_->calibrate(job);
  importance_ = std::make_unique<Importance>(model_, plan_, calibration_, fisher, options_.threads);
  // From here on the factors stand for them.
  for (auto& [tensor, moments] : calibration_) {
    if (!moments.is_table) moments.second = {};
  }
}

void Shrinker::report(std::string_view stage, double part) const {
  if (options_.progress) options_.progress(stage, part);
}

std::vector<std::string> Shrinker::uncalibrated() const {
  std::vector<std::string> names;
  for (const WeightLayer& layer : plan_.layers) {
    if (!calibration_.contains(layer.tensor)) names.push_back(model_.tensors()[layer.tensor].name);
  }
  return names;
}

void Shrinker::round_singles(const ShrinkPoint& point, ShrunkModel& shrunk) const {
  for (const std::size_t tensor : plan_.singles) {
    merge(shrunk,
          round_single(model_, tensor, importance_->of(tensor, point.allocation), point.lambda));
  }
}

LayerStatistics Shrinker::statistics_of(const WeightLayer& layer,
                                        std::span<const double> importance) const {
  const auto moments = calibration_.find(layer.tensor);
  const auto factors = factors_.find(layer.tensor);
  return {.moments = moments != calibration_.end() ? &moments->second : nullptr,
          .factors = factors != factors_.end() ? &factors->second : nullptr,
          .importance = importance};
}

ShrunkModel Shrinker::round(const ShrinkPoint& point) const {
  ShrunkModel shrunk;
  for (const WeightLayer& layer : plan_.layers) {
    const std::vector<double> importance = importance_->of(layer.tensor, point.allocation);
    merge(shrunk, round_layer(model_, layer, statistics_of(layer, importance), point.lambda,
                              options_.threads));
  }
  round_singles(point, shrunk);
  return shrunk;
}

double Shrinker::estimated_bits(const ShrinkPoint& point) const {
  ShrunkModel singles;
  round_singles(point, singles);
  double bits = singles.bits;
  for (const WeightLayer& layer : plan_.layers) {
    const std::vector<double> importance = importance_->of(layer.tensor, point.allocation);
    bits += estimate_layer_bits(model_, layer, statistics_of(layer, importance), point.lambda,
                                options_.threads);
  }
  return bits;
}

ShrunkModel Shrinker::round_in_lockstep(const ShrinkPoint& point) const {
  ShrunkModel shrunk;
  std::map<std::size_t, const WeightLayer*> layers;
  CalibrationJob job;
  for (const WeightLayer& layer : plan_.layers) {
    layers[layer.tensor] = &layer;
    if (calibration_.contains(layer.tensor)) job.tensors.push_back(layer.tensor);
  }
  const auto round_one = [&](const WeightLayer& layer, const Moments* moments) {
    const std::vector<double> importance = importance_->of(layer.tensor, point.allocation);
    RoundedTensors rounded = round_layer(
        model_, layer, {.moments = moments, .factors = nullptr, .importance = importance},
        point.lambda, options_.threads);
    PayloadEdits edits = rounded.edits;
    merge(shrunk, std::move(rounded));
    return edits;
  };
  job.inputs = inputs_;
  job.memory = options_.activation_memory;
  job.lockstep = true;
  std::size_t done = 0;
  job.visit = [&](std::size_t tensor, const Moments& moments) {
    report("rounding in lockstep",
           static_cast<double>(++done) / static_cast<double>(job.tensors.size()));
    return round_one(*layers.at(tensor), &moments);
  };
  network_->calibrate(job);
  for (const WeightLayer& layer : plan_.layers) {
    if (!calibration_.contains(layer.tensor)) round_one(layer, nullptr);
  }
  round_singles(point, shrunk);
  return shrunk;
}

}  // namespace qc
