// How well a changed network keeps to the one that it was made from, on samples without labels.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/choices.h"
#include "engine/engine.h"
#include "formats/onnx/onnx_model.h"
#include "pipeline/bootstrap.h"
#include "pipeline/output_metrics.h"

namespace qc {

/// The number that decides.
enum class JudgedBy {
  kAccuracy,   ///< fraction of the samples whose label has the highest score
  kAgreement,  ///< of the arg max, fraction of the positions
  kSnr,        ///< dB
  kCosine,
  kKl,  ///< nats; lower is better
};

inline constexpr auto kJudgedByChoices =
    make_choices<JudgedBy>({{"accuracy", JudgedBy::kAccuracy},
                            {"agreement", JudgedBy::kAgreement},
                            {"snr", JudgedBy::kSnr},
                            {"cosine", JudgedBy::kCosine},
                            {"kl", JudgedBy::kKl}});

/// What is compared and what decides.
struct JudgementOptions {
  /// "NAME" or "NAME:AXIS": outputs that are scores of classes, where the graph does not say so.
  /// Without an axis it is the last one.
  std::vector<std::string> scores;
  std::optional<JudgedBy> metric;
  std::string output;      ///< that decides; empty: by the rules of Judgement
  bool by_labels = false;  ///< the accuracy decides where there are labels and no metric is named
};

/// What a comparison found.
struct Closeness {
  std::vector<OutputMetrics> outputs;  ///< in the order of the graph
  std::size_t decisive = 0;            ///< index of the output that decides
  JudgedBy metric = JudgedBy::kSnr;
  double value = 0;      ///< of that metric
  double reference = 1;  ///< what the reference itself has of it; infinite where there is no end
  double low = 0;        ///< of its 95% interval, by the bootstrap over samples, or where all agree
                         ///< by unanimous_interval()
  double high = 0;
  std::uint64_t samples = 0;
};

/// Told how many samples are done.
using SampleProgress = std::function<void(std::size_t)>;

/// "agreement of output 'prob'"
std::string decisive_text(const Closeness& closeness);
/// "97.50 %", "31.20 dB", ...
std::string metric_value_text(JudgedBy metric, double value);

/// Compares networks with a reference whose outputs are computed once and kept. The decisive output
/// is the first one with scores, judged by agreement, or by accuracy where options say so; where
/// none has them, the first of floats, judged by its signal-to-noise ratio: states come behind what
/// a network is for.
class Judgement {
 public:
  /// Runs the reference. Throws Error: kUsage for options that name no output, or no samples; as
  /// Network::run.
  Judgement(const OnnxModel& reference, Engine& engine, RunInputs inputs,
            const JudgementOptions& options, const SampleProgress& progress = {});

  /// Throws Error as Network::run.
  Closeness judge(const OnnxModel& other, Engine& engine,
                  const SampleProgress& progress = {}) const;

  /// Every output as the source of a loss, for the sensitivity of weights.
  std::vector<OutputLoss> losses() const;
  JudgedBy metric() const { return metric_; }
  /// The class that the reference gives everywhere, where it is the same at all positions of all
  /// samples: such samples show little of what a changed network confuses.
  std::optional<std::int64_t> only_class() const;
  /// That in words, where agreement or accuracy decides; else empty.
  std::string variety_warning() const;
  std::size_t samples() const { return inputs_.count; }

 private:
  double value_of(const OutputMetrics& metrics) const;
  Interval interval_of(double value, const std::vector<SampleCloseness>& samples) const;
  double reference_value(const OutputMetrics& metrics) const;
  std::optional<std::int64_t> label_of(std::size_t sample) const;

  RunInputs inputs_;
  std::vector<JudgedOutput> outputs_;
  std::vector<std::vector<HostTensor>> expected_;  // by sample
  std::size_t decisive_ = 0;
  JudgedBy metric_ = JudgedBy::kSnr;
};

}  // namespace qc
