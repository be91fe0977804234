// Runs the steps of a pipeline: pass, fine-tuning, repair of constraints, evaluation, again.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "codecs/tensor_codec.h"
#include "formats/onnx_model.h"
#include "passes/pass.h"
#include "pipeline/constraints.h"
#include "pipeline/step.h"
#include "pipeline/workbench.h"

namespace qc {

/// What one repetition of a step did.
struct StepReport {
  std::string name;  ///< "prune"
  int repetition = 1;
  int repetitions = 1;
  std::optional<PassReport> pass;
  int epochs = 0;
  bool interrupted = false;
  std::vector<Violation> violations;  ///< that fine-tuning left and that were repaired
  std::uint64_t weights = 0;          ///< of all layers, float weights of the model
  std::uint64_t nonzero = 0;
  std::uint64_t packed_bytes = 0;  ///< whole file, if packed now; see measures_packed
  std::optional<Score> validation;
  bool kept = true;  ///< false: beyond --max-drop, so the model before it was kept
  double seconds = 0;
};

struct PipelineReport {
  std::uint64_t original_bytes = 0;
  std::optional<Score> validation_before;
  std::vector<StepReport> steps;
  bool interrupted = false;
};

/// Who does what; without an evaluator and a tuner only passes can run.
struct PipelineTools {
  Evaluator* evaluator = nullptr;
  Tuner* tuner = nullptr;
  bool measures_packed = true;  ///< whether to pack the result of every step, for the reports
  EncodeOptions encode;         ///< for that
  unsigned threads = 0;
  std::function<void(const StepReport&)> on_step;
  std::function<bool()> stop_requested;      ///< asked after every repetition
  Bytes resume_from;                         ///< for a pipeline that is one training
  std::function<void(ByteView)> save_state;  ///< likewise
};

struct PipelineResult {
  OnnxModel model;
  /// What the result is measured against: the input, or what training from scratch made of it.
  OnnxModel baseline;
};

/// Runs the steps on a model. Throws Error: kUsage for steps that need data where there is none,
/// kGate when a step ends beyond its --max-drop and there is no repetition within to go back to.
PipelineResult run_steps(const OnnxModel& input, const std::vector<Step>& steps,
                         const PipelineTools& tools, PipelineReport& report);

/// Bytes of the model as a container.
std::uint64_t packed_size(const OnnxModel& model, const EncodeOptions& encode, unsigned threads);

}  // namespace qc
