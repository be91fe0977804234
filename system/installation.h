// The files that belong to the program.
#pragma once

#include <array>
#include <filesystem>
#include <string>

namespace qc {

/// Where a program or module of this name may be: beside the running program, or in the library
/// folder of its installation.
std::array<std::filesystem::path, 2> installed_paths(const std::string& name);

}  // namespace qc
