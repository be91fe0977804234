// How long a training lasts and how fast it learns.
#pragma once

#include "engine/engine.h"

namespace qc::torch_engine {

/// The learning rate after so many epochs, a fraction of one included.
double learning_rate(const TrainOptions& options, double epochs_done);

/// True where epoch `epoch`, from 1, is to be trained after the ones before, of which `best_epoch`
/// validated best (0: none did better than the model before).
bool is_due(const TrainOptions& options, int epoch, int best_epoch);

}  // namespace qc::torch_engine
