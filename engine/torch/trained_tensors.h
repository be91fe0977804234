// The tensors of a network that a training changes.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <optional>
#include <vector>

#include "engine/engine.h"
#include "engine/torch/constrained.h"
#include "engine/torch/network.h"

namespace qc::torch_engine {

/// Values of trained tensors, to return to.
struct Snapshot {
  std::vector<at::Tensor> leaves;
  std::vector<at::Tensor> statistics;
};

class TrainedTensors {
 public:
  /// Takes the tensors of the job out of the network, which reads these from then on and must
  /// outlive this. Those in subgraphs and those that are not floats keep their values. Throws
  /// Error(kUnsupported) where nothing is left to train.
  TrainedTensors(TorchNetwork& network, const TrainJob& job);

  /// What the optimiser moves.
  std::vector<ConstrainedTensor>& weights() { return weights_; }
  const std::vector<ConstrainedTensor>& weights() const { return weights_; }
  std::size_t statistics() const { return statistics_.size(); }
  /// Of the weights whose form is DoReFa's; null where gradients stay as they are.
  const GradientQuantizer* gradients() const { return gradients_.bits > 0 ? &gradients_ : nullptr; }

  /// After an epoch: all take the values for inference.
  void settle();

  Snapshot snapshot() const;
  void restore(const Snapshot& snapshot);

  /// As payloads of the model.
  PayloadEdits values() const;

 private:
  // A running mean or variance: learnt by batch normalisation itself, not by the optimiser.
  struct Statistic {
    std::size_t source;
    at::Tensor values;
    std::optional<double> shift_epsilon;  // of a variance that is to be one of shift_variances()
  };

  void round_statistics();

  TorchNetwork& network_;
  std::vector<ConstrainedTensor> weights_;
  std::vector<Statistic> statistics_;
  GradientQuantizer gradients_;
};

}  // namespace qc::torch_engine
