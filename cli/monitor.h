// Shows on standard error how training gets on, and ends it on Ctrl-C, SIGTERM and
// SIGHUP.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "pipeline/monitor.h"
#include "system/progress.h"

namespace qc {

class ConsoleMonitor final : public Monitor {
 public:
  /// `enabled` shows the progress line, `epochs` prints a line for each epoch too.
  ConsoleMonitor(bool enabled, bool epochs);
  ~ConsoleMonitor() override;

  void on_evaluation(std::uint64_t samples, std::uint64_t total) override;
  void on_batch(const TuneRequest& request, const BatchReport& report,
                std::uint64_t total) override;
  void on_epoch(const TuneRequest& request, const EpochReport& report) override;
  /// True once a signal that was caught has requested a stop.
  bool stop_requested() const override;

  /// From now on the first Ctrl-C, SIGTERM or SIGHUP requests a stop and the second ends the
  /// process. Nothing where they are caught already.
  void catch_signals();
  /// From now on signals end the process at once.
  void release_signals() const;
  /// The signal that requested the stop; 0 where none did.
  int signal() const;

  /// Makes room for other output.
  void clear() { line_.clear(); }

 private:
  StatusLine line_;
  bool epochs_;
  bool catches_ = false;
  std::chrono::steady_clock::time_point start_;
  std::string current_;  // request and epoch that start_ belongs to
};

}  // namespace qc
