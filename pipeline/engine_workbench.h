// The built-in engine with a data set, as evaluator and tuner.
#pragma once

#include <memory>

#include "data/dataset.h"
#include "pipeline/score_memory.h"
#include "pipeline/workbench.h"

namespace qc {

/// Watches evaluations and trainings and may end the latter.
class Monitor {
 public:
  virtual ~Monitor() = default;
  virtual void on_evaluation(std::uint64_t samples, std::uint64_t total) = 0;
  virtual void on_batch(const TuneRequest& request, int epoch, std::uint64_t samples,
                        std::uint64_t total, double loss, double top1) = 0;
  virtual void on_epoch(const TuneRequest& request, const EpochReport& report) = 0;
  /// Training ends after the current batch once this is true; the best weights so far are kept.
  virtual bool stop_requested() const = 0;
};

class EngineWorkbench final : public Evaluator, public Tuner {
 public:
  struct Options {
    EngineOptions engine;
    DataSource data;
    bool trains = true;  ///< false: only test() is called, and training data need not be there
    /// Fraction of the training data that is held out: always the same samples, so that none of
    /// those that judge a later step was trained on in an earlier one.
    double validation = 0.1;
    std::size_t batch = 256;  ///< samples evaluated at once
  };

  /// Opens engine and data. Throws Error as open_engine and open_dataset do.
  EngineWorkbench(const Options& options, Monitor& monitor);
  ~EngineWorkbench() override;

  Score validate(const OnnxModel& model) override;
  Score test(const OnnxModel& model) override;
  TuneOutcome tune(const OnnxModel& model, const TuneRequest& request) override;

  Engine& engine() { return *engine_; }
  const Dataset& training_data() const { return *kept_; }
  const Dataset& validation_data() const { return *held_out_; }
  const Dataset& test_data() const { return *test_; }

 private:
  Score evaluate(const OnnxModel& model, const Dataset& data, std::string_view name);

  Options options_;
  Monitor& monitor_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Dataset> train_;
  std::unique_ptr<Dataset> test_;
  std::unique_ptr<Subset> kept_;
  std::unique_ptr<Subset> held_out_;
  ScoreMemory scores_;
};

}  // namespace qc
