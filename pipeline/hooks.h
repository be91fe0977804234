// Evaluation and fine-tuning by commands of the user's.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "pipeline/score_memory.h"
#include "pipeline/workbench.h"

namespace qc {

/// How commands are run. In both, {model} and so on become quoted words of a shell command; the
/// same values are in the environment as QCOMPRESS_MODEL and so on. Only lower-case letters in
/// braces are placeholders, and doubled braces around them stand for single ones: {{model}} becomes
/// {model}.
struct HookOptions {
  std::string finetune_command;     ///< {model} {out} {masks} {step}
  std::string eval_command;         ///< {model} {step}
  std::chrono::seconds timeout{0};  ///< for each call; 0: none
  bool show_output = true;          ///< what commands print goes to standard error as it comes
  /// Asked several times a second; true interrupts a fine-tuning (SIGINT). May be empty.
  std::function<bool()> stop_requested = {};
};

/// Throws Error(kUsage) for a placeholder that a command does not have, naming those it has, for a
/// fine-tuning command without {out} or QCOMPRESS_OUT, and for a negative time-out. A command may
/// be empty.
void check_hook_options(const HookOptions& options);

/// Evaluates with `eval_command`, which prints a line {"metric": "top1", "value": 0.99}, perhaps
/// with "higher_is_better" and "unit" (see make_score); the last such line on standard output
/// counts, other output is ignored. What the first score counts in holds for all later ones that
/// do not declare it. A model with the same contents is evaluated once.
///
/// Throws Error(kFile) that shows the command, its exit status or signal and, unless its output was
/// shown already, its last lines when it fails, prints no such line, a value that is no finite
/// number or another metric than before, or takes longer than the timeout (it and its children are
/// killed).
class HookEvaluator final : public Evaluator {
 public:
  /// Throws Error(kUsage) as check_hook_options() does, and without a command.
  explicit HookEvaluator(HookOptions options);
  Score validate(const OnnxModel& model) override { return evaluate(model); }
  Score test(const OnnxModel& model) override { return evaluate(model); }

 private:
  Score evaluate(const OnnxModel& model);
  Score run(const OnnxModel& model);

  HookOptions options_;
  ScoreMemory scores_;
  std::optional<Score> first_;
  int calls_ = 0;
};

/// Fine-tunes with `finetune_command`: {model} is read, {out} must be written, and {masks} is an
/// .npz file with an array for every constrained tensor, of its name and shape. An array of bool
/// says which elements may change, the others stay zero; one of uint8 or uint32 has the number of
/// the shared value that each element follows, 0 for those that stay zero.
///
/// The output must have every float tensor of the input by name, of the same type and shape. Only
/// their values are taken over; its graph and all else are ignored. A command that is interrupted
/// may still write {out} before it ends; without a whole model there the outcome has no values.
///
/// Throws Error as HookEvaluator does; kCorrupt for an output that is no model, lacks tensors or
/// has others' shapes or values that are not finite, naming them.
class HookTuner final : public Tuner {
 public:
  /// Throws Error(kUsage) as check_hook_options() does, and without a command.
  explicit HookTuner(HookOptions options);
  TuneOutcome tune(const OnnxModel& model, const TuneRequest& request) override;

 private:
  HookOptions options_;
};

}  // namespace qc
