#include "engine/torch/output_losses.h"

#include <ATen/ATen.h>

namespace qc::torch_engine {
namespace {

// Below what float32 tells from zero beside one.
constexpr double kLeastProbability = 1e-12;

}  // namespace

OutputLosses::OutputLosses(const Graph& graph, const std::vector<OutputLoss>& outputs)
    : outputs_(outputs) {
  for (OutputLoss& output : outputs_) {
    std::string name = graph.outputs.at(output.output).name;
    for (const Node& node : graph.nodes) {
      if (!output.scores_axis || !node.is_standard("Softmax") || node.outputs.front() != name) {
        continue;
      }
      name = node.inputs.front();
      output.probabilities = false;
      break;
    }
    names_.push_back(std::move(name));
  }
}

at::Tensor OutputLosses::log_probabilities(std::size_t output, const at::Tensor& value) const {
  const OutputLoss& own = outputs_[output];
  const std::int64_t axis = own.scores_axis.value();
  const at::Tensor scores = value.to(at::kFloat);
  // The logarithms of probabilities are scores themselves, whose log_softmax they are.
  const at::Tensor logits = own.probabilities ? scores.clamp_min(kLeastProbability).log() : scores;
  return at::log_softmax(logits, axis).movedim(axis, -1).flatten(0, -2);
}

}  // namespace qc::torch_engine
