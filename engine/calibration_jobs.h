// What networks tell about their weights: what these are multiplied with, and how much the outputs
// depend on them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/host_tensor.h"
#include "formats/onnx/onnx_model.h"
#include "passes/calibration.h"

namespace qc {

/// Inputs to run a network with, once for each of `count` samples.
struct RunInputs {
  std::size_t count = 0;
  /// One value for each input of the graph, in order. Called for the same sample several times.
  std::function<std::vector<HostTensor>(std::size_t sample)> load;
  /// The class of a sample; empty where none has one.
  std::function<std::optional<std::int64_t>(std::size_t sample)> label = {};
};

/// A walk through a network, layer by layer and with all samples, that gathers the moments of one
/// weight tensor after the other.
struct CalibrationJob {
  RunInputs inputs;
  /// Indices into OnnxModel::tensors(); those that nothing multiplies (matrix_uses) are passed
  /// over.
  std::vector<std::size_t> tensors;
  /// Called in the order of the last uses of the tensors, with moments over all uses. What it
  /// returns replaces payloads for the layers that follow; with `lockstep` the moments of these
  /// have the unchanged network as reference.
  std::function<PayloadEdits(std::size_t tensor, const Moments& moments)> visit;
  bool lockstep = false;
  /// Bytes of activations that may be kept between two layers; where they take more, layers are
  /// computed again from what was kept last.
  std::uint64_t memory = std::uint64_t{1} << 30;
};

/// An output of a graph as the source of a loss.
struct OutputLoss {
  std::size_t output = 0;  ///< index into the graph's outputs
  /// The axis of the classes where the output is their scores or probabilities.
  std::optional<std::int64_t> scores_axis;
  bool probabilities = false;  ///< of the scores: they are no logarithms
};

/// How much a loss that needs no labels depends on every weight.
struct SensitivityJob {
  RunInputs inputs;
  std::vector<std::size_t> tensors;
  std::vector<OutputLoss> outputs;
  std::uint64_t seed = 0;
  std::function<void(std::size_t samples)> progress;  ///< may be empty
};

/// Mean squares of gradients by the elements of a tensor.
struct TensorSensitivity {
  std::size_t tensor = 0;
  std::vector<float> squares;
};

}  // namespace qc
