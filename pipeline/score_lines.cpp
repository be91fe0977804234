#include "pipeline/score_lines.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace qc {
namespace {

bool has(std::string_view line, std::string_view text) {
  return line.find(text) != std::string_view::npos;
}

std::optional<PrintedScore> score_of(const nlohmann::json& json) {
  if (!json["metric"].is_string() || !json["value"].is_number()) return std::nullopt;
  PrintedScore score{.metric = json["metric"], .value = json["value"].get<double>()};
  if (!std::isfinite(score.value)) return std::nullopt;
  if (json.contains("higher_is_better")) {
    if (!json["higher_is_better"].is_boolean()) return std::nullopt;
    score.higher_is_better = json["higher_is_better"].get<bool>();
  }
  if (json.contains("unit")) {
    if (!json["unit"].is_string()) return std::nullopt;
    score.unit = json["unit"].get<std::string>();
  }
  return score;
}

}  // namespace

void ScoreLines::add(std::string_view line) {
  constexpr std::string_view kBlanks = " \t\r";
  line.remove_prefix(std::min(line.find_first_not_of(kBlanks), line.size()));
  line.remove_suffix(line.size() - (line.find_last_not_of(kBlanks) + 1));
  if (!line.starts_with('{') || !line.ends_with('}')) return;
  if (!has(line, "\"metric\"") || !has(line, "\"value\"")) return;
  const auto json = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!json.is_discarded() && !(json.contains("metric") && json.contains("value"))) return;
  last_ = line;
  score_ = json.is_discarded() ? std::nullopt : score_of(json);
}

}  // namespace qc
