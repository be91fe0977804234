// A subcommand for every kind of step, from model to model: the passes, train and finetune.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/common.h"
#include "cli/param_flags.h"
#include "cli/pass_report.h"
#include "cli/pipeline_report.h"
#include "cli/resume.h"
#include "cli/sensitivity.h"
#include "cli/text.h"
#include "cli/tuning.h"
#include "core/error.h"
#include "engine/train_params.h"
#include "pipeline/recipe.h"
#include "pipeline/step.h"
#include "system/printable.h"

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
    {"finetune", "tuned",
     "Train a model further, on labels or to give a teacher's outputs; pruned and shared weights "
     "stay so.",
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
  ResumeFlags resume;
  bool sensitivity = false;
  ParamFlags flags;

  // The default output of a model with external data is in a folder of its own.
  bool makes_folder(const OnnxModel& model) const {
    return common.output.empty() && model.files().size() > 1;
  }

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

  // Flags that only mean something with data must not be ignored silently.
  void require_tools(const Step& step) const {
    if (kind->pass == nullptr && !tuning.tunes()) {
      throw Error(ErrorCode::kUsage,
                  fmt::format("{} needs training data: --data DIR{}", kind->name,
                              kind->from_scratch ? "" : ", or --finetune-cmd CMD"));
    }
    require_use(resume, shows_steps() && !sensitivity);
    if (sensitivity && !tuning.save_calibration.empty()) {
      throw Error(ErrorCode::kUsage, "--sensitivity changes nothing and saves no calibration");
    }
    if (!tuning.calibration.empty() && !kind->pass->calibrates(step.pass_params())) {
      throw Error(ErrorCode::kUsage,
                  fmt::format("--calibration {} is not looked at by this --method, which needs no "
                              "samples",
                              tuning.calibration));
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
    Step step = make_step();
    require_tools(step);
    const OnnxModel model = OnnxModel::open(input, common.links());
    if (sensitivity) {
      run_sensitivity(model, input, step, tuning, common);
      return;
    }
    const std::filesystem::path target = common.output_or(default_output(model));
    require_different(input, target);
    tuning.require_no_data(target);
    const std::filesystem::path calibration = tuning.save_calibration;
    if (!calibration.empty()) {
      require_different(input, calibration);
      require_other_output(target, "--save-calibration", calibration);
      model.refuse_input(calibration, true);
      tuning.require_no_data(calibration);
      require_absent(calibration, common.overwrite());
    }

    Tuning tools(tuning, common, step.trains() ? validation_fraction(step.params()) : 0, model);
    tools.adapt(step);
    PipelineTools pipeline = tools.pipeline_tools();
    std::optional<Resumption> resumption;
    if (shows_steps()) {
      resumption.emplace(resume, makes_folder(model) ? target.parent_path() : target,
                         std::vector<std::filesystem::path>{input, target},
                         tools.identity("parameters", parameters(step), model), model, common);
      resumption->use_in(pipeline);
    }
    const Overwrite overwrite = resumption ? resumption->overwrite_for(target) : common.overwrite();
    require_absent(target, overwrite);
    pipeline.measures_packed = shows_steps();
    pipeline.on_step = [&](const StepReport&) { tools.monitor().clear(); };
    if (common.prints() && !tools.description().empty()) {
      print_progress(printable_lines(tools.description()) + "\n");
    }

    if (!calibration.empty()) {
      naming_errors(input, [&] { tools.save_calibration(model, common.overwrite()); });
    }

    PipelineReport report;
    TestScores scores;
    std::optional<PipelineResult> result;
    std::vector<std::filesystem::path> outputs;
    naming_checkpoint(resumption, [&] {
      naming_errors(input, [&] {
        if (tools.evaluator() != nullptr && !kind->from_scratch) {
          scores.before = tools.evaluator()->test(model);
        }
        result = run_steps(model, {step}, pipeline, report);
        tools.monitor().release_signals();
        const bool judged = tools.evaluator() != nullptr && report.last_kept() != nullptr;
        if (judged) scores.after = tools.evaluator()->test(result->model);
      });
      tools.monitor().clear();
      if (report.last_kept() == nullptr) return;
      write(result->model, target, overwrite);
      outputs.push_back(target);
    });
    std::filesystem::path checkpoint;
    if (resumption) checkpoint = resumption->finish(report.interrupted, outputs);
    const std::filesystem::path written = outputs.empty() ? std::filesystem::path() : target;
    show(report, scores, written, {model.total_size(), result->model.total_size()});
    throw_early_end(report, input, written, tools.monitor().signal(), checkpoint);
  }

  // With every default: these may change from version to version.
  static std::string parameters(const Step& step) {
    Recipe recipe;
    recipe.steps.push_back(step);
    return recipe_text(recipe, /*defaults=*/true);
  }

  // A pass by itself is told by its table of tensors.
  bool shows_steps() const { return tuning.tunes() || tuning.evaluates(); }

  void write(const OnnxModel& result, const std::filesystem::path& target,
             Overwrite overwrite) const {
    std::error_code error;
    const bool made =
        makes_folder(result) && std::filesystem::create_directory(target.parent_path(), error);
    try {
      warn_of_left(result.write(target, {}, overwrite));
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

  // `written` is empty where nothing was.
  void show(const PipelineReport& report, const TestScores& scores,
            const std::filesystem::path& written, const Sizes& sizes) const {
    // Of several repetitions the last one kept tells where the pass ended.
    const StepReport* last = report.last_kept();
    const PassReport* pass = last != nullptr && last->pass ? &*last->pass : nullptr;
    if (common.json) {
      nlohmann::ordered_json document = {{"schema", fmt::format("qcompress.{}/1", kind->name)},
                                         {"input", input},
                                         {"output", nullptr}};
      if (!written.empty()) document["output"] = written.string();
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
      if (!written.empty()) {
        shown += fmt::format("wrote {}: a plain ONNX file, {}; pack makes it small\n",
                             printable(written.string()), size_change(sizes));
      }
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
    if (!kind.from_scratch) add_imitation_flags(*sub, command->tuning);
    if (kind.pass != nullptr && kind.pass->calibrates != nullptr) {
      add_calibration_flags(*sub, command->tuning);
    }
  }
  if (kind.name == kPrunePass.name) {
    sub->add_flag("--sensitivity", command->sensitivity,
                  "Change nothing: prune every layer by itself at rising rates, show the accuracy, "
                  "and write a recipe with the highest rates within --max-drop (default: 0.5)")
        ->group("Training, with --data");
  }
  add_resume_flags(*sub, command->resume);
  add_common_options(*sub, command->common, Writes::kFile);
  add_links_option(*sub, command->common);
  sub->callback([command] { command->run(); });
}

}  // namespace

void add_step_commands(CLI::App& app) {
  for (const StepKind& kind : step_kinds()) add_step_command(app, kind);
}

}  // namespace qc
