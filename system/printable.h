// Text from files and commands as a terminal may show it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace qc {

/// The text in one line of visible characters: control characters (escape sequences begin with
/// one), invisible ones, those that change the direction of writing, and bytes that are not UTF-8
/// are shown as "\n", "\x1b" or "\u202e". Everything else stays; what is printable comes back as it
/// is.
std::string printable(std::string_view text);

/// The same for text of several lines: ends of lines and tabs stay.
std::string printable_lines(std::string_view text);

/// The same for a JSON document, with JSON's own escapes.
std::string printable_json(std::string_view document);

/// How many columns printable text takes: none for combining marks, two for wide characters.
std::size_t display_width(std::string_view text);

/// The longest beginning of printable text that takes at most `width` columns.
std::string_view first_columns(std::string_view text, std::size_t width);

/// The longest end of printable text that takes at most `width` columns.
std::string_view last_columns(std::string_view text, std::size_t width);

}  // namespace qc
