#include "cli/pipeline_report.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/pass_report.h"
#include "cli/table.h"
#include "cli/text.h"

namespace qc {
namespace {

bool is_fraction(const Score& score) { return score.value >= 0 && score.value <= 1; }

// In percentage points where both are fractions.
std::string change_text(const Score& before, const Score& after) {
  const double change = after.value - before.value;
  if (is_fraction(before) && is_fraction(after)) return fmt::format("{:+.2f}", 100 * change);
  return fmt::format("{:+.4g}", change);
}

std::string step_name(const StepReport& step) {
  if (step.repetitions == 1) return step.name;
  return fmt::format("{} {}/{}", step.name, step.repetition, step.repetitions);
}

std::string test_text(const TestScores& scores) {
  if (!scores.after) return "";
  // A user's command may look at any data.
  const std::string_view data = scores.after->details ? "test data" : "score";
  const std::string after = score_text(*scores.after);
  if (!scores.before) {
    return fmt::format("{}: {} {}{}\n", data, scores.after->metric, after,
                       is_fraction(*scores.after)
                           ? fmt::format(", error {:.2f} %", 100 * (1 - scores.after->value))
                           : "");
  }
  std::string text =
      fmt::format("{}: {} {} -> {}  ({})", data, scores.after->metric, score_text(*scores.before),
                  after, change_text(*scores.before, *scores.after));
  if (is_fraction(*scores.before) && is_fraction(*scores.after)) {
    text += fmt::format(", error {:.2f} % -> {:.2f} %", 100 * (1 - scores.before->value),
                        100 * (1 - scores.after->value));
  }
  return text + "\n";
}

}  // namespace

std::string score_text(const Score& score) {
  return is_fraction(score) ? fmt::format("{:.2f} %", 100 * score.value)
                            : fmt::format("{:.6g}", score.value);
}

std::string step_line(const StepReport& step) {
  std::string text = fmt::format(
      "{}: kept {} %, {} packed", step_name(step),
      percent_text(static_cast<double>(step.nonzero), static_cast<double>(step.weights)),
      size_text(step.packed_bytes));
  if (step.validation) text += fmt::format(", held-out {}", score_text(*step.validation));
  return text + fmt::format("  ({:.1f} s)", step.seconds);
}

std::string pipeline_text(const PipelineReport& report, const TestScores& scores) {
  Table table({"step", "epochs", "kept %", "packed", "ratio", "held-out", "change", "time", ""},
              true);
  if (report.validation_before && report.steps.front().name != "train") {
    table.add_row({"start", "", "", "", "", score_text(*report.validation_before), "", "", ""});
  }
  for (const StepReport& step : report.steps) {
    table.add_row(
        {step_name(step), step.epochs > 0 ? fmt::format("{}", step.epochs) : "",
         percent_text(static_cast<double>(step.nonzero), static_cast<double>(step.weights)),
         size_text(step.packed_bytes), ratio_text(report.original_bytes, step.packed_bytes),
         step.validation ? score_text(*step.validation) : "",
         step.validation && report.validation_before
             ? change_text(*report.validation_before, *step.validation)
             : "",
         fmt::format("{:.1f} s", step.seconds), step.kept ? "" : "too much: taken back"});
  }
  return table.text() + test_text(scores);
}

std::vector<std::string> pipeline_warnings(const PipelineReport& report) {
  std::vector<std::string> warnings;
  for (const StepReport& step : report.steps) {
    for (const Violation& violation : step.violations) {
      warnings.push_back(fmt::format(
          "{}: fine-tuning revived {} pruned weights and split {} shared ones of {}; repaired",
          step_name(step), violation.revived, violation.split, violation.tensor));
    }
  }
  if (report.interrupted) warnings.emplace_back("interrupted: the best model so far is kept");
  return warnings;
}

nlohmann::ordered_json score_json(const Score& score) {
  nlohmann::ordered_json document = {{"metric", score.metric}, {"value", score.value}};
  if (score.details) {
    document["samples"] = score.details->samples;
    document["loss"] = score.details->loss;
    document["top5"] = score.details->top5;
  }
  return document;
}

nlohmann::ordered_json pipeline_json(const PipelineReport& report, const TestScores& scores) {
  nlohmann::ordered_json document = {{"original_bytes", report.original_bytes},
                                     {"steps", nlohmann::ordered_json::array()},
                                     {"interrupted", report.interrupted}};
  if (report.validation_before) {
    document["validation_before"] = score_json(*report.validation_before);
  }
  for (const StepReport& step : report.steps) {
    nlohmann::ordered_json entry = {{"step", step.name},
                                    {"repetition", step.repetition},
                                    {"repetitions", step.repetitions},
                                    {"epochs", step.epochs},
                                    {"weights", step.weights},
                                    {"nonzero", step.nonzero},
                                    {"packed_bytes", step.packed_bytes},
                                    {"kept", step.kept},
                                    {"seconds", step.seconds}};
    std::uint64_t revived = 0;
    std::uint64_t split = 0;
    for (const Violation& violation : step.violations) {
      revived += violation.revived;
      split += violation.split;
    }
    entry["revived"] = revived;
    entry["split"] = split;
    if (step.validation) entry["validation"] = score_json(*step.validation);
    if (step.pass) entry["pass"] = pass_json(*step.pass);
    document["steps"].push_back(std::move(entry));
  }
  if (scores.before) document["test_before"] = score_json(*scores.before);
  if (scores.after) document["test_after"] = score_json(*scores.after);
  return document;
}

}  // namespace qc
