#include "pipeline/score.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <span>
#include <vector>

#include "core/choices.h"

namespace qc {
namespace {

// Words of metrics' names: rates, some of which are better lower.
constexpr auto kGoodRates = std::to_array<std::string_view>(
    {"accuracy", "acc",  "top",         "top1",        "top5", "precision", "prec",
     "recall",   "f1",   "auc",         "auroc",       "map",  "ap",        "iou",
     "miou",     "dice", "sensitivity", "specificity", "hits", "correct"});
constexpr auto kBadRates =
    std::to_array<std::string_view>({"error", "errors", "err", "wer", "cer", "eer"});
// What has a unit of its own.
constexpr auto kGoodQuantities =
    std::to_array<std::string_view>({"psnr", "ssim", "snr", "sdr", "pesq", "stoi", "bleu", "cosine",
                                     "rouge", "likelihood", "r2", "similarity"});
constexpr auto kBadQuantities = std::to_array<std::string_view>(
    {"loss", "mse", "rmse", "mae", "mape", "nll", "bce", "entropy", "crossentropy", "kl", "ppl",
     "perplexity", "fid", "lpips", "divergence", "brier", "distance"});
// An error with one of these is no rate.
constexpr auto kMeasures = std::to_array<std::string_view>({"squared", "absolute", "square"});
// Turn a name around, as in neg_log_likelihood.
constexpr auto kNegations = std::to_array<std::string_view>({"neg", "negative"});

// Lower-case words: "val_topK-Error" has val, top, k and error.
std::vector<std::string> words_of(std::string_view name) {
  std::vector<std::string> words(1);
  bool lower_before = false;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    const bool upper = std::isupper(byte) != 0;
    if (std::isalnum(byte) == 0 || (upper && lower_before)) words.emplace_back();
    if (std::isalnum(byte) != 0) words.back() += static_cast<char>(std::tolower(byte));
    lower_before = std::islower(byte) != 0;
  }
  return words;
}

bool has_one_of(const std::vector<std::string>& words, std::span<const std::string_view> known) {
  return std::ranges::any_of(words, [&](const std::string& word) {
    return std::ranges::find(known, word) != known.end();
  });
}

constexpr auto kUnits = make_choices<Unit>(
    {{"percent", Unit::kPercent}, {"%", Unit::kPercent}, {"fraction", Unit::kFraction}});

// What a change is counted in.
double points(const Score& score) { return score.unit == Unit::kFraction ? 100 : 1; }

}  // namespace

Score make_score(std::string_view metric, double value, std::optional<bool> higher_is_better,
                 const std::optional<std::string>& unit) {
  Score score{.metric = std::string(metric), .value = value};
  const std::vector<std::string> words = words_of(metric);
  const bool quantity = has_one_of(words, kGoodQuantities) || has_one_of(words, kBadQuantities) ||
                        has_one_of(words, kMeasures);
  const bool rate = !quantity && (has_one_of(words, kGoodRates) || has_one_of(words, kBadRates));
  const bool bad = has_one_of(words, kBadRates) || has_one_of(words, kBadQuantities);
  score.higher_is_better = higher_is_better.value_or(bad == has_one_of(words, kNegations));
  // A name that says nothing is a rate where it may be one: a gate on it is then rather too strict.
  const double most = rate ? 100 : quantity ? -1 : 1;
  if (unit) {
    score.unit = kUnits.find(*unit).value_or(Unit::kOwn);
    if (score.unit == Unit::kOwn) score.unit_name = *unit;
  } else if (value < 0 || value > most) {
    score.unit = Unit::kOwn;
  } else {
    score.unit = value > 1 ? Unit::kPercent : Unit::kFraction;
  }
  const bool declared = higher_is_better && unit;
  score.basis = declared           ? Basis::kDeclared
                : rate || quantity ? Basis::kRecognised
                                   : Basis::kAssumed;
  return score;
}

double lost(const Score& before, double after) {
  const double change = points(before) * (after - before.value);
  return before.higher_is_better ? -change : change;
}

std::string score_text(const Score& score) {
  if (score.is_rate()) return fmt::format("{:.2f} %", points(score) * score.value);
  const std::string_view space = score.unit_name.empty() ? "" : " ";
  return fmt::format("{:.6g}{}{}", score.value, space, score.unit_name);
}

std::string loss_text(const Score& before, const Score& after) {
  const double amount = lost(before, after.value);
  const std::string by = before.is_rate()
                             ? fmt::format("{:.2f} points of {}", amount, before.metric)
                             : fmt::format("{:.4g} of {}", amount, before.metric);
  return fmt::format("{} ({} -> {})", by, score_text(before), score_text(after));
}

std::string meaning_text(const Score& score) {
  const std::string_view way = score.higher_is_better ? "higher" : "lower";
  std::string unit = "in its own unit";
  if (score.unit == Unit::kFraction) unit = "a fraction of 1";
  if (score.unit == Unit::kPercent) unit = "in percent";
  if (!score.unit_name.empty()) unit = "in " + score.unit_name;
  const std::string_view basis = score.basis == Basis::kDeclared     ? "as declared"
                                 : score.basis == Basis::kRecognised ? "by its name"
                                                                     : "assumed";
  return fmt::format("{}: {} is better, {} ({})", score.metric, way, unit, basis);
}

}  // namespace qc
