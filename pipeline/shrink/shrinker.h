// Makes smaller models of one, for any price of a bit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "formats/onnx/onnx_model.h"
#include "passes/calibration.h"
#include "pipeline/shrink/importance.h"
#include "pipeline/shrink/layer_rounding.h"
#include "pipeline/shrink/layers.h"

namespace qc {

/// The two numbers that decide how every tensor is rounded.
struct ShrinkPoint {
  double lambda = 0;      ///< price of a bit, in the loss of a sample
  double allocation = 1;  ///< see Importance::of

  bool operator==(const ShrinkPoint&) const = default;
};

/// A smaller model.
struct ShrunkModel {
  PayloadEdits edits;
  double bits = 0;  ///< estimated, of all rounded tensors
};

/// Told what is under way: "calibrating", and the part that is done.
using ShrinkProgress = std::function<void(std::string_view stage, double part)>;

class Shrinker {
 public:
  struct Options {
    std::vector<std::string> exclude;
    std::uint64_t seed = 0;
    unsigned threads = 0;
    /// Bytes of activations that are kept between layers.
    std::uint64_t activation_memory = std::uint64_t{768} << 20;
    /// How many of the samples show how the outputs depend on the weights.
    std::size_t sensitivity_samples = 100;
    /// Whether weights that are still free make up for the errors of those that are rounded
    /// already, in round(); off only shows what that is worth.
    bool compensate = true;
    ShrinkProgress progress;  ///< may be empty
  };

  /// Calibrates: moments of all layers, and their sensitivity to `losses`. The model, the engine
  /// and the inputs must outlive this. Throws Error as plan_shrink() and Network do.
  Shrinker(const OnnxModel& model, Engine& engine, RunInputs inputs, std::vector<OutputLoss> losses,
           Options options);

  /// Rounds every layer by what it gets in the model as it is. Seconds for millions of weights.
  ShrunkModel round(const ShrinkPoint& point) const;

  /// About the bits of the same, from some of the rows of large layers only.
  double estimated_bits(const ShrinkPoint& point) const;

  /// Rounds layer after layer, each by what it gets from those that are rounded already, and fits
  /// it to what it would get in the model as it is.
  ShrunkModel round_in_lockstep(const ShrinkPoint& point) const;

  const ShrinkPlan& plan() const { return plan_; }
  const Importance& importance() const { return *importance_; }
  /// Layers whose moments no sample gave, by name: they are in subgraphs or never run.
  std::vector<std::string> uncalibrated() const;

 private:
  void report(std::string_view stage, double part) const;
  LayerStatistics statistics_of(const WeightLayer& layer, std::span<const double> importance) const;
  void round_singles(const ShrinkPoint& point, ShrunkModel& shrunk) const;

  const OnnxModel& model_;
  RunInputs inputs_;
  Options options_;
  ShrinkPlan plan_;
  std::unique_ptr<Network> network_;
  Calibration calibration_;  // of tables, and of others without the second moments
  std::map<std::size_t, std::vector<InverseFactor>> factors_;  // by tensor
  std::unique_ptr<Importance> importance_;
};

}  // namespace qc
