// How passes change weights by what samples show of their inputs: layer after layer.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "formats/onnx/onnx_model.h"
#include "passes/calibration.h"
#include "passes/outcome.h"
#include "passes/params.h"
#include "passes/pass.h"
#include "passes/weight_layers.h"

namespace qc {

/// A way of changing weights that looks at samples, and the one for weights that no sample reaches.
struct CalibratedMethod {
  std::string_view name;           ///< as --method takes it
  std::string_view fallback_text;  ///< what the other one does: "pruned by magnitude"
  bool takes_tables = true;        ///< whether look-up tables are changed by samples
  std::function<Outcome(const WeightLayer& layer, const Moments& moments)> change = {};
  std::function<Outcome(std::size_t tensor)> fallback = {};  ///< called for several at once
};

/// Changes weight tensors, those of layers by what is left of the layers before. The bias of a
/// layer takes up the change of its mean output, unless --exclude names it. Returns the outcomes of
/// tensors and biases in the order of the model, and adds a note that names tensors which no sample
/// reaches. Throws Error: kUsage where samples are missing, kUnsupported where they give no
/// numbers, and what CalibrationSource::visit() throws.
std::vector<Outcome> change_by_samples(const OnnxModel& model, const Params& params,
                                       std::span<const std::size_t> tensors,
                                       const CalibratedMethod& method, const PassContext& context,
                                       std::vector<std::string>& notes);

}  // namespace qc
