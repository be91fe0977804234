// What is left free of a rounded model learns to give the outputs of the one it comes from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "engine/engine.h"
#include "formats/onnx/onnx_model.h"
#include "pipeline/shrink/layers.h"

namespace qc {

struct DistillOptions {
  std::size_t steps = 300;  ///< of the optimiser, about: whole epochs are trained
  std::size_t batch = 8;    ///< samples a step
  double learning_rate = 2e-4;
  std::uint64_t seed = 0;
  std::function<void(double part)> progress = {};  ///< may be empty
  std::function<bool()> stop_requested = {};       ///< may be empty
};

/// Trains the shared values of the layers of a plan, its biases and its normalisations, by Adam:
/// zeros stay zero and equal weights equal, and what was rounded has as fine steps as before. The
/// result is `rounded` itself where no epoch came closer on the validation samples. Throws Error as
/// Network::train does.
OnnxModel distilled(const OnnxModel& rounded, const OnnxModel& reference, const ShrinkPlan& plan,
                    Engine& engine, const Imitation& imitation, const DistillOptions& options);

/// Values as fine as others are: with as many bits of mantissa as `like` have, and `extra` more.
std::vector<float> with_mantissas_like(const std::vector<float>& values,
                                       const std::vector<float>& like, int extra);

/// Values as multiples of the largest power of two that all of `like` are multiples of.
std::vector<float> on_grid_of(const std::vector<float>& values, const std::vector<float>& like);

}  // namespace qc
