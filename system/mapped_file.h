// Files mapped for reading.
#pragma once

#include <cstdint>
#include <ctime>
#include <filesystem>

#include "core/bytes.h"

struct stat;

namespace qc {

/// What tells one file, and one state of it, from another.
struct FileState {
  std::uint64_t device = 0;
  std::uint64_t number = 0;  ///< its inode
  std::uint64_t size = 0;
  std::int64_t modified_s = 0;
  std::int64_t modified_ns = 0;

  FileState() = default;
  explicit FileState(const struct stat& status);

  /// True for the same file, in this state or in another.
  bool is_same_file(const FileState& other) const noexcept {
    return device == other.device && number == other.number;
  }
  friend bool operator==(const FileState&, const FileState&) = default;
};

/// What files that are named in another file of a folder may be reached through.
enum class Links {
  kInside,    ///< files in that folder, and links that stay in it
  kAnywhere,  ///< links that lead elsewhere, too
};

/// A whole file, mapped read-only for the life of the object. An empty file gives an empty span.
class MappedFile {
 public:
  MappedFile() = default;
  /// Throws Error(kFile) when the path is missing, not a regular file or unreadable.
  explicit MappedFile(std::filesystem::path path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;

  ByteView bytes() const noexcept { return bytes_; }

  /// As it was when it was mapped.
  const FileState& state() const noexcept { return state_; }

  /// Whether this file is what `path` names.
  bool is_at(const std::filesystem::path& path) const;

  /// Throws Error(kFile) when somebody has written to it since: what was read may be of both
  /// versions.
  void require_unchanged() const;

  /// Says that `part` will not be read soon: its pages no longer count as the process's memory,
  /// and come back from the file when they are touched. Of bytes outside the file nothing happens.
  void release(ByteView part) const noexcept;

 private:
  std::filesystem::path path_;
  ByteView bytes_;
  FileState state_;
  std::size_t watched_ = 0;  // its place in the table for the handler of SIGBUS, from 1
};

/// Has the program end with a message and exit status 3 when a mapped file turns out to be shorter
/// than it was, or cannot be read: else that would be a SIGBUS without a word. For the start of a
/// program.
void report_lost_mappings() noexcept;

}  // namespace qc
