// Folders that outputs go to.
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "system/descriptor.h"

namespace qc {

/// A folder that is held open: what is done in it by name cannot be led elsewhere by a link that
/// somebody puts in its path.
class OutputFolder {
 public:
  /// Throws Error(kFile) when it is not there or no folder.
  explicit OutputFolder(const std::filesystem::path& path);

  /// The folder at a relative path below this one, which is made where it is missing. Throws
  /// Error(kFile) where a part of the path is a link or no folder.
  std::shared_ptr<OutputFolder> below(const std::filesystem::path& relative) const;

  int fd() const noexcept { return fd_.get(); }
  const std::filesystem::path& path() const noexcept { return path_; }

  /// Removes the folders that below() made for this one, those that are empty.
  void remove_made() const noexcept;

 private:
  OutputFolder(std::filesystem::path path, Descriptor fd)
      : path_(std::move(path)), fd_(std::move(fd)) {}

  struct Made {
    std::shared_ptr<OutputFolder> parent;
    std::string name;
  };

  std::filesystem::path path_;
  Descriptor fd_;
  std::vector<Made> made_;  // on the way here, the outermost first
};

/// Waits until no other process has outputs appear in a folder, and keeps others waiting while it
/// lives. File systems without locks have none.
class FolderLock {
 public:
  explicit FolderLock(const OutputFolder& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  Descriptor fd_;
};

}  // namespace qc
