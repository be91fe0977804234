#pragma once

#include <filesystem>

#include "system/process.h"

namespace qc {

/// A private folder, removed with everything in it at the end, before a signal ends the process
/// too.
class TemporaryFolder {
 public:
  /// Throws Error(kFile) that names the folder in which none can be made.
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  DeferredEnd deferred_;
  std::filesystem::path path_;
};

}  // namespace qc
