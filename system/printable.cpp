#include "system/printable.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>

namespace qc {
namespace {

struct Range {
  char32_t first;
  char32_t last;
};

// Control characters, the invisible ones for joining and for directions, separators of lines, tags.
constexpr std::array<Range, 11> kHidden = {{{0x00, 0x1f},
                                            {0x7f, 0x9f},
                                            {0xad, 0xad},
                                            {0x61c, 0x61c},
                                            {0x180e, 0x180e},
                                            {0x200b, 0x200f},
                                            {0x2028, 0x202e},
                                            {0x2060, 0x206f},
                                            {0xfeff, 0xfeff},
                                            {0xfff9, 0xfffb},
                                            {0xe0000, 0xe0fff}}};

constexpr std::array<Range, 6> kCombining = {{{0x300, 0x36f},
                                              {0x1ab0, 0x1aff},
                                              {0x1dc0, 0x1dff},
                                              {0x20d0, 0x20ff},
                                              {0xfe00, 0xfe0f},
                                              {0xfe20, 0xfe2f}}};

// What Unicode's annex 11 calls wide and full-width, unassigned gaps included.
constexpr std::array<Range, 13> kWide = {{{0x1100, 0x115f},
                                          {0x2329, 0x232a},
                                          {0x2e80, 0x303e},
                                          {0x3041, 0xa4cf},
                                          {0xa960, 0xa97f},
                                          {0xac00, 0xd7a3},
                                          {0xf900, 0xfaff},
                                          {0xfe10, 0xfe19},
                                          {0xfe30, 0xfe6f},
                                          {0xff00, 0xff60},
                                          {0xffe0, 0xffe6},
                                          {0x1f300, 0x1faff},
                                          {0x20000, 0x3fffd}}};

template <std::size_t kCount>
bool within(const std::array<Range, kCount>& ranges, char32_t code) {
  const auto found = std::ranges::lower_bound(ranges, code, {}, &Range::last);
  return found != ranges.end() && found->first <= code;
}

struct Character {
  std::size_t bytes;
  char32_t code;
  bool valid;  // else one byte that is not UTF-8
};

// The first character of a text that is not empty: no overlong forms, no surrogates.
Character first_character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t lead = byte(0);
  if (lead < 0x80) return {1, lead, true};
  const std::size_t bytes = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  constexpr std::array<char32_t, 5> kLeast = {0, 0, 0x80, 0x800, 0x10000};
  const Character invalid = {1, lead, false};
  if (lead < 0xc2 || lead > 0xf4 || text.size() < bytes) return invalid;
  char32_t code = lead & (0x7fU >> bytes);
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xc0U) != 0x80) return invalid;
    code = code << 6U | (byte(i) & 0x3fU);
  }
  const bool surrogate = code >= 0xd800 && code <= 0xdfff;
  if (code < kLeast[bytes] || code > 0x10ffff || surrogate) return invalid;
  return {bytes, code, true};
}

std::size_t width_of(const Character& character) {
  if (within(kCombining, character.code)) return 0;
  return within(kWide, character.code) ? 2 : 1;
}

// The text with `escape` of every character that may not be shown.
template <typename Escape>
std::string escaped(std::string_view text, const Escape& escape) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Character character = first_character(text);
    if (character.valid && !within(kHidden, character.code)) {
      out += text.substr(0, character.bytes);
    } else {
      escape(character, text.substr(0, character.bytes), out);
    }
    text.remove_prefix(character.bytes);
  }
  return out;
}

void escape_for_terminal(const Character& character, std::string& out) {
  const auto code = static_cast<std::uint32_t>(character.code);
  const auto to = std::back_inserter(out);
  if (code == '\n') {
    out += "\\n";
  } else if (code == '\r') {
    out += "\\r";
  } else if (code == '\t') {
    out += "\\t";
  } else if (code < 0x80 || !character.valid) {
    fmt::format_to(to, "\\x{:02x}", code);
  } else if (code < 0x10000) {
    fmt::format_to(to, "\\u{:04x}", code);
  } else {
    fmt::format_to(to, "\\U{:08x}", code);
  }
}

}  // namespace

std::string printable(std::string_view text) {
  return escaped(text, [](const Character& character, std::string_view, std::string& out) {
    escape_for_terminal(character, out);
  });
}

std::string printable_lines(std::string_view text) {
  return escaped(text, [](const Character& character, std::string_view bytes, std::string& out) {
    if (bytes == "\n" || bytes == "\t") {
      out += bytes;
    } else {
      escape_for_terminal(character, out);
    }
  });
}

std::string printable_json(std::string_view document) {
  return escaped(
      document, [](const Character& character, std::string_view bytes, std::string& out) {
        const auto code = static_cast<std::uint32_t>(character.code);
        if (bytes == "\n") {
          out += bytes;  // between values: in strings it is escaped already
        } else if (!character.valid) {
          out += "\\ufffd";
        } else if (code < 0x10000) {
          fmt::format_to(std::back_inserter(out), "\\u{:04x}", code);
        } else {
          constexpr std::uint32_t kFirst = 0x10000;
          fmt::format_to(std::back_inserter(out), "\\u{:04x}\\u{:04x}",
                         0xd800 + ((code - kFirst) >> 10U), 0xdc00 + ((code - kFirst) & 0x3ffU));
        }
      });
}

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) {
    const Character character = first_character(text);
    width += width_of(character);
    text.remove_prefix(character.bytes);
  }
  return width;
}

std::string_view first_columns(std::string_view text, std::size_t width) {
  std::size_t end = 0;
  while (end < text.size()) {
    const Character character = first_character(text.substr(end));
    if (width_of(character) > width) break;
    width -= width_of(character);
    end += character.bytes;
  }
  return text.substr(0, end);
}

std::string_view last_columns(std::string_view text, std::size_t width) {
  std::size_t left = display_width(text);
  if (left <= width) return text;
  while (left > width) {
    const Character character = first_character(text);
    left -= width_of(character);
    text.remove_prefix(character.bytes);
  }
  // Marks belong to the character before them, which is gone.
  while (!text.empty() && width_of(first_character(text)) == 0) {
    text.remove_prefix(first_character(text).bytes);
  }
  return text;
}

}  // namespace qc
