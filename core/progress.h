// A one-line progress display on standard error.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace qc {

/// Shows "label  42%" while work goes on: only when enabled and standard error is a terminal, at
/// most ten times a second, and erased at the end. Not thread-safe: call from one thread.
class Progress {
 public:
  Progress(std::string label, std::uint64_t total, bool enabled);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void advance(std::uint64_t amount);

 private:
  std::string label_;
  std::uint64_t total_;
  std::uint64_t done_ = 0;
  bool enabled_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point last_{};
};

}  // namespace qc
