// Walks through a network layer by layer, with all samples at once, and gathers what weights are
// multiplied with.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <vector>

#include "engine/engine.h"
#include "engine/torch/interpreter.h"
#include "engine/torch/moment_sums.h"
#include "graph/matrix_form.h"

namespace qc::torch_engine {

class CalibrationWalk {
 public:
  /// `current` takes the payloads that the job's visitor returns; `reference`, of the same model,
  /// stays as it is. Both must outlive this.
  CalibrationWalk(const LoadedModel& model, Interpreter& current, Interpreter& reference,
                  at::Device device, const CalibrationJob& job);

  /// Throws Error as the interpreter and the visitor do.
  void run();

 private:
  // A product with one of the tensors.
  struct Event {
    std::size_t node;  // index in the main graph
    std::size_t tensor;
    std::size_t input;
    MatrixForm form;
    bool last;  // of this tensor
  };
  // Where a sample stands in either network.
  struct Sample {
    Frontier current;
    std::optional<Frontier> reference;  // where it is not the same
  };

  void find_events();
  void gather(const Event& event, MomentSums& sums);
  Sample begin(std::size_t index) const;
  void replace(const PayloadEdits& edits);

  const LoadedModel& model_;
  Interpreter& current_;
  Interpreter& reference_;
  at::Device device_;
  const CalibrationJob& job_;
  std::vector<Event> events_;
  std::vector<Sample> kept_;  // by sample; empty: nothing was kept yet
  bool diverged_ = false;     // the networks compute different values from here on
};

}  // namespace qc::torch_engine
