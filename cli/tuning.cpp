#include "cli/tuning.h"

#include <fmt/format.h>

#include "cli/any_model.h"
#include "core/error.h"
#include "pipeline/labelled_workbench.h"
#include "pipeline/score_memory.h"
#include "pipeline/unlabelled_workbench.h"
#include "system/atomic_file.h"

namespace qc {
namespace {

EngineOptions engine_options(const TuningFlags& flags, const CommonOptions& common) {
  return {common.threads, flags.device, flags.limits};
}

}  // namespace

void TuningFlags::require_no_data(const std::filesystem::path& output) const {
  if (data.empty()) return;
  if (!data_config.empty()) require_different(data_config, output);
  require_different(data, output);
  std::error_code error;
  if (!std::filesystem::exists(output, error)) return;
  const std::string ending = output.extension();
  if (ending == ".onnx" || ending == ".qc") return;  // models may be kept beside their data
  if (!stays_inside(std::filesystem::relative(output, data, error))) return;
  throw Error(ErrorCode::kUsage, fmt::format("{} is in the folder of the data and no model; name "
                                             "another output",
                                             output.string()));
}

void add_tuning_flags(CLI::App& command, TuningFlags& flags, Hooks hooks) {
  const std::string group = "Data and engine";
  CLI::Option* data =
      command
          .add_option("--data", flags.data,
                      "Folder with the data set: idx files, CIFAR binary, a folder of images per "
                      "class, .npy or .npz")
          ->type_name("DIR")
          ->group(group);
  command
      .add_option("--data-config", flags.data_config,
                  "How samples are scaled and laid out; default: dataset.toml in --data")
      ->type_name("FILE")
      ->needs(data)
      ->group(group);
  command.add_option("--device", flags.device, "Where networks run: cpu (default), cuda, cuda:1")
      ->type_name("NAME")
      ->needs(data)
      ->group(group);
  add_max_memory_option(command, flags.limits.memory,
                        "Most memory for the tensors of a network that runs, like 400MB or 2GiB; "
                        "default: a quarter of the machine's")
      ->needs(data)
      ->group(group);
  command
      .add_option("--max-iterations", flags.limits.iterations,
                  "Most iterations of a network's loops, each time it runs")
      ->capture_default_str()
      ->type_name("N")
      ->needs(data)
      ->group(group);
  if (hooks == Hooks::kNone) return;
  command
      .add_option("--finetune-cmd", flags.finetune_command,
                  "Fine-tune with this command instead: reads {model}, writes {out}; {masks} "
                  "and {step} tell more")
      ->type_name("CMD")
      ->group(group);
  command
      .add_option("--eval-cmd", flags.eval_command,
                  "Evaluate with this command instead: reads {model}, prints "
                  "{\"metric\": \"top1\", \"value\": 0.99}; \"unit\" and \"higher_is_better\" "
                  "tell more")
      ->type_name("CMD")
      ->group(group);
  command.add_option("--cmd-timeout", flags.timeout, "Seconds after which a command has failed")
      ->check(CLI::PositiveNumber)
      ->type_name("SECONDS")
      ->group(group);
}

void allow_any_samples(CLI::App& command) {
  command.get_option("--data")->description(
      "Samples, a folder or file: pictures, recordings, texts, arrays by the names of inputs, ONNX "
      "test data sets, or any data set; or random:N, made up, as a stop-gap (data/DATA.md)");
}

void add_imitation_flags(CLI::App& command, TuningFlags& flags) {
  command
      .add_option("--teacher", flags.teacher,
                  "Train to give the outputs of this model, .onnx or .qc, whatever they are: no "
                  "labels are needed. Default where --data has none: the input")
      ->type_name("FILE")
      ->group("Data and engine")
      ->needs(command.get_option("--data"));
  add_judging_flags(command, flags.judging);
  command.get_option("--data")->description(
      "Labelled data set: idx files, CIFAR binary, a folder of images per class, .npy or .npz; or "
      "samples of any kind without labels, by which the network stays close to what it was "
      "(data/DATA.md)");
}

void add_calibration_flags(CLI::App& command, TuningFlags& flags) {
  const std::string group = "Data and engine";
  command
      .add_option("--save-calibration", flags.save_calibration,
                  "Write what the samples show of the weights to this file, for --calibration; a "
                  "layer with n inputs takes 4 n^2 bytes")
      ->type_name("FILE")
      ->needs(command.get_option("--data"))
      ->group(group);
  command
      .add_option("--calibration", flags.calibration,
                  "Take from such a file what the method would look for in --data; of the network "
                  "before any change, so later layers cannot make up for earlier ones")
      ->check(CLI::ExistingFile)
      ->type_name("FILE")
      ->group(group);
}

Tuning::Tuning(const TuningFlags& flags, const CommonOptions& common,
               std::unique_ptr<Engine> engine)
    : flags_(flags),
      threads_(common.threads),
      monitor_(common.prints(), common.verbose && common.prints()) {
  open_hooks(common);
  if (flags.data.empty()) return;
  LabelledWorkbench::Options options;
  options.data = {flags.data, flags.data_config};
  if (engine == nullptr) engine = open_engine(engine_options(flags, common));
  use(std::make_unique<LabelledWorkbench>(std::move(engine), options, nullptr, monitor_));
}

Tuning::Tuning(const TuningFlags& flags, const CommonOptions& common, double validation,
               const OnnxModel& input)
    : flags_(flags),
      threads_(common.threads),
      monitor_(common.prints(), common.verbose && common.prints()) {
  open_hooks(common);
  if (!flags.calibration.empty()) {
    calibration_ = std::make_unique<CalibrationFile>(flags.calibration);
  }
  if (flags.data.empty()) return;
  const EngineOptions engine = engine_options(flags, common);
  const DataSource data = {flags.data, flags.data_config};
  std::unique_ptr<Dataset> labelled;
  if (flags.teacher.empty() && !is_random(data.path)) {
    labelled = find_dataset(data, Split::kTrain);
  }
  if (labelled != nullptr) {
    LabelledWorkbench::Options options;
    options.data = data;
    options.validation = validation;
    use(std::make_unique<LabelledWorkbench>(open_engine(engine), options, std::move(labelled),
                                            monitor_));
    return;
  }
  imitates_ = true;
  UnlabelledWorkbench::Options options;
  options.engine = engine;
  options.data = data;
  options.judging = flags.judging.options();
  options.validation = validation;
  if (flags.teacher.empty()) {
    use(std::make_unique<UnlabelledWorkbench>(options, input, monitor_));
    return;
  }
  const ReadLimits limits{flags.limits.memory, common.limits.model};
  const OnnxModel teacher = open_any_model(flags.teacher, common.threads, limits, common.links());
  teacher_digest_ = model_digest(teacher);
  naming_errors(flags.teacher,
                [&] { use(std::make_unique<UnlabelledWorkbench>(options, teacher, monitor_)); });
}

void Tuning::use(std::unique_ptr<Workbench> workbench) {
  workbench_ = std::move(workbench);
  if (evaluator_ == nullptr) evaluator_ = workbench_.get();
  if (tuner_ == nullptr) tuner_ = workbench_.get();
}

void Tuning::open_hooks(const CommonOptions& common) {
  HookOptions hooks;
  hooks.finetune_command = flags_.finetune_command;
  hooks.eval_command = flags_.eval_command;
  hooks.timeout = std::chrono::seconds(flags_.timeout);
  hooks.show_output = !common.quiet;
  hooks.stop_requested = [this] { return monitor_.stop_requested(); };
  check_hook_options(hooks);
  if (!flags_.eval_command.empty()) {
    hook_evaluator_ = std::make_unique<HookEvaluator>(hooks);
    evaluator_ = hook_evaluator_.get();
  }
  if (!flags_.finetune_command.empty()) {
    hook_tuner_ = std::make_unique<HookTuner>(hooks);
    tuner_ = hook_tuner_.get();
  }
}

void Tuning::save_calibration(const OnnxModel& model, Overwrite overwrite) const {
  qc::save_calibration(flags_.save_calibration, overwrite, model, *workbench_);
}

void Tuning::adapt(Step& step) const {
  if (imitates_) step.imitate();
}

PipelineTools Tuning::pipeline_tools() {
  PipelineTools tools;
  tools.evaluator = evaluator_;
  tools.tuner = tuner_;
  tools.calibration = workbench_.get();
  if (calibration_ != nullptr) tools.calibration = calibration_.get();
  tools.threads = threads_;
  // Passes alone are over soon: a signal ends them at once.
  if (evaluator_ != nullptr || tuner_ != nullptr) {
    tools.before_repetitions = [this] { monitor_.catch_signals(); };
    tools.stop_requested = [this] { return monitor_.stop_requested(); };
  }
  return tools;
}

std::string Tuning::engine_description() const {
  return workbench_ != nullptr ? workbench_->engine().description() : "";
}

std::string Tuning::description() const {
  if (workbench_ == nullptr) return "";
  return fmt::format("{}; {}", workbench_->engine().description(), workbench_->samples_text());
}

CheckpointIdentity Tuning::identity(const std::string& steps_name, const std::string& steps,
                                    const OnnxModel& input) const {
  CheckpointIdentity identity = {{steps_name, steps}, {"model", model_digest(input)}};
  if (workbench_ != nullptr) {
    const auto path = resolved(flags_.data);
    identity["data set"] =
        fmt::format("{}\n{}\n{}", path.string(), flags_.data_config, workbench_->samples_text());
  }
  if (!flags_.calibration.empty()) identity["calibration"] = flags_.calibration;
  if (!teacher_digest_.empty()) identity["teacher"] = teacher_digest_;
  if (!flags_.finetune_command.empty()) identity["fine-tuning command"] = flags_.finetune_command;
  if (!flags_.eval_command.empty()) identity["evaluation command"] = flags_.eval_command;
  return identity;
}

}  // namespace qc
