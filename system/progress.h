// A one-line progress display on standard error.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

namespace qc {

/// One line that is overwritten again and again: only when enabled and standard error is a
/// terminal, at most ten times a second, and erased at the end. Not thread-safe: call from one
/// thread.
class StatusLine {
 public:
  explicit StatusLine(bool enabled);
  ~StatusLine() { clear(); }
  StatusLine(const StatusLine&) = delete;
  StatusLine& operator=(const StatusLine&) = delete;

  /// Shows what `text` gives, which is called only when it is time.
  void show(const std::function<std::string()>& text);
  /// Erases the line, so that something else can be printed.
  void clear();

 private:
  bool enabled_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point last_{};
};

/// Shows "label  42%" while work goes on.
class Progress {
 public:
  Progress(std::string label, std::uint64_t total, bool enabled);

  void advance(std::uint64_t amount);

 private:
  std::string label_;
  std::uint64_t total_;
  std::uint64_t done_ = 0;
  StatusLine line_;
};

}  // namespace qc
