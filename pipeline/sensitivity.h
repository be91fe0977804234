// How much accuracy each layer loses when it alone is pruned.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "formats/onnx/onnx_model.h"
#include "passes/params.h"
#include "pipeline/workbench.h"

namespace qc {

struct LayerSensitivity {
  std::string name;
  std::uint64_t weights = 0;
  std::vector<double> scores;  ///< on held-out data, one for each rate
  /// The highest of the rates at which no more than the allowed points were lost, there and at all
  /// rates below; 0 when there is none.
  double chosen_rate = 0;
};

struct Sensitivity {
  Score baseline;
  std::vector<double> rates;  ///< ascending
  std::vector<LayerSensitivity> layers;
};

/// Prunes every layer that --include and --exclude of `params` leave, one at a time and without
/// fine-tuning, at every rate. `max_drop` is in what lost() counts. `progress` is told the layers
/// done and their number.
Sensitivity measure_sensitivity(const OnnxModel& model, const Params& params, Evaluator& evaluator,
                                std::vector<double> rates, double max_drop, unsigned threads,
                                const std::function<void(std::size_t, std::size_t)>& progress);

/// A recipe that prunes each layer at its chosen rate, in `steps` steps with fine-tuning.
std::string sensitivity_recipe(const Sensitivity& sensitivity, int steps);

}  // namespace qc
