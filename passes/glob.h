// Patterns that name tensors, and what a mistyped one may have meant.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "system/near_names.h"

namespace qc {

/// True when `pattern` is `name` itself or a POSIX glob (* ? [...], where * crosses '/') for it.
bool glob_matches(const std::string& pattern, const std::string& name);

/// The pattern that matches this name only.
std::string glob_literal(std::string_view name);

/// The first few of the texts: "a, b, c and 4 more".
std::string short_list(const std::vector<std::string>& texts);

/// What to tell a user whose pattern matches none of the names: "near: a, b", or, when nothing is
/// near, "there are: a, b, c and 4 more".
std::string names_hint(std::string_view pattern, const std::vector<std::string>& names);

}  // namespace qc
