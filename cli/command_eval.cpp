// qcompress eval: how good is a model?
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "cli/any_model.h"
#include "cli/commands.h"
#include "cli/common.h"
#include "cli/judging.h"
#include "cli/layer_report.h"
#include "cli/pipeline_report.h"
#include "cli/plan_flags.h"
#include "cli/table.h"
#include "cli/text.h"
#include "cli/tuning.h"
#include "core/error.h"
#include "data/batches.h"
#include "engine/compiled/compiled_engine.h"
#include "pipeline/run_inputs.h"
#include "pipeline/score_memory.h"
#include "pipeline/shrink/certificate.h"
#include "system/printable.h"
#include "system/progress.h"

namespace qc {
namespace {

struct EvalCommand {
  CommonOptions common;
  TuningFlags tuning;
  std::string input;
  std::string baseline;
  std::string against;
  bool layers = false;
  bool compiled = false;
  PlanFlags planning;

  void run() const {
    if (compiled && (layers || !tuning.eval_command.empty())) {
      throw Error(ErrorCode::kUsage,
                  "--compiled runs the model as a program in C; leave out --layers and --eval-cmd");
    }
    if (!against.empty()) return run_against();
    if (layers) throw Error(ErrorCode::kUsage, "--layers compares two models: --against MODEL");
    if (!tuning.evaluates()) {
      throw Error(ErrorCode::kUsage, "eval needs data: --data DIR, or --eval-cmd CMD");
    }
    Tuning tools(tuning, common, compiled_engine());
    std::vector<std::pair<std::string, Score>> scores;
    for (const std::string& path : {baseline, input}) {
      if (path.empty()) continue;
      const OnnxModel model = open_model(path);
      scores.emplace_back(path,
                          naming_errors(path, [&] { return tools.evaluator()->test(model); }));
    }
    tools.monitor().clear();
    if (common.json) {
      nlohmann::ordered_json document = {{"schema", "qcompress.eval/1"}, {"input", input}};
      if (compiled) document["compiled"] = true;
      document.update(score_json(scores.back().second));
      if (!baseline.empty()) {
        document["baseline"] = score_json(scores.front().second);
        document["baseline"]["input"] = baseline;
        document["change"] = scores.back().second.value - scores.front().second.value;
      }
      print_json(document);
    } else if (common.prints()) {
      print(as_text(scores));
    }
  }

  // Compares the outputs of two models on the same samples, which need no labels.
  void run_against() const {
    if (tuning.data.empty()) throw Error(ErrorCode::kUsage, "--against needs samples: --data DIR");
    if (!baseline.empty() || !tuning.eval_command.empty()) {
      throw Error(ErrorCode::kUsage,
                  "--against compares outputs; --baseline and --eval-cmd compare scores: leave one "
                  "out");
    }
    const OnnxModel reference = open_model(against);
    const OnnxModel model = open_model(input);
    const auto engine = open_engine({common.threads, tuning.device, tuning.limits});
    const auto feeds =
        open_feeds({tuning.data, tuning.data_config}, Split::kTest, reference.graph()->main);
    StatusLine line(common.prints());
    const auto progress = [&](const std::string& path) {
      return [&line, path, total = feeds->size()](std::size_t done) {
        line.show([&] { return fmt::format("{}: {} of {} samples", path, done, total); });
      };
    };
    const Judgement judgement = naming_errors(against, [&] {
      return Judgement(reference, *engine, run_inputs(*feeds, in_order(feeds->size())),
                       tuning.judging.options(), progress(against));
    });
    const std::unique_ptr<Engine> in_c = compiled_engine();
    const Closeness closeness = naming_errors(
        input, [&] { return judgement.judge(model, compiled ? *in_c : *engine, progress(input)); });
    std::vector<ReportedLayer> compared;
    if (layers) {
      const std::optional<QcReader> container = open_container();
      compared = naming_errors(input, [&] {
        return report_layers(reference, model, *engine, run_inputs(*feeds, in_order(feeds->size())),
                             container ? &*container : nullptr);
      });
    }
    line.clear();
    const std::string warning = judgement.variety_warning();
    if (!warning.empty() && !common.quiet) warn(warning);
    if (common.json) {
      nlohmann::ordered_json document = {
          {"schema", "qcompress.eval/1"}, {"input", input}, {"against", against}};
      if (compiled) document["compiled"] = true;
      document.update(closeness_json(closeness));
      if (layers) document["layers"] = layers_json(compared);
      print_json(document);
    } else if (common.prints()) {
      for (const std::string& note : feeds->notes()) print(printable(note) + "\n");
      if (layers) print(layers_text(compared));
      print(closeness_text(closeness));
      print(certified_text(reference));
    }
  }

  // What the certificate of a container says, for comparison; empty without one.
  std::string certified_text(const OnnxModel& reference) const {
    const std::optional<QcReader> container = open_container();
    if (!container) return "";
    const auto metadata = container->metadata();
    const auto found = metadata.find(std::string(kCertificateKey));
    if (found == metadata.end()) return "";
    const auto certificate = read_certificate(found->second);
    if (!certificate) return "its certificate cannot be read\n";
    std::string text = "certificate: " + printable_lines(certificate_text(*certificate));
    if (certificate->model_digest != model_digest(reference)) {
      text += printable(fmt::format("the certificate is of another model than {}", against)) + "\n";
    }
    return text;
  }

  // Null where the built-in engine is meant.
  std::unique_ptr<Engine> compiled_engine() const {
    return compiled ? qc::compiled_engine(planning.options()) : nullptr;
  }

  std::optional<QcReader> open_container() const {
    if (!is_qc_file(input)) return std::nullopt;
    return QcReader::open(input, {tuning.limits.memory, common.limits.model});
  }

  // Every error names the file.
  OnnxModel open_model(const std::string& path) const {
    if (!is_qc_file(path)) return OnnxModel::open(path, common.links());
    const ReadLimits limits{tuning.limits.memory, common.limits.model};
    const QcReader reader = QcReader::open(path, limits);
    return naming_errors(path, [&] { return unpacked_model(reader, common.threads); });
  }

  static std::string as_text(const std::vector<std::pair<std::string, Score>>& scores) {
    Table table({"model", "file", "samples", scores.back().second.metric, "error", "top5", "loss"});
    for (const auto& [path, score] : scores) {
      const auto& details = score.details;
      table.add_row({path, size_text(std::filesystem::file_size(path)),
                     details ? count_text(details->samples) : "-", score_text(score),
                     error_text(score).empty() ? "-" : error_text(score),
                     details ? fmt::format("{:.2f} %", 100 * details->top5) : "-",
                     details ? fmt::format("{:.4f}", details->loss) : "-"});
    }
    const Score& score = scores.back().second;
    return table.text() + (score.details ? "" : printable(meaning_text(score)) + "\n");
  }
};

}  // namespace

void add_eval_command(CLI::App& app) {
  auto command = std::make_shared<EvalCommand>();
  CLI::App* sub = add_command(app, "eval", "Measure the accuracy of a model on the test data",
                              "qcompress eval model.qc --data mnist --baseline model.onnx");
  add_input(*sub, command->input, "model", "A .onnx or .qc file");
  sub->add_option("--baseline", command->baseline, "A model to compare with: .onnx or .qc")
      ->type_name("FILE");
  sub->add_option("--against", command->against,
                  "Compare the outputs with those of this model, .onnx or .qc, instead: no labels "
                  "are needed")
      ->type_name("FILE");
  sub->add_flag(
      "--layers", command->layers,
      fmt::format("With --against, also where they differ: how close the outputs of every "
                  "layer are, on the first {} samples",
                  kLayerSamples));
  CLI::Option* compiled = sub->add_flag(
      "--compiled", command->compiled,
      "Run the model as the program in C that compile writes, built with $CC or cc; with --against "
      "the other model runs on the engine");
  add_plan_flags(*sub, command->planning);
  for (const char* flag : {"--optimize", "--form", "--shape"}) {
    sub->get_option(flag)->needs(compiled)->group("Programs in C");
  }
  add_judging_flags(*sub, command->tuning.judging);
  add_tuning_flags(*sub, command->tuning, Hooks::kBoth);
  sub->get_option("--data")->description(
      "Labelled data set, as for finetune; with --against also samples of any kind, as for shrink");
  add_common_options(*sub, command->common, Writes::kNothing);
  add_max_size_option(*sub, command->common.limits.model);
  add_links_option(*sub, command->common);
  sub->callback([command] { command->run(); });
}

}  // namespace qc
