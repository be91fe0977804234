#include "engine/torch/trained_tensors.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <utility>

#include "core/error.h"
#include "engine/torch/constants_by_source.h"
#include "engine/torch/convert.h"
#include "engine/torch/shift.h"

namespace qc::torch_engine {
namespace {

enum class NormPart { kScale, kMean, kVariance };

struct NormConstant {
  NormPart part;
  double epsilon;  // of its node
};

// The constants of batch normalisations but for the biases, by name.
std::map<std::string, NormConstant> norm_constants(const Graph& graph) {
  constexpr std::array<std::pair<std::size_t, NormPart>, 3> kInputs = {
      {{1, NormPart::kScale}, {3, NormPart::kMean}, {4, NormPart::kVariance}}};
  std::map<std::string, NormConstant> found;
  for (const Node& node : graph.nodes) {
    if (node.op != "BatchNormalization") continue;
    double epsilon = 1e-5F;
    if (const auto* given = node.get<float>("epsilon")) epsilon = *given;
    for (const auto& [input, part] : kInputs) {
      if (input < node.inputs.size()) found[node.inputs[input]] = {part, epsilon};
    }
  }
  return found;
}

const Constraint* find_constraint(const TrainJob& job, std::size_t tensor) {
  const auto found = std::ranges::find(job.constraints, tensor, &Constraint::tensor);
  return found == job.constraints.end() ? nullptr : &*found;
}

}  // namespace

TrainedTensors::TrainedTensors(TorchNetwork& network, const TrainJob& job) : network_(network) {
  gradients_.bits = job.options.gradient_bits;
  const bool shift = job.options.norm == NormTraining::kShift;
  const std::map<std::size_t, NamedConstant> constants = constants_by_source(network_.graph());
  const std::map<std::string, NormConstant> norms = norm_constants(network_.graph());
  for (const std::size_t source : job.tensors) {
    const auto found = constants.find(source);
    if (found == constants.end()) continue;  // in a subgraph: it keeps its values
    const at::Tensor initial = network_.constants().get(*found->second.constant);
    if (!initial.is_floating_point()) continue;
    const auto norm = norms.find(found->second.name);
    const bool in_norm = norm != norms.end();
    if (in_norm && norm->second.part != NormPart::kScale) {
      if (job.options.norm == NormTraining::kFrozen) continue;
      const at::Tensor values = initial.to(at::kFloat, false, /*copy=*/true);
      const bool shifts = shift && norm->second.part == NormPart::kVariance;
      statistics_.push_back(
          {source, values, shifts ? std::optional(norm->second.epsilon) : std::nullopt});
      network_.constants().replace(source, values);
      continue;
    }
    const Constraint power_of_two{.tensor = source, .form = WeightForm{FormKind::kPowerOfTwo}};
    weights_.emplace_back(source, initial,
                          in_norm && shift ? &power_of_two : find_constraint(job, source));
    const WeightForm* form = weights_.back().form();
    if (form != nullptr && form->kind == FormKind::kDorefa) {
      gradients_.weights.insert(found->second.name);
    }
    network_.constants().replace(source, weights_.back().weights());
  }
  if (weights_.empty()) {
    throw Error(ErrorCode::kUnsupported, "the model has no float weights that can be trained");
  }
  round_statistics();
}

void TrainedTensors::round_statistics() {
  for (const Statistic& statistic : statistics_) {
    if (statistic.shift_epsilon) {
      statistic.values.copy_(shift_variances(statistic.values, *statistic.shift_epsilon));
    }
  }
}

void TrainedTensors::settle() {
  for (ConstrainedTensor& tensor : weights_) tensor.spread();
  round_statistics();
}

Snapshot TrainedTensors::snapshot() const {
  Snapshot result;
  for (const ConstrainedTensor& tensor : weights_) result.leaves.push_back(tensor.snapshot());
  for (const Statistic& statistic : statistics_) {
    result.statistics.push_back(statistic.values.clone());
  }
  return result;
}

void TrainedTensors::restore(const Snapshot& snapshot) {
  for (std::size_t i = 0; i < weights_.size(); ++i) weights_[i].restore(snapshot.leaves[i]);
  for (std::size_t i = 0; i < statistics_.size(); ++i) {
    statistics_[i].values.copy_(snapshot.statistics[i]);
  }
}

PayloadEdits TrainedTensors::values() const {
  const std::map<std::size_t, NamedConstant> constants = constants_by_source(network_.graph());
  PayloadEdits edits;
  const auto add = [&](std::size_t source, const at::Tensor& values) {
    const at::ScalarType type =
        scalar_type(network_.constants().type(*constants.at(source).constant));
    edits[source] = to_host(values.detach().to(type)).bytes;
  };
  for (const ConstrainedTensor& tensor : weights_) add(tensor.source(), tensor.weights());
  for (const Statistic& statistic : statistics_) add(statistic.source, statistic.values);
  return edits;
}

}  // namespace qc::torch_engine
