// qcompress eval: how good is a model?
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "cli/any_model.h"
#include "cli/commands.h"
#include "cli/common.h"
#include "cli/pipeline_report.h"
#include "cli/table.h"
#include "cli/text.h"
#include "cli/tuning.h"
#include "core/error.h"
#include "system/printable.h"

namespace qc {
namespace {

struct EvalCommand {
  CommonOptions common;
  TuningFlags tuning;
  std::string input;
  std::string baseline;

  void run() const {
    if (!tuning.evaluates()) {
      throw Error(ErrorCode::kUsage, "eval needs data: --data DIR, or --eval-cmd CMD");
    }
    Tuning tools(tuning, common);
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
  add_tuning_flags(*sub, command->tuning, Hooks::kBoth);
  add_common_options(*sub, command->common, Writes::kNothing);
  add_max_size_option(*sub, command->common.limits.model);
  add_links_option(*sub, command->common);
  sub->callback([command] { command->run(); });
}

}  // namespace qc
