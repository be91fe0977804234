// What a mistyped name may have meant.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace qc {

/// Edit distance between a name and the nearest text the pattern matches: '*' stands for any text
/// and '?' for any character at no cost. O(pattern x name).
std::size_t glob_distance(std::string_view pattern, std::string_view name);

/// Up to `limit` of the names that a mistyped pattern probably meant, nearest first.
std::vector<std::string> nearest_names(std::string_view pattern,
                                       const std::vector<std::string>& names, std::size_t limit);

/// The end of a message about a name that there is not: "; did you mean rate?" with the nearest of
/// the names, or when none is near `otherwise` and all of them: "; it has rate, steps".
std::string did_you_mean(std::string_view given, const std::vector<std::string>& names,
                         std::string_view otherwise);

}  // namespace qc
