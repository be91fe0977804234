// A model on libtorch: runs it, evaluates it as a classifier, trains it.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "engine/torch/interpreter.h"

namespace qc::torch_engine {

/// Loss and hits of a batch or more, in sums.
struct Tally {
  std::uint64_t samples = 0;
  double loss = 0;
  double top1 = 0;
  double top5 = 0;

  void add(const at::Tensor& scores, const at::Tensor& labels, double mean_loss);
  Metrics metrics() const;
};

class TorchNetwork final : public Network {
 public:
  TorchNetwork(LoadedModel model, at::Device device, const ExecutionLimits& limits);

  std::vector<HostTensor> run(std::span<const HostTensor> inputs) override;
  Metrics evaluate(const Dataset& data, std::size_t batch,
                   const std::function<void(std::uint64_t)>& progress) override;
  TrainResult train(const TrainJob& job) override;
  void calibrate(const CalibrationJob& job) override;
  std::vector<TensorSensitivity> sensitivity(const SensitivityJob& job) override;

  // For the trainer.

  /// Samples of a data set as the graph's input takes them: {samples, ...}.
  at::Tensor input_tensor(const Dataset& data, std::vector<float>& samples,
                          std::size_t count) const;
  /// The values called `wanted` for the inputs of a sample.
  Values values(const std::vector<HostTensor>& inputs, const std::vector<std::string>& wanted,
                Mode mode);
  /// Unnormalised scores {samples, classes}.
  at::Tensor scores(const at::Tensor& input, Mode mode);
  Constants& constants() { return interpreter_.constants(); }
  const Graph& graph() const { return model_.graph->main; }
  at::Device device() const { return device_; }
  /// Throws Error unless samples and classes of the data fit a classifier with this graph's input.
  void require_classifier(const Dataset& data) const;
  /// Throws Error(kUsage) unless there is a score for every class of the data.
  static void require_classes(const at::Tensor& scores, const Dataset& data);
  /// The batch that the graph's input is fixed to; nothing where it takes any.
  std::optional<std::size_t> fixed_batch() const;

 private:
  std::string scores_name() const;

  LoadedModel model_;
  at::Device device_;
  ExecutionLimits limits_;
  Interpreter interpreter_;
  std::string scores_name_;
};

}  // namespace qc::torch_engine
