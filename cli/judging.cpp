#include "cli/judging.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/table.h"
#include "cli/text.h"
#include "system/printable.h"

namespace qc {

nlohmann::ordered_json number_or_null(double value) {
  return std::isfinite(value) ? nlohmann::ordered_json(value) : nlohmann::ordered_json(nullptr);
}

JudgementOptions JudgingFlags::options() const {
  return {.scores = scores, .metric = kJudgedByChoices.find(metric), .output = output};
}

void add_judging_flags(CLI::App& command, JudgingFlags& flags) {
  const std::string group = "Judgement without labels";
  command
      .add_option(
          "--scores", flags.scores,
          "Output that scores classes, where the graph does not end in a Softmax or ArgMax; "
          "the classes are on the last axis, or on AXIS; may be repeated")
      ->type_name("NAME[:AXIS]")
      ->group(group);
  const auto names = kJudgedByChoices.names();
  command
      .add_option(
          "--metric", flags.metric,
          "What decides: agreement (of the arg max, where there are scores), accuracy (where "
          "samples have labels), snr (dB), cosine or kl (nats). Default: agreement, for shrink "
          "with labels accuracy, else snr")
      ->check(CLI::IsMember(std::vector<std::string>(names.begin(), names.end())))
      ->type_name("METRIC")
      ->group(group);
  command
      .add_option(
          "--judge-output", flags.output,
          "The output that decides. Default: the first with scores, else the first of floats")
      ->type_name("NAME")
      ->group(group);
}

std::string closeness_text(const Closeness& closeness) {
  Table table({"output", "agreement", "KL", "SNR", "cosine", "largest error"});
  std::string labelled;
  for (const OutputMetrics& output : closeness.outputs) {
    if (output.labelled > 0) {
      labelled += fmt::format("accuracy of output '{}': {}, {} of the original, on {} samples\n",
                              printable(output.name),
                              metric_value_text(JudgedBy::kAccuracy, output.accuracy),
                              metric_value_text(JudgedBy::kAccuracy, output.reference_accuracy),
                              count_text(output.labelled));
    }
    const bool scores = output.positions > 0;
    table.add_row({output.name,
                   scores ? metric_value_text(JudgedBy::kAgreement, output.agreement) : "-",
                   scores ? metric_value_text(JudgedBy::kKl, output.kl) : "-",
                   metric_value_text(JudgedBy::kSnr, output.snr_db),
                   metric_value_text(JudgedBy::kCosine, output.cosine),
                   fmt::format("{:.4g}", output.max_error)});
  }
  std::string text = table.text() + labelled;
  text += fmt::format(
      "{}: {} on {} samples, 95% interval {} to {}\n", printable(decisive_text(closeness)),
      metric_value_text(closeness.metric, closeness.value), count_text(closeness.samples),
      metric_value_text(closeness.metric, closeness.low),
      metric_value_text(closeness.metric, closeness.high));
  return text;
}

nlohmann::ordered_json closeness_json(const Closeness& closeness) {
  nlohmann::ordered_json outputs = nlohmann::ordered_json::array();
  for (const OutputMetrics& output : closeness.outputs) {
    nlohmann::ordered_json entry = {{"name", output.name}};
    if (output.positions > 0) {
      entry["positions"] = output.positions;
      entry["agreement"] = output.agreement;
      entry["kl"] = output.kl;
    }
    if (output.labelled > 0) {
      entry["labelled"] = output.labelled;
      entry["accuracy"] = output.accuracy;
      entry["reference_accuracy"] = output.reference_accuracy;
    }
    entry["snr_db"] = number_or_null(output.snr_db);
    entry["cosine"] = output.cosine;
    entry["max_error"] = output.max_error;
    outputs.push_back(std::move(entry));
  }
  return {{"metric", kJudgedByChoices.name_of(closeness.metric)},
          {"output", closeness.outputs[closeness.decisive].name},
          {"value", number_or_null(closeness.value)},
          {"interval", {number_or_null(closeness.low), number_or_null(closeness.high)}},
          {"samples", closeness.samples},
          {"outputs", std::move(outputs)}};
}

}  // namespace qc
