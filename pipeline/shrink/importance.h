// What an error in each output channel of a layer costs, which shares the bytes out among layers.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <vector>

#include "engine/calibration_jobs.h"
#include "formats/onnx/onnx_model.h"
#include "passes/calibration.h"
#include "pipeline/shrink/layers.h"

namespace qc {

/// The weights of the quadratic losses of all tensors, as RateProblem::importance wants them.
class Importance {
 public:
  /// What is known of one tensor.
  struct Measured {
    /// Mean of the Fisher information by row, over the trace of the second moments: how much the
    /// outputs of the network depend on those of the row.
    std::vector<double> rows;
    /// Inverse mean energy that a weight adds to the outputs of the layer: errors relative to it.
    double relative = 0;
  };

  /// `fisher` may lack tensors, and `calibration` layers.
  Importance(const OnnxModel& model, const ShrinkPlan& plan, const Calibration& calibration,
             const std::vector<TensorSensitivity>& fisher, unsigned threads);

  /// The importance of the rows of a layer, or of the elements of a single tensor, with
  /// `allocation` between 0, errors relative to each layer's outputs, and 1, the Fisher
  /// information: their geometric mixture. Within a tensor, rows differ by 7/10 of what they
  /// measured, since samples do not show all classes.
  std::vector<double> of(std::size_t tensor, double allocation) const;

  /// Whether the outputs depend on any weight, by their gradients.
  bool has_fisher() const { return has_fisher_; }

 private:
  std::map<std::size_t, Measured> measured_;
  double relative_scale_ = 1;  // that makes both measures equal in the geometric mean over tensors
  bool has_fisher_ = false;
};

}  // namespace qc
