#include "system/byte_size.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <limits>
#include <string>
#include <system_error>

#include "core/error.h"

namespace qc {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t bytes;
};

constexpr std::array kUnits = {
    Unit{"", 1},
    Unit{"b", 1},
    Unit{"kb", 1'000},
    Unit{"mb", 1'000'000},
    Unit{"gb", 1'000'000'000},
    Unit{"tb", 1'000'000'000'000},
    Unit{"kib", std::uint64_t{1} << 10},
    Unit{"mib", std::uint64_t{1} << 20},
    Unit{"gib", std::uint64_t{1} << 30},
    Unit{"tib", std::uint64_t{1} << 40},
};

// Holds "max" where there is no limit.
constexpr const char* kGroupLimit = "/sys/fs/cgroup/memory.max";

std::string unit_name(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  std::string name(text);
  for (char& letter : name) {
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
  }
  return name;
}

}  // namespace

std::uint64_t parse_byte_size(std::string_view text) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  const bool too_large = error == std::errc::result_out_of_range;
  if (error == std::errc() || too_large) {
    const std::string name = unit_name(text.substr(static_cast<std::size_t>(rest - text.data())));
    const auto* unit = std::ranges::find(kUnits, std::string_view(name), &Unit::name);
    if (unit != kUnits.end() && !too_large && number <= kMost / unit->bytes) {
      return number * unit->bytes;
    }
    if (unit != kUnits.end()) {
      throw Error(ErrorCode::kUsage,
                  fmt::format("{} is more than 2^64 bytes; give a smaller size", text));
    }
  }
  throw Error(ErrorCode::kUsage,
              fmt::format("'{}' is no size; give a whole number of bytes or one with a unit, like "
                          "400MB or 2GiB",
                          text));
}

std::string byte_size_text(std::uint64_t bytes) {
  constexpr std::array kNames = {"B", "KB", "MB", "GB", "TB"};
  constexpr std::uint64_t kMost = 10'000;
  std::size_t unit = 0;
  for (; bytes >= kMost && unit + 1 < kNames.size(); ++unit) {
    bytes = bytes / 1000 + (bytes % 1000 > 0 ? 1 : 0);
  }
  return fmt::format("{}{}", bytes, kNames[unit]);
}

std::uint64_t machine_memory() {
  const auto pages = static_cast<std::uint64_t>(std::max(0L, ::sysconf(_SC_PHYS_PAGES)));
  std::uint64_t memory = pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  std::ifstream file(kGroupLimit);
  std::uint64_t limit = 0;
  if (file >> limit) memory = std::min(memory, limit);
  return memory;
}

std::uint64_t default_memory_limit() { return machine_memory() / 4; }

}  // namespace qc
