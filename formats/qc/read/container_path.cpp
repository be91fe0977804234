#include "formats/qc/read/container_path.h"

#include <algorithm>
#include <numeric>
#include <string_view>
#include <vector>

namespace qc {
namespace {

bool is_letter(char byte) noexcept {
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

// Relative and in its only form, on every system: backslashes and drives mean something elsewhere.
bool is_plain(std::string_view path) noexcept {
  if (path.find_first_of(std::string_view("\0\\", 2)) != std::string_view::npos) return false;
  if (path.size() > 1 && is_letter(path[0]) && path[1] == ':') return false;
  for (std::size_t begin = 0;;) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view part = path.substr(begin, end - begin);
    if (part.empty() || part == "." || part == "..") return false;
    if (end == path.size()) return true;
    begin = end + 1;
  }
}

// In this order a folder comes right before what is in it: "/" is less than any other byte.
bool comes_before(std::string_view a, std::string_view b) noexcept {
  const auto rank = [](char byte) {
    return byte == '/' ? 0 : 1 + static_cast<int>(static_cast<unsigned char>(byte));
  };
  return std::lexicographical_compare(
      a.begin(), a.end(), b.begin(), b.end(),
      [&](char one, char other) { return rank(one) < rank(other); });
}

}  // namespace

std::optional<std::size_t> find_refused_path(std::span<const std::string> paths) {
  for (std::size_t i = 0; i < paths.size(); ++i) {
    const bool in_folder = paths[i].find('/') != std::string::npos;
    if (!is_plain(paths[i]) || (i == 0 && in_folder)) return i;
  }
  std::vector<std::size_t> order(paths.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(
      order, [&](std::size_t a, std::size_t b) { return comes_before(paths[a], paths[b]); });
  for (std::size_t i = 1; i < order.size(); ++i) {
    const std::string& before = paths[order[i - 1]];
    const std::string_view path = paths[order[i]];
    if (path == before || path.starts_with(before + '/')) return std::max(order[i - 1], order[i]);
  }
  return std::nullopt;
}

}  // namespace qc
