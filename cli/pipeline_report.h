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

/// "97.53 %" for fractions, plain digits for a metric of another kind.
std::string score_text(const Score& score);

/// One finished step in a line: "prune 3/6: kept 21.3 %, 196 kB packed, held-out 97.12 %".
std::string step_line(const StepReport& step);

/// The table of the steps, then repairs and the test scores.
std::string pipeline_text(const PipelineReport& report, const TestScores& scores);

nlohmann::ordered_json score_json(const Score& score);
nlohmann::ordered_json pipeline_json(const PipelineReport& report, const TestScores& scores);

/// Warnings about what fine-tuning broke and was repaired.
std::vector<std::string> pipeline_warnings(const PipelineReport& report);

}  // namespace qc
