// A subcommand for every kind of step, from model to model: the passes, train and finetune.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/common.h"
#include "cli/param_flags.h"
#include "cli/pass_report.h"
#include "cli/pipeline_report.h"
#include "cli/sensitivity.h"
#include "cli/text.h"
#include "cli/tuning.h"
#include "core/error.h"
#include "engine/train_params.h"
#include "pipeline/step.h"

namespace qc {
namespace {

// How a kind of step is shown; passes describe themselves.
struct StepText {
  std::string_view name;
  std::string_view suffix;
  std::string_view help;
  std::string_view example;
};

constexpr StepText kTrainingTexts[] = {
    {"finetune", "tuned", "Train a model further; pruned and shared weights stay so.",
     "qcompress finetune pruned.onnx --data mnist --epochs 3 --lr 0.005"},
    {"train", "trained", "Train a model from fresh weights.",
     "qcompress train lenet5.onnx --data mnist --epochs 20 --lr 0.02"},
};

StepText text_of(const StepKind& kind) {
  if (kind.pass != nullptr) {
    return {kind.name, kind.pass->suffix, kind.pass->help, kind.pass->example};
  }
  for (const StepText& text : kTrainingTexts) {
    if (text.name == kind.name) return text;
  }
  throw Error(ErrorCode::kInternal, fmt::format("step {} has no help", kind.name));
}

struct StepCommand {
  const StepKind* kind;
  StepText text;
  CommonOptions common;
  TuningFlags tuning;
  std::string input;
  std::string checkpoint;
  bool resume = false;
  bool sensitivity = false;
  ParamFlags flags;

  // Beside the input; a model with external data gets a folder, so that its files keep their names.
  std::filesystem::path default_output(const OnnxModel& model) const {
    const std::filesystem::path path(input);
    if (model.files().size() == 1) {
      return with_extension(path, fmt::format(".{}.onnx", text.suffix));
    }
    return with_extension(path, fmt::format(".{}", text.suffix)) / path.filename();
  }

  Step make_step() const {
    Step step(*kind);
    flags.for_each([&](const auto& name, const auto& value) { step.set(name, value); });
    return step;
  }

  // Flags that only mean something with data must not be ignored on the quiet.
  void require_tools(const Step& step) const {
    if (kind->pass == nullptr && !tuning.tunes()) {
      throw Error(ErrorCode::kUsage,
                  fmt::format("{} needs training data: --data DIR{}", kind->name,
                              kind->from_scratch ? "" : ", or --finetune-cmd CMD"));
    }
    if (tuning.tunes()) return;
    for (const auto& [name, values] : step.given()) {
      const bool judges = name == "steps" || name == "schedule" || name == "max-drop";
      if (judges && tuning.evaluates()) continue;
      const Params pass_only(kind->pass->params);
      const auto specs = pass_only.specs();
      if (std::ranges::find(specs, name, &ParamSpec::name) != specs.end()) continue;
      throw Error(ErrorCode::kUsage,
                  judges ? fmt::format("--{} is for evaluation and fine-tuning, which need --data "
                                       "DIR (or --eval-cmd, --finetune-cmd)",
                                       name)
                         : fmt::format("--{} is for fine-tuning, which needs --data DIR (or "
                                       "--finetune-cmd)",
                                       name));
    }
  }

  void run() const {
    const Step step = make_step();
    require_tools(step);
    const OnnxModel model = OnnxModel::open(input);
    if (sensitivity) {
      run_sensitivity(model, input, step, tuning, common);
      return;
    }
    const std::filesystem::path target = common.output_or(default_output(model));
    require_different(input, target);
    require_absent(target, common.overwrite());

    Tuning tools(tuning, common, step.trains() ? validation_fraction(step.params()) : 0);
    PipelineTools pipeline = tools.pipeline_tools();
    pipeline.measures_packed = shows_steps();
    pipeline.on_step = [&](const StepReport&) { tools.monitor().clear(); };
    if (!checkpoint.empty()) use_checkpoint(pipeline, target);
    if (common.prints() && !tools.description().empty()) print(tools.description() + "\n");

    PipelineReport report;
    TestScores scores;
    std::optional<PipelineResult> result;
    naming_errors(input, [&] {
      if (tools.evaluator() != nullptr && !kind->from_scratch) {
        scores.before = tools.evaluator()->test(model);
      }
      result = run_steps(model, {step}, pipeline, report);
      if (tools.evaluator() != nullptr) scores.after = tools.evaluator()->test(result->model);
    });
    tools.monitor().clear();
    write(result->model, target);
    show(report, scores, target, {model.total_size(), result->model.total_size()});
  }

  // A pass by itself is told by its table of tensors.
  bool shows_steps() const { return tuning.tunes() || tuning.evaluates(); }

  void use_checkpoint(PipelineTools& pipeline, const std::filesystem::path& target) const {
    require_different(input, checkpoint);
    require_different(target, checkpoint);
    if (resume) {
      const MappedFile file(checkpoint);
      pipeline.resume_from.assign(file.bytes().begin(), file.bytes().end());
    } else {
      require_absent(checkpoint, common.overwrite());
    }
    pipeline.save_state = [this](ByteView state) {
      AtomicFile file(checkpoint, Overwrite::kReplace);
      file.write(state);
      file.commit();
    };
  }

  // The default output of a model with external data is in a folder of its own.
  void write(const OnnxModel& result, const std::filesystem::path& target) const {
    std::error_code error;
    const bool made = common.output.empty() && result.files().size() > 1 &&
                      std::filesystem::create_directory(target.parent_path(), error);
    try {
      result.write(target, {}, common.overwrite());
    } catch (const Error&) {
      if (made) std::filesystem::remove(target.parent_path(), error);
      throw;
    }
  }

  // Of all files, before and after.
  struct Sizes {
    std::uint64_t before;
    std::uint64_t after;
  };

  static std::string size_change(const Sizes& sizes) {
    if (sizes.before == sizes.after) return "as large as before";
    return fmt::format("{} -> {}", size_text(sizes.before), size_text(sizes.after));
  }

  void show(const PipelineReport& report, const TestScores& scores,
            const std::filesystem::path& target, const Sizes& sizes) const {
    // Of several repetitions the last one kept tells where the pass ended.
    const PassReport* pass = nullptr;
    for (const StepReport& step : report.steps) {
      if (step.kept && step.pass) pass = &*step.pass;
    }
    if (common.json) {
      nlohmann::ordered_json document = {{"schema", fmt::format("qcompress.{}/1", kind->name)},
                                         {"input", input},
                                         {"output", target.string()}};
      if (pass != nullptr && kind->pass->exact) {
        document["original_bytes"] = sizes.before;
        document["bytes"] = sizes.after;
      }
      if (pass != nullptr) document.update(pass_json(*pass));
      if (shows_steps()) document.update(pipeline_json(report, scores));
      print_json(document);
    } else if (common.prints()) {
      std::string shown;
      if (pass != nullptr) shown += pass_text(*pass, common.verbose);
      if (shows_steps()) shown += pipeline_text(report, scores);
      shown += fmt::format("wrote {}: a plain ONNX file, {}; pack makes it small\n",
                           target.string(), size_change(sizes));
      print(shown);
    }
    if (common.quiet) return;
    for (const std::string& warning : pipeline_warnings(report)) warn(warning);
  }
};

void add_step_command(CLI::App& app, const StepKind& kind) {
  auto command = std::make_shared<StepCommand>();
  command->kind = &kind;
  command->text = text_of(kind);
  CLI::App* sub = add_command(app, std::string(kind.name), std::string(command->text.help),
                              std::string(command->text.example));
  add_input(*sub, command->input, "model", "The .onnx file");
  const bool trains = Step(kind).trains();
  for (const ParamSpec& spec : Step(kind).specs()) {
    const auto own = kind.pass != nullptr ? kind.pass->params : std::span<const ParamSpec>();
    const bool of_training = std::ranges::find(own, spec.name, &ParamSpec::name) == own.end();
    if (of_training && !trains) continue;
    command->flags.add(*sub, spec, of_training ? "Training, with --data" : "");
  }
  if (trains) {
    add_tuning_flags(*sub, command->tuning, kind.from_scratch ? Hooks::kNone : Hooks::kBoth);
  }
  if (kind.name == kPrunePass.name) {
    sub->add_flag("--sensitivity", command->sensitivity,
                  "Change nothing: prune every layer by itself at rising rates, show the accuracy, "
                  "and write a recipe with the highest rates within --max-drop (default: 0.5)")
        ->group("Training, with --data");
  }
  if (kind.pass == nullptr) {
    CLI::Option* file = sub->add_option("--checkpoint", command->checkpoint,
                                        "After every epoch write here what --resume needs")
                            ->type_name("FILE");
    sub->add_flag("--resume", command->resume,
                  "Go on from --checkpoint, as if training had not been interrupted")
        ->needs(file);
  }
  add_common_options(*sub, command->common, Writes::kFile);
  sub->callback([command] { command->run(); });
}

}  // namespace

void add_step_commands(CLI::App& app) {
  for (const StepKind& kind : step_kinds()) add_step_command(app, kind);
}

}  // namespace qc
