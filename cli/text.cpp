#include "cli/text.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <system_error>

#include "core/error.h"
#include "system/printable.h"

namespace qc {
namespace {

constexpr std::array<std::string_view, 5> kPrefixes = {"", "k", "M", "G", "T"};

struct Scaled {
  std::string digits;
  std::string_view prefix;
};

Scaled scale(std::uint64_t number) {
  if (number < 1000) return {fmt::format("{}", number), ""};
  auto value = static_cast<double>(number);
  std::size_t prefix = 0;
  // 999.5 and up would print as 1000.
  while (value >= 999.5 && prefix + 1 < kPrefixes.size()) {
    value /= 1000;
    ++prefix;
  }
  const int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return {fmt::format("{:.{}f}", value, decimals), kPrefixes[prefix]};
}

}  // namespace

std::string size_text(std::uint64_t bytes) {
  const Scaled scaled = scale(bytes);
  return fmt::format("{} {}B", scaled.digits, scaled.prefix);
}

std::string count_text(std::uint64_t count) {
  const Scaled scaled = scale(count);
  return fmt::format("{}{}", scaled.digits, scaled.prefix);
}

std::string ratio_text(std::uint64_t larger, std::uint64_t smaller) {
  if (smaller == 0) return "-";
  const double ratio = static_cast<double>(larger) / static_cast<double>(smaller);
  return fmt::format("{:.{}f}x", ratio, ratio < 9.995 ? 2 : ratio < 999.5 ? 1 : 0);
}

std::string percent_text(double part, double whole) {
  return whole > 0 ? fmt::format("{:.2f}", 100 * part / whole) : "-";
}

std::string shorten_middle(std::string_view text, std::size_t width) {
  std::string shown = printable(text);
  if (display_width(shown) <= width) return shown;
  if (width < 4) return std::string(first_columns(shown, width));
  const std::size_t tail = (width - 2) / 2;
  const std::size_t head = width - 2 - tail;
  return std::string(first_columns(shown, head)).append("..").append(last_columns(shown, tail));
}

std::string pad(std::string_view text, std::size_t width, Align align) {
  const std::size_t taken = display_width(text);
  const std::string blanks(width > taken ? width - taken : 0, ' ');
  return align == Align::kLeft ? std::string(text) + blanks : blanks + std::string(text);
}

std::string plural(std::uint64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::vector<std::int64_t> parse_shape(std::string_view flag, std::string_view text) {
  std::vector<std::int64_t> sizes;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at != end) {
    std::int64_t size = 0;
    const auto [next, error] = std::from_chars(at, end, size);
    const bool more = next != end && *next == 'x' && next + 1 != end;
    if (error != std::errc() || size < 1 || (next != end && !more)) {
      throw Error(ErrorCode::kUsage, fmt::format("{} {}: not sizes such as 1x3x224x224", flag,
                                                 printable(std::string(text))));
    }
    sizes.push_back(size);
    at = more ? next + 1 : end;
  }
  return sizes;
}

}  // namespace qc
