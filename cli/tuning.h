// The flags with which commands evaluate and fine-tune, and what they stand for.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "cli/common.h"
#include "cli/judging.h"
#include "cli/monitor.h"
#include "pipeline/calibration_file.h"
#include "pipeline/checkpoint.h"
#include "pipeline/hooks.h"
#include "pipeline/runner.h"
#include "pipeline/workbench.h"

namespace qc {

struct TuningFlags {
  std::string data;
  std::string data_config;
  std::string teacher;
  JudgingFlags judging;
  std::string calibration;
  std::string save_calibration;
  std::string finetune_command;
  std::string eval_command;
  int timeout = 0;  ///< seconds
  std::string device = "cpu";
  ExecutionLimits limits;

  bool evaluates() const { return !data.empty() || !eval_command.empty(); }
  bool tunes() const { return !data.empty() || !finetune_command.empty(); }

  /// Throws Error(kUsage) when an output would replace a file of the data, or what describes it.
  void require_no_data(const std::filesystem::path& output) const;
};

/// Which of the flags a command takes.
enum class Hooks { kNone, kBoth };

/// Adds --data, --data-config, --device and the limits of the engine, and with hooks
/// --finetune-cmd, --eval-cmd and
/// --cmd-timeout.
void add_tuning_flags(CLI::App& command, TuningFlags& flags, Hooks hooks);

/// Adds --teacher and the flags of judgement without labels, for commands that take any samples.
void add_imitation_flags(CLI::App& command, TuningFlags& flags);

/// Adds --calibration and --save-calibration, for passes that may look at samples.
void add_calibration_flags(CLI::App& command, TuningFlags& flags);

/// Says in the help of a command with these flags that --data may be samples of any kind.
void allow_any_samples(CLI::App& command);

/// Evaluator and tuner for a run: the built-in ones with --data, a user's commands where given.
class Tuning {
 public:
  /// For the test data only, which has labels; on `engine`, or where there is none on the built-in
  /// one.
  Tuning(const TuningFlags& flags, const CommonOptions& common,
         std::unique_ptr<Engine> engine = nullptr);
  /// Opens engine and data where needed; `validation` is the fraction that is held out. Without
  /// labels, or with --teacher, models are judged by that one's outputs, else by those of `input`.
  Tuning(const TuningFlags& flags, const CommonOptions& common, double validation,
         const OnnxModel& input);

  Evaluator* evaluator() const { return evaluator_; }
  Tuner* tuner() const { return tuner_; }
  ConsoleMonitor& monitor() { return monitor_; }
  /// For run_steps(): both of them, the threads, and what Ctrl-C does to them.
  PipelineTools pipeline_tools();
  /// Writes what --save-calibration asks for, of a model. Throws Error as qc::save_calibration()
  /// does.
  void save_calibration(const OnnxModel& model, Overwrite overwrite) const;
  /// Makes a step fit the samples (Step::imitate). Throws Error(kUsage) as that does.
  void adapt(Step& step) const;
  /// "libtorch 1.13.1, 2 threads, cpu"; empty without the built-in engine.
  std::string engine_description() const;
  /// "libtorch ..., idx files in DIR: 54000 samples to train on, 6000 held out, 10000 to test".
  std::string description() const;
  /// What a checkpoint is of, together with `steps`, called by `steps_name`, and the input.
  CheckpointIdentity identity(const std::string& steps_name, const std::string& steps,
                              const OnnxModel& input) const;

 private:
  void open_hooks(const CommonOptions& common);
  void use(std::unique_ptr<Workbench> workbench);

  TuningFlags flags_;
  unsigned threads_;
  ConsoleMonitor monitor_;
  std::unique_ptr<Workbench> workbench_;
  std::unique_ptr<CalibrationFile> calibration_;
  bool imitates_ = false;
  std::string teacher_digest_;
  std::unique_ptr<HookEvaluator> hook_evaluator_;
  std::unique_ptr<HookTuner> hook_tuner_;
  Evaluator* evaluator_ = nullptr;
  Tuner* tuner_ = nullptr;
};

}  // namespace qc
