#include "passes/calibrated_layers.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <set>
#include <utility>

#include "core/error.h"
#include "core/float_types.h"
#include "passes/glob.h"
#include "passes/layer_factors.h"
#include "passes/selection.h"
#include "system/parallel.h"

namespace qc {
namespace {

using Tensors = std::set<std::size_t>;

// What is neither to be changed nor a bias that may take something up. Data that several tensors
// share cannot serve one layer alone.
Tensors kept_tensors(const OnnxModel& model, const Params& params, const Tensors& changed) {
  const std::vector<std::string> excludes = params.list(kExcludeParam.name);
  std::map<std::pair<std::size_t, std::uint64_t>, int> uses;
  for (const TensorInfo& tensor : model.tensors()) ++uses[{tensor.file, tensor.offset}];
  Tensors kept;
  for (std::size_t i = 0; i < model.tensors().size(); ++i) {
    const TensorInfo& tensor = model.tensors()[i];
    if (changed.contains(i)) continue;
    const bool excluded = std::ranges::any_of(
        excludes, [&](const std::string& glob) { return glob_matches(glob, tensor.name); });
    const bool shared = uses.at({tensor.file, tensor.offset}) > 1;
    if (tensor.role == Role::kWeight || excluded || shared) kept.insert(i);
  }
  return kept;
}

std::map<std::size_t, WeightLayer> layers_of(const OnnxModel& model, const Params& params,
                                             const Tensors& tensors, bool tables) {
  std::map<std::size_t, WeightLayer> layers;
  for (const WeightLayer& layer : find_layers(model, kept_tensors(model, params, tensors))) {
    if (!tensors.contains(layer.tensor) || (layer.form.is_table && !tables)) continue;
    layers.emplace(layer.tensor, layer);
  }
  return layers;
}

// Whether moments say anything of a layer.
bool tell_of(const Moments& moments, const MatrixForm& form) {
  if (moments.groups != form.groups || moments.columns != form.columns ||
      moments.is_table != form.is_table || moments.count == 0) {
    return false;
  }
  const double trace = moments.trace();
  if (!std::isfinite(trace)) {
    throw Error(ErrorCode::kUnsupported, "the calibration samples give NaN or Inf in the network");
  }
  return trace > 0;
}

// b + (W - W^) E[y]: the mean outputs stay as they are.
Outcome corrected_bias(const OnnxModel& model, const WeightLayer& layer, const Moments& moments,
                       ByteView weights_after) {
  const TensorInfo& weights = model.tensors()[layer.tensor];
  const std::vector<double> before =
      mean_outputs(layer.form, layer.form.gather(values_of(model, layer.tensor)), moments.mean);
  const std::vector<double> after = mean_outputs(
      layer.form, layer.form.gather(load_floats(weights.type, weights_after)), moments.mean);
  Outcome outcome;
  outcome.tensor = layer.bias.value();
  const TensorInfo& bias = model.tensors()[outcome.tensor];
  const ByteView payload = model.payload(bias);
  outcome.payload.assign(payload.begin(), payload.end());
  const std::vector<float> values = load_floats(bias.type, payload);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double value = values[i] + (before[i] - after[i]);
    if (before[i] == after[i] || !std::isfinite(stored_value(bias.type, value))) continue;
    // No pass leaves negative zeros.
    store_value(bias.type, outcome.payload, i, stored_value(bias.type, value) == 0 ? 0 : value);
  }
  outcome.report = measure(model, bias, outcome.payload);
  return outcome;
}

std::string note_of(const OnnxModel& model, const std::vector<std::size_t>& tensors,
                    const CalibratedMethod& method) {
  constexpr std::size_t kNamed = 8;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < std::min(tensors.size(), kNamed); ++i) {
    names.push_back(model.tensors()[tensors[i]].name);
  }
  std::string text =
      fmt::format("no sample shows what these are multiplied with, so they were {}: {}",
                  method.fallback_text, fmt::join(names, ", "));
  if (tensors.size() > kNamed) text += fmt::format(" and {} more", tensors.size() - kNamed);
  return text;
}

// The outcomes as they come.
class Changes {
 public:
  Changes(const OnnxModel& model, const CalibratedMethod& method, unsigned threads)
      : model_(model), method_(method), threads_(threads) {}

  PayloadEdits change(const WeightLayer& layer, const Moments& moments) {
    PayloadEdits edits;
    Outcome outcome = method_.change(layer, moments);
    if (outcome.skip_reason.empty()) {
      edits[layer.tensor] = outcome.payload;
      if (layer.bias && !moments.is_table) {
        Outcome bias = corrected_bias(model_, layer, moments, outcome.payload);
        if (bias.report.max_error > 0) {
          edits[bias.tensor] = bias.payload;
          outcomes_.push_back(std::move(bias));
        }
      }
    }
    outcomes_.push_back(std::move(outcome));
    return edits;
  }

  // Without samples.
  PayloadEdits change(const std::vector<std::size_t>& tensors) {
    std::vector<Outcome> outcomes(tensors.size());
    parallel_for(tensors.size(), threads_,
                 [&](std::size_t i) { outcomes[i] = method_.fallback(tensors[i]); });
    PayloadEdits edits;
    for (Outcome& outcome : outcomes) {
      if (outcome.skip_reason.empty()) {
        edits[outcome.tensor] = outcome.payload;
        uncalibrated_.push_back(outcome.tensor);
      }
      outcomes_.push_back(std::move(outcome));
    }
    return edits;
  }

  std::vector<Outcome> sorted(std::vector<std::string>& notes) {
    std::ranges::sort(uncalibrated_);
    if (!uncalibrated_.empty()) notes.push_back(note_of(model_, uncalibrated_, method_));
    std::ranges::sort(outcomes_, {}, &Outcome::tensor);
    return std::move(outcomes_);
  }

 private:
  const OnnxModel& model_;
  const CalibratedMethod& method_;
  unsigned threads_;
  std::vector<Outcome> outcomes_;
  std::vector<std::size_t> uncalibrated_;
};

}  // namespace

std::vector<Outcome> change_by_samples(const OnnxModel& model, const Params& params,
                                       std::span<const std::size_t> tensors,
                                       const CalibratedMethod& method, const PassContext& context,
                                       std::vector<std::string>& notes) {
  if (context.calibration == nullptr) {
    throw Error(ErrorCode::kUsage,
                fmt::format("--method {} needs samples: --data DIR, or --calibration FILE with "
                            "what some showed",
                            method.name));
  }
  std::map<std::size_t, WeightLayer> waiting =
      layers_of(model, params, {tensors.begin(), tensors.end()}, method.takes_tables);
  std::vector<std::size_t> to_visit;
  std::vector<std::size_t> rest;
  for (const std::size_t tensor : tensors) {
    (waiting.contains(tensor) ? to_visit : rest).push_back(tensor);
  }
  Changes changes(model, method, context.threads);
  const OnnxModel begun = model.edited(changes.change(rest));
  if (!to_visit.empty()) {
    context.calibration->visit(begun, to_visit, [&](std::size_t tensor, const Moments& moments) {
      const auto found = waiting.find(tensor);
      if (found == waiting.end() || !tell_of(moments, found->second.form)) return PayloadEdits();
      const WeightLayer layer = found->second;
      waiting.erase(found);
      return changes.change(layer, moments);
    });
  }
  rest.clear();
  for (const auto& [tensor, layer] : waiting) rest.push_back(tensor);
  changes.change(rest);
  return changes.sorted(notes);
}

}  // namespace qc
