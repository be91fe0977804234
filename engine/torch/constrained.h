// A tensor under training, with what it may not do.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <optional>

#include "engine/engine.h"

namespace qc::torch_engine {

/// The weights that the network uses and the leaf that the optimiser moves. They are the same
/// tensor, but where weights are shared the leaf holds the centroids, and where they have a low-bit
/// form the latent weights.
class ConstrainedTensor {
 public:
  /// `initial` holds the values; the constraint, which may be null, must agree with its size.
  ConstrainedTensor(std::size_t source, const at::Tensor& initial, const Constraint* constraint);

  std::size_t source() const { return source_; }
  /// What the network reads; its gradient is that of the weights.
  const at::Tensor& weights() const { return weights_; }
  /// What the optimiser changes.
  const at::Tensor& leaf() const { return leaf_; }

  /// After the backward pass: makes the leaf's gradient from that of the weights. Pruned weights
  /// get none; a centroid gets the sum over its group (Deep Compression, equation 3); a latent
  /// weight what passes straight through its form.
  void gather_gradient();
  /// After the optimiser's step: weights follow their leaf. Stochastic forms draw from `seed`;
  /// nothing: they take the values for inference.
  void spread(std::optional<std::uint64_t> seed = std::nullopt);

  /// The form of the weights; null where they have none.
  const WeightForm* form() const { return form_ ? &*form_ : nullptr; }

  /// Values to return to later, and the way back.
  at::Tensor snapshot() const { return leaf_.detach().clone(); }
  void restore(const at::Tensor& snapshot);

 private:
  std::size_t source_;
  at::Tensor weights_;
  at::Tensor leaf_;
  at::Tensor mask_;    // of the shape of the weights; undefined where nothing is pruned
  at::Tensor groups_;  // int64, flat; defined where weights are shared
  std::optional<WeightForm> form_;
  ChannelMap channels_;
};

}  // namespace qc::torch_engine
