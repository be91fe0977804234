#include "passes/glob.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>

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
