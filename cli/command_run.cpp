// qcompress run: a whole pipeline from a recipe, ending in a container and the breakdown.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/common.h"
#include "cli/html_pages.h"
#include "cli/inspect.h"
#include "cli/pipeline_report.h"
#include "cli/resume.h"
#include "cli/text.h"
#include "cli/tuning.h"
#include "core/error.h"
#include "formats/packed/pack_model.h"
#include "pipeline/pack_params.h"
#include "pipeline/provenance.h"
#include "pipeline/recipe.h"
#include "report/breakdown.h"
#include "system/output_set.h"
#include "system/printable.h"

namespace qc {
namespace {

struct RunCommand {
  CommonOptions common;
  TuningFlags tuning;
  ResumeFlags resume;
  std::string recipe_path;
  std::string input;
  std::string onnx_output;
  std::string html;
  std::optional<std::uint64_t> seed;
  bool resolve = false;

  void run() const {
    Recipe recipe = read_recipe(recipe_path);
    if (seed) recipe.set_seed(*seed);
    if (resolve) {
      if (common.json) throw Error(ErrorCode::kUsage, "--resolve prints TOML: without --json");
      print(recipe_text(recipe, /*defaults=*/true));
      return;
    }
    if (input.empty()) throw Error(ErrorCode::kUsage, "run needs a model after the recipe");
    const auto start = std::chrono::steady_clock::now();
    const OnnxModel model = OnnxModel::open(input, common.links());
    const std::filesystem::path target = common.output_or(with_extension(input, ".qc"));
    require_different_files(target);
    for (const std::filesystem::path& output : {target, std::filesystem::path(onnx_output)}) {
      if (output.empty()) continue;
      model.refuse_input(output, true);
      tuning.require_no_data(output);
    }
    if (!html.empty()) require_page(model, target);
    const bool uses_data = tuning.tunes() || tuning.evaluates();
    require_use(resume, uses_data);

    Tuning tools(tuning, common, recipe.validation, model);
    for (Step& step : recipe.steps) tools.adapt(step);
    PipelineTools pipeline = tools.pipeline_tools();
    std::optional<Resumption> resumption;
    if (uses_data) {
      resumption.emplace(
          resume, target,
          std::vector<std::filesystem::path>{recipe_path, input, target, onnx_output},
          tools.identity("recipe", recipe_text(recipe, /*defaults=*/true), model), model, common);
      resumption->use_in(pipeline);
    }
    const auto overwrite = [&](const std::filesystem::path& output) {
      return resumption ? resumption->overwrite_for(output) : common.overwrite();
    };
    if (!onnx_output.empty()) require_absent(onnx_output, overwrite(onnx_output));
    AtomicFile out(target, overwrite(target));
    pipeline.encode = encode_options(recipe.pack);
    pipeline.on_step = [&](const StepReport& step) {
      tools.monitor().clear();
      if (common.prints()) print_progress(step_line(step) + "\n");
    };
    if (common.prints() && !tools.description().empty()) {
      print_progress(printable_lines(tools.description()) + "\n");
    }

    PipelineReport report;
    TestScores scores;
    std::optional<PipelineResult> result;
    std::vector<std::filesystem::path> outputs;
    naming_checkpoint(resumption, [&] {
      naming_errors(input, [&] {
        result = run_steps(model, recipe.steps, pipeline, report);
        tools.monitor().release_signals();
        if (tools.evaluator() != nullptr && report.last_kept() != nullptr) {
          scores.before = tools.evaluator()->test(result->baseline);
          scores.after = tools.evaluator()->test(result->model);
        }
      });
      tools.monitor().clear();
      if (report.last_kept() == nullptr) return;
      pack(result->model, provenance(recipe, report, tools.engine_description()), pipeline.encode,
           out);
      // Both are complete before either appears.
      std::unique_ptr<OutputSet> onnx;
      if (!onnx_output.empty()) {
        onnx = result->model.stage(onnx_output, {}, overwrite(onnx_output));
      }
      out.commit();
      outputs.push_back(target);
      if (onnx) {
        warn_of_left(onnx->commit());
        outputs.emplace_back(onnx_output);
      }
    });
    std::filesystem::path checkpoint;
    if (resumption) checkpoint = resumption->finish(report.interrupted, outputs);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    const std::filesystem::path written = outputs.empty() ? std::filesystem::path() : target;
    show(model, report, scores, written, seconds.count());
    throw_early_end(report, input, written, tools.monitor().signal(), checkpoint);
    if (!common.quiet && !tuning.tunes() && asks_for_training(recipe)) {
      warn("nothing was fine-tuned: that needs --data DIR, or --finetune-cmd CMD");
    }
  }

  // Neither output may be the other one, or what is read.
  void require_different_files(const std::filesystem::path& target) const {
    for (const std::string& read : {input, recipe_path}) {
      require_different(read, target);
      if (!onnx_output.empty()) require_different(read, onnx_output);
    }
    if (!onnx_output.empty()) require_other_output(target, "--onnx", onnx_output);
  }

  // The page may be none of the other files, and has to be new.
  void require_page(const OnnxModel& model, const std::filesystem::path& target) const {
    model.refuse_input(html, true);
    tuning.require_no_data(html);
    for (const std::string& other : {input, recipe_path, target.string(), onnx_output}) {
      if (!other.empty()) require_different(other, html);
    }
    require_absent(html, common.overwrite());
  }

  // Settings of trainings that do not happen.
  static bool asks_for_training(const Recipe& recipe) {
    return std::ranges::any_of(recipe.steps, [](const Step& step) {
      return std::ranges::any_of(step.params().specs(), [&](const ParamSpec& spec) {
        return spec.name != "seed" && step.params().has(spec.name);
      });
    });
  }

  // The recipe and what trained go along, so that the run can be repeated; the container itself
  // names the version of qcompress.
  void pack(const OnnxModel& result, std::map<std::string, std::string> metadata,
            const EncodeOptions& encode, ByteSink& out) const {
    PackOptions options;
    options.encode = encode;
    options.threads = common.threads;
    options.metadata = std::move(metadata);
    pack_model(result, options, out);
  }

  // `written` is empty where nothing was.
  void show(const OnnxModel& model, const PipelineReport& report, const TestScores& scores,
            const std::filesystem::path& written, double seconds) const {
    if (written.empty()) {
      if (common.json) {
        print_json(document_of(report, scores, nullptr, 0, seconds));
      } else if (common.prints()) {
        print("\n" + pipeline_text(report, scores));
      }
    } else {
      show_container(model, report, scores, written, seconds);
    }
    if (common.quiet) return;
    for (const std::string& warning : pipeline_warnings(report)) warn(warning);
  }

  void show_container(const OnnxModel& model, const PipelineReport& report,
                      const TestScores& scores, const std::filesystem::path& written,
                      double seconds) const {
    const std::uint64_t packed = std::filesystem::file_size(written);
    const QcReader reader = QcReader::open(written, ReadLimits::none());
    const Breakdown breakdown = break_down(reader, common.threads);
    if (!html.empty()) {
      HtmlReport page = html_report_of(reader, breakdown, &model);
      page.title = written.filename().string();
      page.facts.push_back(fmt::format("{} by the recipe {}", input, recipe_path));
      add_steps(report, page);
      page.notes = pipeline_warnings(report);
      write_html(page, html, common.overwrite());
    }
    InspectView view;
    view.file = written.string();
    if (common.json) {
      auto document = document_of(report, scores, written.string(), packed, seconds);
      document["inspect"] = inspect_json(breakdown, view);
      print_json(document);
    } else if (common.prints()) {
      print(fmt::format("\n{}\n{}{}  {} -> {}  {}  ({:.1f} s)\n", inspect_text(breakdown, view),
                        pipeline_text(report, scores), printable(written.string()),
                        size_text(report.original_bytes), size_text(packed),
                        ratio_text(report.original_bytes, packed), seconds));
    }
  }

  nlohmann::ordered_json document_of(const PipelineReport& report, const TestScores& scores,
                                     const nlohmann::ordered_json& output, std::uint64_t packed,
                                     double seconds) const {
    nlohmann::ordered_json document = {{"schema", "qcompress.run/1"},
                                       {"recipe", recipe_path},
                                       {"input", input},
                                       {"output", output},
                                       {"packed_bytes", packed},
                                       {"seconds", seconds}};
    document.update(pipeline_json(report, scores));
    return document;
  }
};

}  // namespace

void add_run_command(CLI::App& app) {
  auto command = std::make_shared<RunCommand>();
  CLI::App* sub =
      add_command(app, "run", "Run a recipe: a whole pipeline, from a model to a .qc file",
                  "qcompress run deep-compression.toml lenet5.onnx --data mnist");
  add_input(*sub, command->recipe_path, "recipe", "The recipe, a TOML file");
  sub->add_option("model", command->input, "The .onnx file; not with --resolve")->type_name("FILE");
  sub->add_option("--onnx", command->onnx_output,
                  "Write the compressed model here too, as a plain ONNX file")
      ->type_name("FILE");
  sub->add_option(
         "--html", command->html,
         "Also write a page that shows the steps, where the bytes go, and the weights before "
         "and after")
      ->type_name("FILE");
  sub->add_option("--seed", command->seed, "Use this seed instead of the recipe's")
      ->check(CLI::Range(std::uint64_t{0}, std::uint64_t{4294967295}))
      ->type_name("SEED");
  sub->add_flag("--resolve", command->resolve,
                "Only print the recipe with every default filled in; needs no model");
  add_tuning_flags(*sub, command->tuning, Hooks::kBoth);
  add_imitation_flags(*sub, command->tuning);
  add_resume_flags(*sub, command->resume);
  add_common_options(*sub, command->common, Writes::kFile);
  add_links_option(*sub, command->common);
  sub->callback([command] { command->run(); });
}

}  // namespace qc
