#include "passes/glob.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <numeric>
#include <utility>

namespace qc {
namespace {

constexpr std::size_t kNamesShown = 3;

}  // namespace

bool glob_matches(const std::string& pattern, const std::string& name) {
  return pattern == name || fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
}

std::string glob_literal(std::string_view name) {
  std::string pattern;
  for (const char c : name) {
    if (std::string_view("*?[\\").find(c) != std::string_view::npos) pattern += '\\';
    pattern += c;
  }
  return pattern;
}

std::size_t glob_distance(std::string_view pattern, std::string_view name) {
  std::vector<std::size_t> row(name.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (const char wanted : pattern) {
    std::size_t diagonal = row[0];
    if (wanted != '*') ++row[0];
    for (std::size_t i = 1; i < row.size(); ++i) {
      const std::size_t above = row[i];
      if (wanted == '*') {
        row[i] = std::min(above, row[i - 1]);
      } else {
        const bool same = wanted == '?' || wanted == name[i - 1];
        row[i] = std::min({diagonal + (same ? 0 : 1), above + 1, row[i - 1] + 1});
      }
      diagonal = above;
    }
  }
  return row.back();
}

std::vector<std::string> nearest_names(std::string_view pattern,
                                       const std::vector<std::string>& names, std::size_t limit) {
  const auto literals =
      static_cast<std::size_t>(std::ranges::count_if(pattern, [](char c) { return c != '*'; }));
  const std::size_t furthest = 1 + literals / 4;
  std::vector<std::pair<std::size_t, std::size_t>> ranked;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::size_t distance = glob_distance(pattern, names[i]);
    if (distance <= furthest) ranked.emplace_back(distance, i);
  }
  std::ranges::sort(ranked);
  std::vector<std::string> nearest;
  for (const auto& [distance, i] : ranked) {
    if (nearest.size() == limit) break;
    nearest.push_back(names[i]);
  }
  return nearest;
}

std::string short_list(const std::vector<std::string>& texts) {
  const std::size_t shown = std::min(texts.size(), kNamesShown);
  std::string list = fmt::format(
      "{}", fmt::join(texts.begin(), texts.begin() + static_cast<std::ptrdiff_t>(shown), ", "));
  if (texts.size() > shown) list += fmt::format(" and {} more", texts.size() - shown);
  return list;
}

std::string names_hint(std::string_view pattern, const std::vector<std::string>& names) {
  const std::vector<std::string> near = nearest_names(pattern, names, kNamesShown);
  return near.empty() ? fmt::format("there are: {}", short_list(names))
                      : fmt::format("near: {}", fmt::join(near, ", "));
}

}  // namespace qc
