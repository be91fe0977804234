#include "engine/torch/fisher.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <string>
#include <utility>

#include "core/random.h"
#include "engine/torch/constants_by_source.h"
#include "engine/torch/convert.h"
#include "engine/torch/output_losses.h"

namespace qc::torch_engine {
namespace {

// -log p of labels drawn from log p {positions, classes}, summed over all positions.
at::Tensor drawn_label_loss(const at::Tensor& logs, SplitMix64& random) {
  const at::Tensor p = logs.detach().exp().to(at::kCPU).contiguous();
  const auto* values = p.data_ptr<float>();
  const std::int64_t classes = p.size(1);
  std::vector<std::int64_t> labels;
  for (std::int64_t row = 0; row < p.size(0); ++row) {
    double left = random.uniform();
    std::int64_t label = 0;
    while (label + 1 < classes && left >= values[row * classes + label]) {
      left -= values[row * classes + label++];
    }
    labels.push_back(label);
  }
  const at::Tensor indices = at::tensor(labels, at::kLong).to(logs.device()).unsqueeze(1);
  return -logs.gather(1, indices).sum();
}

// The output times random numbers, in units of its standard deviation: what normal noise of that
// size would make of it.
at::Tensor projected_loss(const at::Tensor& output, SplitMix64& random) {
  const at::Tensor values = output.to(at::kFloat);
  at::Tensor noise = at::empty(values.sizes(), at::kFloat);
  auto* data = noise.data_ptr<float>();
  for (std::int64_t i = 0; i < noise.numel(); ++i) {
    // Twelve uniform numbers make a normal one without the C library's logarithm.
    double sum = -6;
    for (int k = 0; k < 12; ++k) sum += random.uniform();
    data[i] = static_cast<float>(sum);
  }
  const double deviation = values.detach().pow(2).mean().sqrt().item().toDouble();
  return (values * noise.to(values.device())).sum() / (deviation > 0 ? deviation : 1);
}

struct Leaf {
  std::size_t source;
  at::Tensor values;
  at::Tensor squares;
};

}  // namespace

std::vector<TensorSensitivity> fisher_diagonal(const LoadedModel& model, Interpreter& interpreter,
                                               at::Device device, const SensitivityJob& job) {
  const Graph& graph = model.graph->main;
  const auto constants = constants_by_source(graph);
  std::vector<Leaf> leaves;
  for (const std::size_t source : job.tensors) {
    const auto found = constants.find(source);
    if (found == constants.end()) continue;
    const at::Tensor initial = interpreter.constants().get(*found->second.constant);
    if (!initial.is_floating_point()) continue;
    at::Tensor values = initial.to(at::kFloat, false, /*copy=*/true).requires_grad_();
    leaves.push_back({source, values, at::zeros_like(values, at::kDouble)});
    interpreter.constants().replace(source, values);
  }
  const OutputLosses losses(graph, job.outputs);
  for (std::size_t i = 0; i < job.inputs.count; ++i) {
    SplitMix64 random = random_stream(job.seed, StreamPurpose::kOutputDraws, i);
    Values inputs;
    for (const HostTensor& input : job.inputs.load(i)) {
      inputs.emplace_back(to_torch(input).to(device));
    }
    const Values outputs = interpreter.run(inputs, losses.names(), {});
    at::Tensor loss;
    for (std::size_t k = 0; k < outputs.size(); ++k) {
      const at::Tensor& output = outputs[k].tensor;
      if (!output.defined() || !output.is_floating_point() || !output.requires_grad()) continue;
      const at::Tensor own = losses.has_scores(k)
                                 ? drawn_label_loss(losses.log_probabilities(k, output), random)
                                 : projected_loss(output, random);
      loss = loss.defined() ? loss + own : own;
    }
    if (loss.defined()) loss.backward();
    for (Leaf& leaf : leaves) {
      at::Tensor& gradient = leaf.values.mutable_grad();
      if (!gradient.defined()) continue;
      leaf.squares += gradient.to(at::kDouble).pow(2);
      gradient.reset();
    }
    if (job.progress) job.progress(i + 1);
  }
  std::vector<TensorSensitivity> result;
  for (Leaf& leaf : leaves) {
    const double samples = static_cast<double>(std::max<std::size_t>(job.inputs.count, 1));
    const at::Tensor means = (leaf.squares / samples).to(at::kCPU, at::kFloat).contiguous();
    const auto* data = means.data_ptr<float>();
    result.push_back({leaf.source, {data, data + means.numel()}});
  }
  return result;
}

}  // namespace qc::torch_engine
