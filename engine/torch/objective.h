// What a training makes smaller: one objective with labels, one without.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "engine/engine.h"
#include "engine/torch/network.h"

namespace qc::torch_engine {

class Objective {
 public:
  virtual ~Objective() = default;

  /// Batches of an epoch.
  virtual std::size_t batches() const = 0;
  /// Begins an epoch, counted from 1; its samples come in an order of its own.
  virtual void start(int epoch) = 0;
  /// Goes through the next batch: adds the gradients of its mean loss to those of the trained
  /// tensors, and its samples to the tally. `seed` is that of the batch. Gives the loss.
  virtual double add_gradients(const GradientQuantizer* gradients, std::uint64_t seed,
                               Tally& tally) = 0;
  /// On the samples that are held out; nothing where there are none.
  virtual std::optional<Metrics> validate() = 0;
  /// Whether the first is the better validation.
  virtual bool is_better(const Metrics& one, const Metrics& other) const = 0;
};

/// Cross-entropy on the labels of TrainJob::train, with a part of imitating a teacher's scores.
/// Throws Error where the data does not fit the network. All must outlive the objective.
std::unique_ptr<Objective> make_labelled_objective(TorchNetwork& network, const TrainJob& job);

/// Closeness to the outputs of TrainJob::teacher on TrainJob::imitation: the Kullback-Leibler
/// divergence of scores (Hinton et al., arXiv 1503.02531, at temperature 1), summed with the
/// squared error of other outputs in units of their mean square. Samples are run one by one, since
/// their shapes may differ, and normalisations keep their statistics. Throws Error(kUsage) for
/// outputs that differ in shape. All must outlive the objective.
std::unique_ptr<Objective> make_imitation_objective(TorchNetwork& network, const TrainJob& job);

}  // namespace qc::torch_engine
