// An engine with labelled samples.
#pragma once

#include <memory>

#include "data/dataset.h"
#include "data/feed_source.h"
#include "pipeline/monitor.h"
#include "pipeline/score_memory.h"
#include "pipeline/workbench.h"

namespace qc {

/// Judges classifiers by their accuracy, and trains them on labels.
class LabelledWorkbench final : public Workbench {
 public:
  struct Options {
    DataSource data;
    /// Fraction of the training data that is held out: always the same samples, so that none of
    /// those that judge a later step was trained on in an earlier one.
    double validation = 0.1;
    std::size_t batch = 256;  ///< samples evaluated at once
  };

  /// Opens the data but for the training samples, which are given where there is training. Throws
  /// Error as open_dataset does.
  LabelledWorkbench(std::unique_ptr<Engine> engine, const Options& options,
                    std::unique_ptr<Dataset> train, Monitor& monitor);
  ~LabelledWorkbench() override;

  Score validate(const OnnxModel& model) override;
  Score test(const OnnxModel& model) override;
  TuneOutcome tune(const OnnxModel& model, const TuneRequest& request) override;

  Engine& engine() override { return *engine_; }
  std::string samples_text() const override;

 protected:
  std::vector<OutputLoss> losses(const OnnxModel& model) override;
  RunInputs calibration_samples(const OnnxModel& model) override;

 private:
  Score evaluate(const OnnxModel& model, const Dataset& data, std::string_view name);

  Options options_;
  Monitor& monitor_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Dataset> train_;
  std::unique_ptr<Dataset> test_;
  std::unique_ptr<Subset> kept_;
  std::unique_ptr<Subset> held_out_;
  std::vector<std::size_t> kept_indices_;
  std::unique_ptr<FeedSource> feeds_;  // the training samples for another form of input
  ScoreMemory scores_;
};

}  // namespace qc
