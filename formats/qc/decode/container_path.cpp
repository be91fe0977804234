#include "formats/qc/decode/container_path.h"

#include <algorithm>
#include <numeric>
#include <string_view>

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
    const std::string_view part(path.data() + begin, end - begin);
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

// Whether `path` is `folder` or in it.
bool is_within(std::string_view path, std::string_view folder) noexcept {
  return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

}  // namespace

std::optional<std::size_t> find_refused_path(std::span<const std::string_view> paths,
                                             std::span<std::size_t> order) noexcept {
  for (std::size_t i = 0; i < paths.size(); ++i) {
    const bool in_folder = paths[i].find('/') != std::string_view::npos;
    if (!is_plain(paths[i]) || (i == 0 && in_folder)) return i;
  }
  std::iota(order.begin(), order.end(), std::size_t{0});
  // std::sort would be a hundredth of the decoder that pages fetch.
  const auto before = [&](std::size_t a, std::size_t b) {
    return paths[a] == paths[b] ? a < b : comes_before(paths[a], paths[b]);
  };
  std::make_heap(order.begin(), order.end(), before);
  std::sort_heap(order.begin(), order.end(), before);
  for (std::size_t i = 1; i < order.size(); ++i) {
    if (is_within(paths[order[i]], paths[order[i - 1]])) return std::max(order[i - 1], order[i]);
  }
  return std::nullopt;
}

}  // namespace qc
