// Rounds the tensors of a model for a price of a bit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "formats/onnx/onnx_model.h"
#include "passes/calibration.h"
#include "passes/kernels/inverse_factor.h"
#include "passes/kernels/rate_rounding.h"
#include "passes/weight_layers.h"

namespace qc {

/// What came of a tensor, or of a layer with its bias.
struct RoundedTensors {
  PayloadEdits edits;
  double bits = 0;  ///< estimated
  double loss = 0;  ///< estimated, of the weights
};

/// What a layer is rounded by.
struct LayerStatistics {
  const Moments* moments = nullptr;  ///< null: nothing is known, all inputs count alike
  /// Of moments without a reference; null: they are made anew.
  const std::vector<InverseFactor>* factors = nullptr;
  std::span<const double> importance;  ///< {groups * rows}
};

/// Rounds a layer with compensation; where the moments have a reference, its weights are fitted to
/// it first (lockstep_weights). The bias takes up the change of the mean output and is rounded,
/// too.
RoundedTensors round_layer(const OnnxModel& model, const WeightLayer& layer,
                           const LayerStatistics& statistics, double lambda, unsigned threads);

/// About the bits that round_layer() gives a layer, from some of the rows where
/// there are many.
double estimate_layer_bits(const OnnxModel& model, const WeightLayer& layer,
                           const LayerStatistics& statistics, double lambda, unsigned threads);

/// Rounds a tensor element by element.
RoundedTensors round_single(const OnnxModel& model, std::size_t tensor,
                            std::span<const double> importance, double lambda);

}  // namespace qc
