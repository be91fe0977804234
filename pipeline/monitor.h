// Whoever watches evaluations and trainings of the built-in engine.
#pragma once

#include <cstdint>

#include "engine/engine.h"
#include "pipeline/workbench.h"

namespace qc {

/// Watches evaluations and trainings and may end the latter.
class Monitor {
 public:
  virtual ~Monitor() = default;
  virtual void on_evaluation(std::uint64_t samples, std::uint64_t total) = 0;
  /// After a batch, of an epoch of `total` samples.
  virtual void on_batch(const TuneRequest& request, const BatchReport& report,
                        std::uint64_t total) = 0;
  virtual void on_epoch(const TuneRequest& request, const EpochReport& report) = 0;
  /// Training ends after the current batch once this is true; the best weights so far are kept.
  virtual bool stop_requested() const = 0;
};

/// Hands what a training tells on to a monitor, and its states to the request.
class MonitoredTraining final : public TrainObserver {
 public:
  /// Of `total` samples an epoch. Both must outlive this.
  MonitoredTraining(Monitor& monitor, const TuneRequest& request, std::uint64_t total)
      : monitor_(monitor), request_(request), total_(total) {}

  bool on_batch(const BatchReport& report) override {
    monitor_.on_batch(request_, report, total_);
    return !monitor_.stop_requested();
  }
  void on_epoch(const EpochReport& report) override { monitor_.on_epoch(request_, report); }
  bool wants_state() override {
    return request_.save_state && (!request_.state_due || request_.state_due());
  }
  void on_state(ByteView state) override { request_.save_state(state); }

 private:
  Monitor& monitor_;
  const TuneRequest& request_;
  std::uint64_t total_;
};

}  // namespace qc
