// Scores of models: which way is better, in what unit, and how much is lost between two.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "engine/engine.h"

namespace qc {

/// What a score counts in.
enum class Unit {
  kFraction,  ///< a rate between 0 and 1
  kPercent,   ///< a rate between 0 and 100
  kOwn,       ///< a unit of the metric's own
};

/// Who says which way is better and in what unit.
enum class Basis {
  kDeclared,    ///< whoever evaluated
  kRecognised,  ///< the metric's name
  kAssumed,     ///< nobody
};

/// How good a model is.
struct Score {
  std::string metric = "top1";
  double value = 0;
  std::optional<Metrics> details = std::nullopt;  ///< of the built-in evaluation
  Unit unit = Unit::kFraction;
  std::string unit_name = {};  ///< of Unit::kOwn; may be empty
  bool higher_is_better = true;
  Basis basis = Basis::kDeclared;

  /// True for a share of the samples, which can be told in percentage points.
  bool is_rate() const noexcept { return unit != Unit::kOwn; }
};

/// A score as a user's command gives it. What is not declared follows from the words of the
/// metric's name: of a loss or an error lower is better, an accuracy is a fraction up to 1 and a
/// percentage above. A name that says nothing is taken for one of which higher is better.
/// `unit` is "fraction", "percent" ("%") or the name of another unit.
Score make_score(std::string_view metric, double value, std::optional<bool> higher_is_better,
                 const std::optional<std::string>& unit);

/// How much worse `after` is than `before`, a score of the same metric: in percentage points for
/// rates, else in the metric's own unit. Negative where it is better; NaN where a score is.
double lost(const Score& before, double after);

/// "97.53 %" for rates, "31.4 dB" or plain digits for a metric of another kind.
std::string score_text(const Score& score);

/// "2.50 points of top1 (97.50 % -> 95.00 %)", for a loss of that much.
std::string loss_text(const Score& before, const Score& after);

/// "top1: higher is better, a fraction of 1 (by its name)".
std::string meaning_text(const Score& score);

}  // namespace qc
