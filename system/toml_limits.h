// How large a TOML document may be, and how deep it may be nested.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace qc {

/// Brackets inside each other, and parts of a dotted key.
inline constexpr std::size_t kMaxTomlNesting = 32;

/// Many times what a recipe with values for every layer of a large network has.
inline constexpr std::size_t kMaxTomlBytes = std::size_t{1} << 24;

/// Throws Error(kLimit) for a document beyond kMaxTomlBytes, and Error(kUsage) with file and line
/// for one whose arrays, inline tables or dotted keys are nested deeper than kMaxTomlNesting: a
/// parser would run out of memory, or, calling itself, of stack. Whether it is TOML at all is for
/// the parser to say. `path` is for the message.
void require_toml_within_limits(std::string_view text, const std::string& path);

}  // namespace qc
