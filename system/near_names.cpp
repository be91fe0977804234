#include "system/near_names.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>
#include <utility>

namespace qc {

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

std::string did_you_mean(std::string_view given, const std::vector<std::string>& names,
                         std::string_view otherwise) {
  std::vector<std::string> near = nearest_names(given, names, names.size());
  if (near.empty()) return fmt::format("; {} {}", otherwise, fmt::join(names, ", "));
  const std::size_t least = glob_distance(given, near.front());
  std::erase_if(near, [&](const std::string& name) { return glob_distance(given, name) > least; });
  return fmt::format("; did you mean {}?", fmt::join(near, " or "));
}

}  // namespace qc
