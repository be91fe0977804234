// Scores in what a user's command for evaluation prints.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace qc {

/// What an evaluation command prints.
struct PrintedScore {
  std::string metric;
  double value = 0;
  std::optional<bool> higher_is_better = {};
  std::optional<std::string> unit = {};
};

/// Finds the score among the lines of an output.
class ScoreLines {
 public:
  /// Takes a line for the score if it looks like one.
  void add(std::string_view line);

  const std::optional<PrintedScore>& score() const noexcept { return score_; }
  /// The last line that should have been a score; empty when there was none.
  const std::string& last() const noexcept { return last_; }

 private:
  std::optional<PrintedScore> score_;
  std::string last_;
};

}  // namespace qc
