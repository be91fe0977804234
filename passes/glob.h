// Patterns that name tensors, and what a mistyped one may have meant.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace qc {

/// True when `pattern` is `name` itself or a POSIX glob (* ? [...], where * crosses '/') for it.
bool glob_matches(const std::string& pattern, const std::string& name);

/// The pattern that matches this name only.
std::string glob_literal(std::string_view name);

/// Edit distance between a name and the nearest text the pattern matches: '*' stands for any text
/// and '?' for any character at no cost. O(pattern x name).
std::size_t glob_distance(std::string_view pattern, std::string_view name);

/// Up to `limit` of the names that a mistyped pattern probably meant, nearest first.
std::vector<std::string> nearest_names(std::string_view pattern,
                                       const std::vector<std::string>& names, std::size_t limit);

/// The first few of the texts: "a, b, c and 4 more".
std::string short_list(const std::vector<std::string>& texts);

/// What to tell a user whose pattern matches none of the names: "near: a, b", or, when nothing is
/// near, "there are: a, b, c and 4 more".
std::string names_hint(std::string_view pattern, const std::vector<std::string>& names);

}  // namespace qc
