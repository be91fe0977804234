// What judges and improves models between the steps of a pipeline: the built-in engine with
// samples, or commands of the user's.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "formats/onnx/onnx_model.h"
#include "passes/calibration.h"
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
  const OnnxModel* teacher = nullptr;        ///< for options.distill, with labels
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

/// The built-in engine with samples.
class Workbench : public Evaluator, public Tuner, public CalibrationSource {
 public:
  virtual Engine& engine() = 0;
  /// "idx files in DIR: 54000 samples to train on, 6000 held out, 10000 to test".
  virtual std::string samples_text() const = 0;

  void visit(const OnnxModel& model, std::span<const std::size_t> tensors,
             const std::function<PayloadEdits(std::size_t tensor, const Moments& moments)>& visit)
      override;

  std::map<std::size_t, std::vector<float>> gradient_squares(
      const OnnxModel& model, std::span<const std::size_t> tensors) override;

 protected:
  /// The outputs that the network is judged by.
  virtual std::vector<OutputLoss> losses(const OnnxModel& model) = 0;
  /// Some of the samples to train on, as values for the inputs of a model.
  virtual RunInputs calibration_samples(const OnnxModel& model) = 0;
};

/// What a request asks of a training, without the samples: the weights, biases and normalisations
/// of the model are trained. All must outlive the result.
TrainJob train_job(const OnnxModel& model, const TuneRequest& request, TrainObserver& observer);

}  // namespace qc
