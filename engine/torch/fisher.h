// How much the outputs of a network depend on each of its weights.
#pragma once

#include <vector>

#include "engine/engine.h"
#include "engine/torch/interpreter.h"

namespace qc::torch_engine {

/// The diagonal of the Fisher information (Network::sensitivity). Replaces constants of the
/// interpreter, which is of the model. Throws Error as the interpreter does.
std::vector<TensorSensitivity> fisher_diagonal(const LoadedModel& model, Interpreter& interpreter,
                                               at::Device device, const SensitivityJob& job);

}  // namespace qc::torch_engine
