// The paths of files in a container.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

namespace qc {

/// The first of the paths that FORMAT.md 3.3 forbids, by itself or beside another of them; nothing
/// when a container may hold all. The first path is the model's own.
std::optional<std::size_t> find_refused_path(std::span<const std::string> paths);

}  // namespace qc
