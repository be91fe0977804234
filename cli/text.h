// Numbers and names as people read them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace qc {

/// "842 B", "24.1 kB", "1.72 MB": three digits, powers of 1000.
std::string size_text(std::uint64_t bytes);

/// "842", "24.1k", "1.72M": the same for counts.
std::string count_text(std::uint64_t count);

/// "39.4x"; "-" when the smaller is zero.
std::string ratio_text(std::uint64_t larger, std::uint64_t smaller);

/// Part of a whole in per cent, "8.31"; "-" for an empty whole.
std::string percent_text(double part, double whole);

/// The text as printable() has it, in at most `width` columns; the middle of a longer one becomes
/// "..".
std::string shorten_middle(std::string_view text, std::size_t width);

enum class Align { kLeft, kRight };

/// Printable text with blanks on the other side, so that it takes at least `width` columns.
std::string pad(std::string_view text, std::size_t width, Align align);

/// "1x3x224x224" as sizes; none of an empty text. Throws Error(kUsage) that names the flag where it
/// is something else.
std::vector<std::int64_t> parse_shape(std::string_view flag, std::string_view text);

/// A count and its noun: "1 tensor", "3 tensors".
std::string plural(std::uint64_t count, std::string_view noun);

}  // namespace qc
