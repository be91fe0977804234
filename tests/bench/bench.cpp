#include "bench.h"

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

namespace qc::bench {
namespace {

constexpr double kSecondsPerRepetition = 0.03;

// Google Benchmark takes a function without arguments of its own; this is what it runs.
const std::function<void()>* timed_call = nullptr;

void run_timed_call(benchmark::State& state) {
  while (state.KeepRunning()) {
    (*timed_call)();
    benchmark::ClobberMemory();
  }
}

benchmark::internal::Benchmark* const kTimer = benchmark::RegisterBenchmark("call", run_timed_call)
                                                   ->UseRealTime()
                                                   ->MinTime(kSecondsPerRepetition);

/// Keeps the seconds of one call in every round.
class Collector final : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }

  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (run.run_type != Run::RT_Iteration) continue;
      seconds_.push_back(run.GetAdjustedRealTime() /
                         benchmark::GetTimeUnitMultiplier(run.time_unit));
    }
  }

  const std::vector<double>& seconds() const { return seconds_; }

 private:
  std::vector<double> seconds_;
};

}  // namespace

std::string MarkdownTable::text() const {
  std::vector<std::size_t> widths(rows_.front().size());
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (std::size_t row = 0; row < rows_.size(); ++row) {
    for (std::size_t i = 0; i < widths.size(); ++i) {
      text += i == 0 ? fmt::format("| {:<{}} |", rows_[row][i], widths[i])
                     : fmt::format(" {:>{}} |", rows_[row][i], widths[i]);
    }
    text += '\n';
    if (row > 0) continue;
    for (std::size_t i = 0; i < widths.size(); ++i) {
      text += i == 0 ? fmt::format("|-{:-<{}}-|", "", widths[i])
                     : fmt::format("-{:-<{}}:|", "", widths[i]);
    }
    text += '\n';
  }
  return text;
}

void tell(const std::string& what) { fmt::print(stderr, "{}\n", what); }

double median(std::vector<double> values) {
  std::ranges::sort(values);
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

double median_seconds(const std::function<void()>& call, int repetitions) {
  timed_call = &call;
  kTimer->Repetitions(repetitions);
  Collector collector;
  benchmark::RunSpecifiedBenchmarks(&collector, "call");
  return median(collector.seconds());
}

std::vector<double> alternating_seconds(const std::vector<std::function<void()>>& calls,
                                        int rounds) {
  using Clock = std::chrono::steady_clock;
  std::vector<std::vector<double>> seconds(calls.size());
  for (int round = -1; round < rounds; ++round) {
    for (std::size_t i = 0; i < calls.size(); ++i) {
      const Clock::time_point start = Clock::now();
      calls[i]();
      const std::chrono::duration<double> taken = Clock::now() - start;
      if (round >= 0) seconds[i].push_back(taken.count());
    }
  }
  std::vector<double> medians(calls.size());
  std::ranges::transform(seconds, medians.begin(), median);
  return medians;
}

}  // namespace qc::bench
