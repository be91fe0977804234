// Where in a network a changed one departs from it.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "formats/onnx/onnx_model.h"

namespace qc {

/// What a weight tensor gives in both networks, each behind its own layers before.
struct LayerCloseness {
  std::string tensor;
  std::string value;  ///< of the graph: the output of the last node that multiplies the tensor
  double snr_db = 0;  ///< as in OutputMetrics
};

/// Compares the outputs of all layers that two networks have in common, in the order of the graph.
/// Both graphs have the same inputs, and values of the same names mean the same. Throws Error as
/// Network::run.
std::vector<LayerCloseness> compare_layers(const OnnxModel& reference, const OnnxModel& other,
                                           Engine& engine, const RunInputs& inputs);

}  // namespace qc
