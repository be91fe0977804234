// What judges and improves models between the steps of a pipeline: the built-in engine with a data
// set, or commands of the user's.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "formats/onnx/onnx_model.h"
#include "pipeline/score.h"

namespace qc {

/// Evaluates models.
class Evaluator {
 public:
  virtual ~Evaluator() = default;
  /// On data that may guide decisions: never the test set.
  virtual Score validate(const OnnxModel& model) = 0;
  /// On the test set, for the report. A user's command has only one notion of a score.
  virtual Score test(const OnnxModel& model) = 0;
};

/// What a fine-tuning is for.
struct TuneRequest {
  std::string label;  ///< for messages: "prune 3/6"
  int number = 1;     ///< of the fine-tuning within the run, from 1
  std::vector<Constraint> constraints;
  TrainOptions options;                      ///< for the built-in engine
  const OnnxModel* teacher = nullptr;        ///< for options.distill
  Bytes resume_from;                         ///< state of an interrupted training, or empty
  std::function<bool()> state_due;           ///< asked after every epoch; may be empty
  std::function<void(ByteView)> save_state;  ///< called with such a state where one is due
};

struct TuneOutcome {
  PayloadEdits values;  ///< new payloads; tensors that did not change may be left out
  int epochs = 0;       ///< 0 where nobody knows
  bool interrupted = false;
};

/// Fine-tunes models. What comes back need not keep the constraints: the caller enforces them.
class Tuner {
 public:
  virtual ~Tuner() = default;
  virtual TuneOutcome tune(const OnnxModel& model, const TuneRequest& request) = 0;
};

}  // namespace qc
