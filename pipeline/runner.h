// Runs the steps of a pipeline: pass, fine-tuning, repair of constraints, evaluation, again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "codecs/encode/layout.h"
#include "formats/onnx/onnx_model.h"
#include "passes/pass.h"
#include "pipeline/constraints.h"
#include "pipeline/step.h"
#include "pipeline/workbench.h"

namespace qc {

/// What one repetition of a step did.
struct StepReport {
  std::string name;       ///< "prune"
  std::size_t index = 0;  ///< of the step in the pipeline
  int repetition = 1;
  int repetitions = 1;
  /// What the pass did. Where weights were trained too, or in an earlier repetition, the tensors
  /// are compared as they are now with the model that the first repetition started from.
  std::optional<PassReport> pass = {};
  int epochs = 0;
  bool interrupted = false;
  std::vector<Violation> violations = {};  ///< that fine-tuning left and that were repaired
  std::uint64_t weights = 0;               ///< of all layers, float weights of the model
  std::uint64_t nonzero = 0;
  std::uint64_t packed_bytes = 0;  ///< whole file, if packed now; see measures_packed
  std::optional<Score> validation = {};
  bool gated = false;  ///< the step has a --max-drop or --strategy score
  bool kept = true;    ///< false: beyond it, so the model before was kept
  double seconds = 0;
};

/// "prune 3/6".
std::string step_label(const StepReport& step);

struct PipelineReport {
  std::uint64_t original_bytes = 0;
  std::optional<Score> validation_before;
  std::vector<StepReport> steps;
  bool interrupted = false;
  /// Not empty: what a step lost that ended the pipeline beyond its --max-drop.
  std::string gate_missed;
  std::vector<std::string> not_run;  ///< names of the steps that an early end left out

  /// The last repetition whose model was kept; null where there is none.
  const StepReport* last_kept() const;
};

/// Where a pipeline stands: all that it needs to go on after an interruption. Models are null where
/// they are the input.
struct PipelineState {
  std::size_t step = 0;                         ///< index of the one that comes or is under way
  int repetition = 1;                           ///< of that step, likewise
  int tunings = 0;                              ///< fine-tunings done
  std::shared_ptr<const OnnxModel> model;       ///< what the repetition starts from
  std::shared_ptr<const OnnxModel> step_input;  ///< what the step's first repetition started from
  std::shared_ptr<const OnnxModel> baseline;    ///< see PipelineResult
  Bytes training;      ///< of the fine-tuning under way, see TuneRequest::save_state; or empty
  double seconds = 0;  ///< that the repetition under way has taken
  PipelineReport report;
};

/// Who does what; without an evaluator and a tuner only passes can run.
struct PipelineTools {
  Evaluator* evaluator = nullptr;
  Tuner* tuner = nullptr;
  CalibrationSource* calibration = nullptr;  ///< for passes that look at samples
  bool measures_packed = true;  ///< whether to pack the result of every step, for the reports
  EncodeOptions encode;         ///< for that
  unsigned threads = 0;
  std::function<void(const StepReport&)> on_step;
  /// Called once when an interruption begins to lose work: before the first repetition.
  std::function<void()> before_repetitions;
  std::function<bool()> stop_requested;                  ///< asked before every repetition
  std::optional<PipelineState> resume_from;              ///< of the same input and steps
  std::function<bool()> state_due;                       ///< see TuneRequest
  std::function<void(const PipelineState&)> save_state;  ///< after repetitions, and when due
};

struct PipelineResult {
  OnnxModel model;
  /// What the result is measured against: the input, or what training from scratch made of it.
  OnnxModel baseline;
};

/// Runs the steps on a model. A repetition beyond its step's --max-drop, or that loses more than it
/// gains by --strategy score, is taken back: the step ends there where an earlier repetition of it
/// was within, else the whole pipeline does (gate_missed). An interruption ends it, too. Either way
/// the result is the last model that was kept. Throws Error(kUsage) for steps that need data where
/// there is none.
PipelineResult run_steps(const OnnxModel& input, const std::vector<Step>& steps,
                         const PipelineTools& tools, PipelineReport& report);

/// Bytes of the model as a container.
std::uint64_t packed_size(const OnnxModel& model, const EncodeOptions& encode, unsigned threads);

}  // namespace qc
