#include "pipeline/sensitivity.h"

#include <fmt/format.h>

#include "passes/glob.h"
#include "passes/pass.h"
#include "passes/selection.h"
#include "pipeline/recipe.h"

namespace qc {
namespace {

double score_at(const OnnxModel& model, const std::string& layer, double rate, Evaluator& evaluator,
                unsigned threads) {
  Params params(kPrunePass.params);
  params.set("rate", fmt::format("{}", rate));
  params.set("include", glob_literal(layer));
  PayloadEdits edits;
  kPrunePass.run(model, params, {.threads = threads}, edits);
  return evaluator.validate(model.edited(edits)).value;
}

}  // namespace

Sensitivity measure_sensitivity(const OnnxModel& model, const Params& params, Evaluator& evaluator,
                                std::vector<double> rates, double max_drop, unsigned threads,
                                const std::function<void(std::size_t, std::size_t)>& progress) {
  const Selection selection(model, params, "prune");
  const std::vector<std::size_t> chosen = selection.chosen();
  Sensitivity result{evaluator.validate(model), std::move(rates), {}};
  for (const std::size_t index : chosen) {
    if (progress) progress(result.layers.size(), chosen.size());
    const TensorInfo& tensor = model.tensors()[index];
    LayerSensitivity layer{tensor.name, tensor.count(), {}, 0};
    bool within = true;
    for (const double rate : result.rates) {
      layer.scores.push_back(score_at(model, tensor.name, rate, evaluator, threads));
      within = within && lost(result.baseline, layer.scores.back()) <= max_drop;
      if (within) layer.chosen_rate = rate;
    }
    result.layers.push_back(std::move(layer));
  }
  return result;
}

std::string sensitivity_recipe(const Sensitivity& sensitivity, int steps) {
  Recipe recipe;
  Step step(find_step_kind(kPrunePass.name));
  for (const LayerSensitivity& layer : sensitivity.layers) {
    if (layer.chosen_rate == 0) continue;
    step.set("layer", fmt::format("{}={}", glob_literal(layer.name), layer.chosen_rate));
  }
  step.set("steps", fmt::format("{}", steps));
  recipe.steps.push_back(step);
  return recipe_text(recipe, /*defaults=*/false);
}

}  // namespace qc
