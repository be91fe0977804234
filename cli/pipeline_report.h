// What a pipeline did: accuracy and bytes, step by step.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "pipeline/runner.h"

namespace qc {

/// The score of a model on the test data, before and after.
struct TestScores {
  std::optional<Score> before;
  std::optional<Score> after;
};

/// "2.47 %" for a rate that is better the higher it is; empty for any other score.
std::string error_text(const Score& score);

/// From one score to another: "+0.25", in percentage points for rates.
std::string change_text(const Score& before, double after);

/// One finished step in a line: "prune 3/6: kept 21.3 %, 196 kB packed, held-out 97.12 %".
std::string step_line(const StepReport& step);

/// The table of the steps, then the test scores and what a user's metric means.
std::string pipeline_text(const PipelineReport& report, const TestScores& scores);

nlohmann::ordered_json score_json(const Score& score);
nlohmann::ordered_json pipeline_json(const PipelineReport& report, const TestScores& scores);

/// Warnings about what fine-tuning broke and was repaired.
std::vector<std::string> pipeline_warnings(const PipelineReport& report);

}  // namespace qc
