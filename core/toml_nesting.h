// How deep a TOML document may be nested.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace qc {

/// Brackets inside each other, and parts of a dotted key.
inline constexpr std::size_t kMaxTomlNesting = 32;

/// Throws Error(kUsage) with file and line for a document whose arrays, inline tables or dotted
/// keys are nested deeper than kMaxTomlNesting: a parser that calls itself would run out of stack.
/// Whether it is TOML at all is for the parser to say. `path` is for the message.
void require_shallow_toml(std::string_view text, const std::string& path);

}  // namespace qc
