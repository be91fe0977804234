#include "system/temporary_folder.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <system_error>

#include "core/error.h"

namespace qc {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const fs::path& parent, const std::string& reason) {
  throw Error(ErrorCode::kFile,
              fmt::format("cannot make a temporary folder in {}: {}; set TMPDIR to another one",
                          parent.empty() ? "TMPDIR" : parent.string(), reason));
}

}  // namespace

TemporaryFolder::TemporaryFolder() {
  std::error_code error;
  const fs::path parent = fs::temp_directory_path(error);
  if (error) fail(parent, error.message());
  std::string pattern = (fs::absolute(parent) / "qcompress.XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) fail(parent, std::strerror(errno));
  path_ = pattern;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

}  // namespace qc
