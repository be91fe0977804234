// The paths of files in a container.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

namespace qc {

/// The first of the paths that FORMAT.md 3.3 forbids, by itself or beside another of them; nothing
/// when a container may hold all. The first path is the model's own. `order` is room for as many
/// numbers.
std::optional<std::size_t> find_refused_path(std::span<const std::string_view> paths,
                                             std::span<std::size_t> order) noexcept;

}  // namespace qc
