// Outputs of a network as sources of losses that need no labels.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "engine/calibration_jobs.h"
#include "graph/graph.h"

namespace qc::torch_engine {

/// What is looked at of a graph for a loss: its outputs, or what stands before the Softmax that
/// makes one, where the logarithm of probabilities loses no precision.
class OutputLosses {
 public:
  OutputLosses(const Graph& graph, const std::vector<OutputLoss>& outputs);

  /// The names of the values, in the order of the outputs.
  const std::vector<std::string>& names() const { return names_; }
  bool has_scores(std::size_t output) const { return outputs_[output].scores_axis.has_value(); }
  /// log p of the classes {positions, classes} from the value of an output with scores.
  at::Tensor log_probabilities(std::size_t output, const at::Tensor& value) const;

 private:
  std::vector<OutputLoss> outputs_;
  std::vector<std::string> names_;
};

}  // namespace qc::torch_engine
