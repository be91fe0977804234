#include "system/installation.h"

#include <system_error>

namespace qc {

std::array<std::filesystem::path, 2> installed_paths(const std::string& name) {
  std::error_code error;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", error);
  const std::filesystem::path folder = program.parent_path();
  return {folder / name, folder.parent_path() / "lib" / "qcompress" / name};
}

}  // namespace qc
