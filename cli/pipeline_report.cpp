#include "cli/pipeline_report.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/pass_report.h"
#include "cli/table.h"
#include "cli/text.h"
#include "system/printable.h"

namespace qc {
namespace {

// What a step's --max-drop made of it, or an interruption.
std::string outcome_text(const StepReport& step) {
  if (!step.kept) return "missed: taken back";
  if (step.interrupted) return "interrupted";
  return step.gated ? "passed" : "";
}

std::string test_text(const TestScores& scores) {
  if (!scores.after) return "";
  // A user's command may look at any data.
  const std::string_view data = scores.after->details ? "test data" : "score";
  const std::string after = score_text(*scores.after);
  const std::string error = error_text(*scores.after);
  if (!scores.before) {
    return printable(fmt::format("{}: {} {}{}", data, scores.after->metric, after,
                                 error.empty() ? "" : ", error " + error)) +
           "\n";
  }
  std::string text =
      fmt::format("{}: {} {} -> {}  ({})", data, scores.after->metric, score_text(*scores.before),
                  after, change_text(*scores.before, scores.after->value));
  if (!error.empty()) text += fmt::format(", error {} -> {}", error_text(*scores.before), error);
  return printable(text) + "\n";
}

std::string_view unit_of(const Score& score) {
  if (score.unit == Unit::kOwn) return score.unit_name;
  return score.unit == Unit::kPercent ? "percent" : "fraction";
}

}  // namespace

std::string error_text(const Score& score) {
  if (!score.is_rate() || !score.higher_is_better) return "";
  Score error = score;
  error.value = (score.unit == Unit::kPercent ? 100 : 1) - score.value;
  return score_text(error);
}

std::string change_text(const Score& before, double after) {
  const double change = before.higher_is_better ? -lost(before, after) : lost(before, after);
  return before.is_rate() ? fmt::format("{:+.2f}", change) : fmt::format("{:+.4g}", change);
}

std::string step_line(const StepReport& step) {
  std::string text = fmt::format(
      "{}: kept {} %, {} packed", step_label(step),
      percent_text(static_cast<double>(step.nonzero), static_cast<double>(step.weights)),
      size_text(step.packed_bytes));
  if (step.validation) text += fmt::format(", held-out {}", score_text(*step.validation));
  return printable(text) + fmt::format("  ({:.1f} s)", step.seconds);
}

std::string pipeline_text(const PipelineReport& report, const TestScores& scores) {
  Table table({"step", "epochs", "kept %", "packed", "ratio", "held-out", "change", "time", ""},
              true);
  if (report.validation_before && !report.steps.empty() && report.steps.front().name != "train") {
    table.add_row({"start", "", "", "", "", score_text(*report.validation_before), "", "", ""});
  }
  for (const StepReport& step : report.steps) {
    table.add_row(
        {step_label(step), step.epochs > 0 ? fmt::format("{}", step.epochs) : "",
         percent_text(static_cast<double>(step.nonzero), static_cast<double>(step.weights)),
         size_text(step.packed_bytes), ratio_text(report.original_bytes, step.packed_bytes),
         step.validation ? score_text(*step.validation) : "",
         step.validation && report.validation_before
             ? change_text(*report.validation_before, step.validation->value)
             : "",
         fmt::format("{:.1f} s", step.seconds), outcome_text(step)});
  }
  for (const std::string& name : report.not_run) {
    table.add_row({name, "", "", "", "", "", "", "", "not run"});
  }
  std::string text = table.text() + test_text(scores);
  const std::optional<Score>& score = scores.after ? scores.after : report.validation_before;
  if (score && !score->details) text += printable(meaning_text(*score)) + "\n";
  return text;
}

std::vector<std::string> pipeline_warnings(const PipelineReport& report) {
  std::vector<std::string> warnings;
  for (const StepReport& step : report.steps) {
    for (const Violation& violation : step.violations) {
      warnings.push_back(fmt::format(
          "{}: fine-tuning revived {} pruned weights and split {} shared ones of {}; repaired",
          step_label(step), violation.revived, violation.split, violation.tensor));
    }
  }
  return warnings;
}

nlohmann::ordered_json score_json(const Score& score) {
  nlohmann::ordered_json document = {{"metric", score.metric},
                                     {"value", score.value},
                                     {"unit", unit_of(score)},
                                     {"higher_is_better", score.higher_is_better}};
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
                                     {"interrupted", report.interrupted},
                                     {"not_run", report.not_run}};
  if (!report.gate_missed.empty()) document["gate_missed"] = report.gate_missed;
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
                                    {"interrupted", step.interrupted},
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
