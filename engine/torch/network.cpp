#include "engine/torch/network.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/error.h"
#include "engine/torch/calibration_walk.h"
#include "engine/torch/convert.h"
#include "engine/torch/fisher.h"
#include "engine/torch/one_thread.h"
#include "engine/torch/trainer.h"
#include "graph/final_softmax.h"

namespace qc::torch_engine {
namespace {

std::int64_t sample_size(const Dataset& data) {
  std::int64_t size = 1;
  for (const std::int64_t dim : data.sample_shape()) size *= dim;
  return size;
}

// The data's shape, or, where the input has other dimensions with as many elements, the input's.
std::vector<std::int64_t> batch_shape(const GraphValue& input, const Dataset& data,
                                      std::size_t count) {
  std::vector<std::int64_t> shape = {static_cast<std::int64_t>(count)};
  const auto& sample = data.sample_shape();
  shape.insert(shape.end(), sample.begin(), sample.end());
  if (!input.has_shape || input.dims.empty()) return shape;
  std::vector<std::int64_t> declared(input.dims.begin() + 1, input.dims.end());
  const bool known = std::ranges::all_of(declared, [](std::int64_t dim) { return dim > 0; });
  if (!known) return shape;
  if (element_count(declared) != static_cast<std::uint64_t>(sample_size(data))) {
    throw Error(ErrorCode::kUsage,
                fmt::format("the model's input {} takes samples of {}, the data has {}", input.name,
                            shape_text(declared), shape_text(sample)));
  }
  declared.insert(declared.begin(), static_cast<std::int64_t>(count));
  return declared;
}

}  // namespace

void Tally::add(const at::Tensor& scores, const at::Tensor& labels, double mean_loss) {
  const auto count = static_cast<std::uint64_t>(labels.size(0));
  const std::int64_t k = std::min<std::int64_t>(5, scores.size(1));
  const at::Tensor best = std::get<1>(scores.detach().topk(k, 1));
  const at::Tensor hits = best.eq(labels.unsqueeze(1));
  samples += count;
  loss += mean_loss * static_cast<double>(count);
  top1 += static_cast<double>(hits.select(1, 0).sum().item().toLong());
  top5 += static_cast<double>(hits.sum().item().toLong());
}

Metrics Tally::metrics() const {
  const auto count = static_cast<double>(std::max<std::uint64_t>(samples, 1));
  return {samples, loss / count, top1 / count, top5 / count};
}

TorchNetwork::TorchNetwork(LoadedModel model, at::Device device, const ExecutionLimits& limits)
    : model_(std::move(model)),
      device_(device),
      limits_(limits),
      interpreter_(model_, device, limits),
      scores_name_(scores_name()) {}

std::vector<HostTensor> TorchNetwork::run(std::span<const HostTensor> inputs) {
  const at::InferenceMode inference;
  Values values;
  for (const HostTensor& input : inputs) values.emplace_back(to_torch(input).to(device_));
  std::vector<std::string> wanted;
  for (const GraphValue& output : graph().outputs) wanted.push_back(output.name);
  const Values results = interpreter_.run(values, wanted, {});
  std::vector<HostTensor> outputs;
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (!results[i].tensor.defined()) {
      throw Error(ErrorCode::kUnsupported, fmt::format("output {} is not a tensor", wanted[i]));
    }
    outputs.push_back(to_host(results[i].tensor));
  }
  return outputs;
}

// A Softmax at the end is part of the loss: log(softmax(x)) from x itself loses no precision.
std::string TorchNetwork::scores_name() const {
  if (const Node* softmax = final_softmax(graph())) return softmax->inputs.front();
  return graph().outputs.empty() ? "" : graph().outputs.front().name;
}

void TorchNetwork::require_classifier(const Dataset& data) const {
  if (graph().inputs.size() != 1 || graph().outputs.empty()) {
    throw Error(ErrorCode::kUnsupported,
                fmt::format("evaluation needs a classifier with one input; this model has {} "
                            "inputs and {} outputs",
                            graph().inputs.size(), graph().outputs.size()));
  }
  static_cast<void>(batch_shape(graph().inputs.front(), data, 1));
}

void TorchNetwork::require_classes(const at::Tensor& scores, const Dataset& data) {
  if (scores.size(1) >= data.classes()) return;
  throw Error(ErrorCode::kUsage, fmt::format("the model scores {} classes, the data has {}",
                                             scores.size(1), data.classes()));
}

std::optional<std::size_t> TorchNetwork::fixed_batch() const {
  const GraphValue& input = graph().inputs.front();
  const bool fixed = input.has_shape && !input.dims.empty() && input.dims.front() > 0;
  return fixed ? std::optional(static_cast<std::size_t>(input.dims.front())) : std::nullopt;
}

at::Tensor TorchNetwork::input_tensor(const Dataset& data, std::vector<float>& samples,
                                      std::size_t count) const {
  const GraphValue& input = graph().inputs.front();
  at::Tensor tensor = at::empty(batch_shape(input, data, count), at::kFloat);
  std::memcpy(tensor.data_ptr(), samples.data(), tensor.nbytes());
  tensor = tensor.to(device_);
  return input.type == DataType::kUndefined ? tensor : tensor.to(scalar_type(input.type));
}

Values TorchNetwork::values(const std::vector<HostTensor>& inputs,
                            const std::vector<std::string>& wanted, Mode mode) {
  Values given;
  for (const HostTensor& input : inputs) given.emplace_back(to_torch(input).to(device_));
  return interpreter_.run(given, wanted, mode);
}

at::Tensor TorchNetwork::scores(const at::Tensor& input, Mode mode) {
  const Values results = interpreter_.run({input}, {scores_name_}, mode);
  at::Tensor scores = results.front().tensor;
  if (!scores.defined() || scores.dim() < 2 || scores.size(0) != input.size(0)) {
    throw Error(ErrorCode::kUnsupported,
                fmt::format("output {} is not one row of scores for each sample",
                            graph().outputs.front().name));
  }
  return scores.flatten(1).to(at::kFloat);
}

Metrics TorchNetwork::evaluate(const Dataset& data, std::size_t batch,
                               const std::function<void(std::uint64_t)>& progress) {
  require_classifier(data);
  const at::InferenceMode inference;
  Tally tally;
  BatchStream stream(data, in_order(data.size()), std::min(batch, fixed_batch().value_or(batch)));
  Batch samples;
  while (stream.next(samples)) {
    const at::Tensor labels = at::tensor(samples.labels, at::kLong).to(device_);
    const at::Tensor output = scores(input_tensor(data, samples.inputs, samples.labels.size()), {});
    require_classes(output, data);
    tally.add(output, labels, at::cross_entropy_loss(output, labels).item().toDouble());
    if (progress) progress(samples.labels.size());
  }
  return tally.metrics();
}

void TorchNetwork::calibrate(const CalibrationJob& job) {
  const OneThread one_thread;
  // Networks of their own: this one may have been trained.
  Interpreter current(model_, device_, limits_);
  Interpreter reference(model_, device_, limits_);
  CalibrationWalk(model_, current, reference, device_, job).run();
}

std::vector<TensorSensitivity> TorchNetwork::sensitivity(const SensitivityJob& job) {
  Interpreter interpreter(model_, device_, limits_);
  return fisher_diagonal(model_, interpreter, device_, job);
}

TrainResult TorchNetwork::train(const TrainJob& job) { return Trainer(*this, job).run(); }

}  // namespace qc::torch_engine
