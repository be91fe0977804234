// The flags with which commands compare networks without labels, and what they print of it.
#pragma once

#include <CLI/CLI.hpp>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "pipeline/judgement.h"

namespace qc {

struct JudgingFlags {
  std::vector<std::string> scores;
  std::string metric;
  std::string output;

  JudgementOptions options() const;
};

/// Adds --scores, --metric and --judge-output.
void add_judging_flags(CLI::App& command, JudgingFlags& flags);

/// JSON has no infinity: null for what is not finite.
nlohmann::ordered_json number_or_null(double value);

/// A table of the outputs, the accuracy where samples have labels, and a line with the number that
/// decides and its interval.
std::string closeness_text(const Closeness& closeness);

/// Members of a closeness, as JSON.md has them.
nlohmann::ordered_json closeness_json(const Closeness& closeness);

}  // namespace qc
