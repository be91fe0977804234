// The built-in engine with samples that need no labels.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "data/feed_source.h"
#include "pipeline/judgement.h"
#include "pipeline/monitor.h"
#include "pipeline/score_memory.h"
#include "pipeline/workbench.h"

namespace qc {

/// Judges networks by how close they are to a reference, and trains them to give its outputs.
class UnlabelledWorkbench final : public Workbench {
 public:
  struct Options {
    EngineOptions engine;
    DataSource data;
    JudgementOptions judging;
    /// Fraction of the samples that are not kept for test() which is held out to validate.
    double validation = 0.1;
  };

  /// Opens the engine, and samples for the inputs of the reference. Throws Error as open_engine and
  /// open_feeds do, and kUsage for fewer than three samples.
  UnlabelledWorkbench(const Options& options, OnnxModel reference, Monitor& monitor);

  Score validate(const OnnxModel& model) override;
  Score test(const OnnxModel& model) override;
  TuneOutcome tune(const OnnxModel& model, const TuneRequest& request) override;

  Engine& engine() override { return *engine_; }
  std::string samples_text() const override;

 protected:
  std::vector<OutputLoss> losses(const OnnxModel& model) override;
  RunInputs calibration_samples(const OnnxModel& model) override;

 private:
  // Samples that models are judged by; the outputs of the reference are made when first needed.
  struct Bench {
    std::string name;
    std::vector<std::size_t> samples;
    std::optional<Judgement> judgement;
  };

  const Judgement& judgement_of(Bench& bench);
  Score evaluate(const OnnxModel& model, Bench& bench);

  Options options_;
  OnnxModel reference_;
  Monitor& monitor_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<FeedSource> feeds_;
  std::vector<std::size_t> kept_;
  Bench held_out_{"validation", {}, {}};
  Bench test_{"test", {}, {}};
  ScoreMemory scores_;
};

/// The number of a closeness that decides, as a score: what a signal-to-noise ratio says, as the
/// share that errors have in the energy of the output, of which 1% is 20 dB.
Score score_of(const Closeness& closeness);

}  // namespace qc
