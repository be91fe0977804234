// The optimisers of libtorch and our own, set up for a training.
#pragma once

#include <torch/optim/optimizer.h>

#include <memory>
#include <vector>

#include "engine/engine.h"
#include "engine/torch/constrained.h"

namespace qc::torch_engine {

/// Moves the leaves of the weights. Biases and the scales of normalisations do not decay.
std::unique_ptr<torch::optim::Optimizer> make_optimizer(
    const TrainOptions& options, const std::vector<ConstrainedTensor>& weights);

void set_learning_rate(torch::optim::Optimizer& optimizer, double rate);

}  // namespace qc::torch_engine
