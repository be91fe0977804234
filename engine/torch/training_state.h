// Where a training stands, as bytes from which a later one goes on as if nothing had come between.
#pragma once

#include <torch/optim/optimizer.h>

#include <optional>

#include "engine/engine.h"
#include "engine/torch/trained_tensors.h"

namespace qc::torch_engine {

/// What a training knows after an epoch.
struct TrainingState {
  int epoch = 0;       ///< the last one trained
  int best_epoch = 0;  ///< the one that validated best; 0: the model before the first
  std::optional<Metrics> best_metrics;
  Snapshot best;
};

/// The state with the tensors and the optimiser as they are now.
Bytes write_training_state(const TrainingState& state, const TrainedTensors& tensors,
                           const torch::optim::Optimizer& optimizer);

/// Brings tensors and optimiser back to what was written. Throws Error(kCorrupt) for bytes that
/// cannot be read or are of other tensors.
TrainingState read_training_state(ByteView bytes, TrainedTensors& tensors,
                                  torch::optim::Optimizer& optimizer);

}  // namespace qc::torch_engine
