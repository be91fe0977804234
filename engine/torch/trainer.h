// Training of one network for one job.
#pragma once

#include <torch/optim/optimizer.h>

#include <cstdint>
#include <memory>

#include "engine/engine.h"
#include "engine/torch/network.h"
#include "engine/torch/objective.h"
#include "engine/torch/trained_tensors.h"
#include "engine/torch/training_state.h"

namespace qc::torch_engine {

class Trainer {
 public:
  /// Both must outlive this. Throws Error where the data does not fit the network and where there
  /// is nothing to train.
  Trainer(TorchNetwork& network, const TrainJob& job);

  /// Epoch after epoch; see Network::train().
  TrainResult run();

 private:
  EpochReport run_epoch(int epoch);
  double train_batch(std::uint64_t seed, Tally& tally);
  bool improves(const EpochReport& report) const;

  const TrainJob& job_;
  std::unique_ptr<Objective> objective_;
  TrainedTensors tensors_;
  std::unique_ptr<torch::optim::Optimizer> optimizer_;
  TrainingState state_;
  bool interrupted_ = false;
};

}  // namespace qc::torch_engine
