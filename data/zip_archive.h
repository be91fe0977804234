// Members of a zip archive, such as an .npz file.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "data/blob.h"

namespace qc {

/// A zip archive, stored or deflated members, zip64 too.
class ZipArchive {
 public:
  /// Throws Error: kFile when the file cannot be read, kCorrupt when it is no zip archive.
  explicit ZipArchive(const std::filesystem::path& path);
  ~ZipArchive();
  ZipArchive(const ZipArchive&) = delete;
  ZipArchive& operator=(const ZipArchive&) = delete;

  /// Its file, for messages.
  const std::string& name() const noexcept;
  bool contains(const std::string& member) const;

  /// Names of members in the order of the file, at most `most`.
  std::vector<std::string> members(std::size_t most) const;

  /// A member's bytes. Throws Error(kCorrupt) for a damaged one, and as
  /// read_announced() does.
  Blob read(const std::string& member, const AnnouncedSize& announced) const;

 private:
  struct Handle;
  std::unique_ptr<Handle> handle_;
};

}  // namespace qc
