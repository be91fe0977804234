#include "engine/torch/training_schedule.h"

#include <cmath>
#include <numbers>

namespace qc::torch_engine {

double learning_rate(const TrainOptions& options, double epochs_done) {
  switch (options.schedule) {
    case Schedule::kCosine:
      return options.learning_rate * 0.5 *
             (1 + std::cos(std::numbers::pi * epochs_done / options.epochs));
    case Schedule::kStep:
      return options.learning_rate *
             std::pow(options.step_factor, std::floor(epochs_done / options.step_epochs));
    case Schedule::kConstant:
      break;
  }
  return options.learning_rate;
}

bool is_due(const TrainOptions& options, int epoch, int best_epoch) {
  const bool lost_patience = options.patience > 0 && epoch - 1 - best_epoch >= options.patience;
  return epoch <= options.epochs && !lost_patience;
}

}  // namespace qc::torch_engine
