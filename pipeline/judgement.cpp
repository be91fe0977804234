#include "pipeline/judgement.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

#include "core/error.h"
#include "core/random.h"
#include "formats/onnx/load_tensors.h"

namespace qc {
namespace {

[[noreturn]] void no_such_output(std::string_view flag, std::string_view name,
                                 const std::vector<JudgedOutput>& outputs) {
  std::vector<std::string> names;
  names.reserve(outputs.size());
  for (const JudgedOutput& output : outputs) names.push_back(output.name);
  throw Error(ErrorCode::kUsage,
              fmt::format("--{} {}: the model has no output of this name; it has {}", flag, name,
                          fmt::join(names, ", ")));
}

std::size_t find_output(std::string_view flag, std::string_view name,
                        const std::vector<JudgedOutput>& outputs) {
  const auto found = std::ranges::find(outputs, name, &JudgedOutput::name);
  if (found == outputs.end()) no_such_output(flag, name, outputs);
  return static_cast<std::size_t>(found - outputs.begin());
}

// "NAME" or "NAME:AXIS"; names may have colons themselves.
void declare_scores(const std::string& text, std::vector<JudgedOutput>& outputs) {
  std::string name = text;
  std::int64_t axis = -1;
  const auto colon = text.rfind(':');
  if (std::ranges::find(outputs, text, &JudgedOutput::name) == outputs.end() &&
      colon != std::string::npos) {
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data() + colon + 1, end, axis);
    if (error != std::errc() || stop != end) {
      throw Error(ErrorCode::kUsage,
                  fmt::format("--scores {}: '{}' is no axis", text, text.substr(colon + 1)));
    }
    name = text.substr(0, colon);
  }
  JudgedOutput& output = outputs[find_output("scores", name, outputs)];
  if (!output.scores_axis) output.probabilities = false;
  output.scores_axis = axis;
}

std::size_t by_rules(const std::vector<JudgedOutput>& outputs,
                     const std::vector<HostTensor>& sample) {
  const auto scores = std::ranges::find_if(
      outputs, [](const JudgedOutput& output) { return output.scores_axis.has_value(); });
  if (scores != outputs.end()) return static_cast<std::size_t>(scores - outputs.begin());
  const auto floats = std::ranges::find_if(
      sample, [](const HostTensor& tensor) { return is_value_type(tensor.type); });
  return floats == sample.end() ? 0 : static_cast<std::size_t>(floats - sample.begin());
}

}  // namespace

std::string decisive_text(const Closeness& closeness) {
  return fmt::format("{} of output '{}'", kJudgedByChoices.name_of(closeness.metric),
                     closeness.outputs[closeness.decisive].name);
}

std::string metric_value_text(JudgedBy metric, double value) {
  switch (metric) {
    case JudgedBy::kAccuracy:
    case JudgedBy::kAgreement:
      return fmt::format("{:.2f} %", 100 * value);
    case JudgedBy::kSnr:
      return std::isinf(value) && value > 0 ? "equal" : fmt::format("{:.2f} dB", value);
    case JudgedBy::kCosine:
      return fmt::format("{:.6f}", value);
    case JudgedBy::kKl:
      return fmt::format("{:.5f} nats", value);
  }
  return "";
}

Judgement::Judgement(const OnnxModel& reference, Engine& engine, RunInputs inputs,
                     const JudgementOptions& options, const SampleProgress& progress)
    : inputs_(std::move(inputs)), outputs_(judged_outputs(*reference.graph())) {
  if (inputs_.count == 0) throw Error(ErrorCode::kUsage, "there are no samples to judge by");
  if (outputs_.empty()) throw Error(ErrorCode::kUnsupported, "the model has no outputs");
  for (const std::string& text : options.scores) declare_scores(text, outputs_);
  const auto network = engine.load(load_model(reference));
  for (std::size_t i = 0; i < inputs_.count; ++i) {
    expected_.push_back(network->run(inputs_.load(i)));
    if (progress) progress(i + 1);
  }
  decisive_ = options.output.empty() ? by_rules(outputs_, expected_.front())
                                     : find_output("output", options.output, outputs_);
  const bool scores = outputs_[decisive_].scores_axis.has_value();
  const HostTensor& first = expected_.front()[decisive_];
  const bool labelled = compare_outputs(outputs_[decisive_], first, first, label_of(0)).labelled;
  const JudgedBy by_scores =
      labelled && options.by_labels ? JudgedBy::kAccuracy : JudgedBy::kAgreement;
  metric_ = options.metric.value_or(scores ? by_scores : JudgedBy::kSnr);
  if (metric_ == JudgedBy::kAccuracy && scores && !labelled) {
    throw Error(ErrorCode::kUsage,
                "--metric accuracy needs samples with a label each; without labels: agreement");
  }
  if (!scores && metric_ != JudgedBy::kSnr && metric_ != JudgedBy::kCosine) {
    throw Error(ErrorCode::kUsage,
                fmt::format("--metric {} needs scores of classes; if output '{}' is that, say "
                            "--scores '{}', with :AXIS where the classes are not last",
                            kJudgedByChoices.name_of(metric_), outputs_[decisive_].name,
                            outputs_[decisive_].name));
  }
}

std::vector<OutputLoss> Judgement::losses() const {
  std::vector<OutputLoss> all;
  for (std::size_t i = 0; i < outputs_.size(); ++i)
    all.push_back({i, outputs_[i].scores_axis, outputs_[i].probabilities});
  return all;
}

double Judgement::value_of(const OutputMetrics& metrics) const {
  switch (metric_) {
    case JudgedBy::kAccuracy:
      return metrics.accuracy;
    case JudgedBy::kAgreement:
      return metrics.agreement;
    case JudgedBy::kSnr:
      return metrics.snr_db;
    case JudgedBy::kCosine:
      return metrics.cosine;
    case JudgedBy::kKl:
      return metrics.kl;
  }
  return 0;
}

// Of a reference beside itself.
double Judgement::reference_value(const OutputMetrics& metrics) const {
  switch (metric_) {
    case JudgedBy::kAccuracy:
      return metrics.reference_accuracy;
    case JudgedBy::kAgreement:
    case JudgedBy::kCosine:
      return 1;
    case JudgedBy::kSnr:
      return std::numeric_limits<double>::infinity();
    case JudgedBy::kKl:
      break;
  }
  return 0;
}

std::optional<std::int64_t> Judgement::label_of(std::size_t sample) const {
  return inputs_.label ? inputs_.label(sample) : std::nullopt;
}

Interval Judgement::interval_of(double value, const std::vector<SampleCloseness>& samples) const {
  const bool is_rate = metric_ == JudgedBy::kAgreement || metric_ == JudgedBy::kAccuracy;
  if (is_rate && (value == 0 || value == 1)) return unanimous_interval(samples.size(), value == 1);
  return bootstrap_interval(samples.size(), [&](const auto& drawn) {
    std::vector<SampleCloseness> some;
    for (const std::size_t i : drawn) some.push_back(samples[i]);
    return value_of(output_metrics(outputs_[decisive_], some));
  });
}

std::optional<std::int64_t> Judgement::only_class() const {
  std::optional<std::int64_t> only;
  for (const std::vector<HostTensor>& outputs : expected_) {
    const HostTensor& own = outputs[decisive_];
    for (const std::int64_t each : arg_maxima(outputs_[decisive_], own)) {
      if (only && *only != each) return std::nullopt;
      only = each;
    }
  }
  return only;
}

std::string Judgement::variety_warning() const {
  if (metric_ != JudgedBy::kAgreement && metric_ != JudgedBy::kAccuracy) return {};
  const std::optional<std::int64_t> only = only_class();
  if (!only) return {};
  return fmt::format(
      "the model gives class {} on all {} samples that are judged, so that its agreement hardly "
      "means anything: samples need variety",
      *only, inputs_.count);
}

Closeness Judgement::judge(const OnnxModel& other, Engine& engine,
                           const SampleProgress& progress) const {
  const auto network = engine.load(load_model(other));
  std::vector<std::vector<SampleCloseness>> samples(outputs_.size());  // by output
  for (std::size_t i = 0; i < inputs_.count; ++i) {
    const std::vector<HostTensor> outputs = network->run(inputs_.load(i));
    const std::optional<std::int64_t> label = label_of(i);
    for (std::size_t k = 0; k < outputs_.size(); ++k) {
      samples[k].push_back(compare_outputs(outputs_[k], expected_[i][k], outputs.at(k), label));
    }
    if (progress) progress(i + 1);
  }
  Closeness closeness;
  for (std::size_t k = 0; k < outputs_.size(); ++k) {
    closeness.outputs.push_back(output_metrics(outputs_[k], samples[k]));
  }
  closeness.decisive = decisive_;
  closeness.metric = metric_;
  closeness.value = value_of(closeness.outputs[decisive_]);
  closeness.reference = reference_value(closeness.outputs[decisive_]);
  closeness.samples = inputs_.count;
  const Interval interval = interval_of(closeness.value, samples[decisive_]);
  closeness.low = interval.low;
  closeness.high = interval.high;
  return closeness;
}

}  // namespace qc
