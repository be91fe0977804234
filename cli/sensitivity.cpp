#include "cli/sensitivity.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "cli/pipeline_report.h"
#include "cli/table.h"
#include "cli/text.h"
#include "core/error.h"
#include "engine/train_params.h"
#include "pipeline/sensitivity.h"
#include "system/printable.h"

namespace qc {
namespace {

constexpr std::array kRates = {0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95};
constexpr double kDefaultMaxDrop = 0.5;  // percentage points
constexpr int kRecipeSteps = 4;

std::string as_text(const Sensitivity& sensitivity) {
  std::vector<std::string> headings = {"layer", "weights"};
  for (const double rate : sensitivity.rates) headings.push_back(fmt::format("{}", rate));
  headings.emplace_back("chosen");
  Table table(headings);
  for (const LayerSensitivity& layer : sensitivity.layers) {
    std::vector<std::string> row = {layer.name, count_text(layer.weights)};
    for (const double score : layer.scores) {
      row.push_back(change_text(sensitivity.baseline, score));
    }
    row.push_back(layer.chosen_rate > 0 ? fmt::format("{}", layer.chosen_rate) : "-");
    table.add_row(std::move(row));
  }
  const Score& baseline = sensitivity.baseline;
  return fmt::format(
      "{} on held-out data {}; its change{} when one layer is pruned at a rate:\n{}{}",
      printable(baseline.metric), printable(score_text(baseline)),
      baseline.is_rate() ? " in points" : "", table.text(),
      baseline.details ? "" : printable(meaning_text(baseline)) + "\n");
}

nlohmann::ordered_json as_json(const Sensitivity& sensitivity) {
  nlohmann::ordered_json layers = nlohmann::ordered_json::array();
  for (const LayerSensitivity& layer : sensitivity.layers) {
    layers.push_back({{"name", layer.name},
                      {"weights", layer.weights},
                      {"scores", layer.scores},
                      {"chosen_rate", layer.chosen_rate}});
  }
  return {{"schema", "qcompress.sensitivity/1"},
          {"baseline", score_json(sensitivity.baseline)},
          {"rates", sensitivity.rates},
          {"layers", std::move(layers)}};
}

}  // namespace

void run_sensitivity(const OnnxModel& model, const std::string& input, const Step& step,
                     const TuningFlags& flags, const CommonOptions& common) {
  if (!flags.evaluates()) {
    throw Error(ErrorCode::kUsage, "--sensitivity needs data: --data DIR, or --eval-cmd CMD");
  }
  for (const std::string_view name : {"rate", "layer", "threshold", "std-factor"}) {
    if (step.was_given(name)) {
      throw Error(ErrorCode::kUsage,
                  fmt::format("--sensitivity tries rates of its own: without --{}", name));
    }
  }
  if (step.was_given("structured")) {
    throw Error(ErrorCode::kUsage, "--sensitivity tries single weights: without --structured");
  }
  const std::filesystem::path target = common.output_or(with_extension(input, ".sensitivity.toml"));
  require_different(input, target);
  model.refuse_input(target, true);
  flags.require_no_data(target);
  AtomicFile out(target, common.overwrite());
  Tuning tools(flags, common, validation_fraction(step.params()), model);
  const double max_drop = step.max_drop().value_or(kDefaultMaxDrop);
  Sensitivity result;
  StatusLine line(common.prints());
  naming_errors(input, [&] {
    result = measure_sensitivity(
        model, step.pass_params(), *tools.evaluator(), {kRates.begin(), kRates.end()}, max_drop,
        common.threads, [&](std::size_t done, std::size_t total) {
          line.show([&] { return fmt::format("layer {} of {}", done + 1, total); });
        });
  });
  line.clear();
  tools.monitor().clear();
  const bool prunes = std::ranges::any_of(
      result.layers, [](const LayerSensitivity& layer) { return layer.chosen_rate > 0; });
  if (prunes) {
    out.write(as_bytes(sensitivity_recipe(result, kRecipeSteps)));
    out.commit();
  }
  if (common.json) {
    nlohmann::ordered_json document = as_json(result);
    document["input"] = input;
    document["output"] = nullptr;
    if (prunes) document["output"] = target.string();
    print_json(document);
  } else if (common.prints()) {
    print(as_text(result));
  }
  if (!prunes) {
    throw Error(ErrorCode::kGate,
                fmt::format("no layer stays within {} points at any rate, so there is no recipe; "
                            "--max-drop allows more",
                            max_drop));
  }
  if (common.prints()) {
    print(printable(fmt::format("wrote {0}: qcompress run {0} {1} --data {2}", target.string(),
                                input, flags.data.empty() ? "DIR" : flags.data)) +
          "\n");
  }
}

}  // namespace qc
