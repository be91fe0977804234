#pragma once

#include <cstdint>
#include <span>

#include "engine/engine.h"

namespace qc {

/// Sums over samples what Metrics has means of.
class TopScores {
 public:
  /// `probabilities`: the scores are those of a softmax; else what it would be given.
  explicit TopScores(bool probabilities) : probabilities_(probabilities) {}

  /// Scores of a sample, one for each class, in which its label is.
  void add(std::span<const float> scores, std::int64_t label);
  Metrics metrics() const;

 private:
  bool probabilities_;
  Metrics sums_;
};

}  // namespace qc
