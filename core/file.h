// Files: read-only mappings and outputs that appear whole or not at all.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "core/bytes.h"

namespace qc {

/// A whole file, mapped read-only for the life of the object. An empty file gives an empty span.
class MappedFile {
 public:
  MappedFile() = default;
  /// Throws Error(kFile) when the path is missing, not a regular file or unreadable.
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;

  ByteView bytes() const noexcept { return bytes_; }

  /// Tells that `part` is not needed for now: its pages no longer count as the process's memory,
  /// and come back from the file when they are touched. Of bytes outside the file nothing happens.
  void release(ByteView part) const noexcept;

 private:
  ByteView bytes_;
};

/// Somewhere bytes go, front to back.
class ByteSink {
 public:
  virtual ~ByteSink() = default;
  virtual void write(ByteView bytes) = 0;
  /// Forgets everything written so far.
  virtual void restart() = 0;
};

/// Collects what is written in memory.
class MemorySink final : public ByteSink {
 public:
  void write(ByteView bytes) override { append(bytes_, bytes); }
  void restart() override { bytes_.clear(); }
  /// For so many bytes in all: growing takes as much again.
  void reserve(std::size_t bytes) { bytes_.reserve(bytes); }
  const Bytes& bytes() const noexcept { return bytes_; }
  Bytes take() { return std::move(bytes_); }

 private:
  Bytes bytes_;
};

/// What to do when an output exists already.
enum class Overwrite { kRefuse, kReplace };

/// Whether an output has reached the disk when it appears under its name.
enum class Sync {
  kToDisk,  ///< after a crash of the machine there is the old file or the new one, whole
  kLater,   ///< when the system sees fit: after such a crash the new file may be empty or cut short
};

/// An output file that appears under its name only on commit(): the bytes go to an unnamed (or,
/// where the file system has none, a temporary) file in the same folder, which is synced and
/// renamed. Every failure throws Error(kFile) and leaves what was there before.
class AtomicFile final : public ByteSink {
 public:
  /// Checks at once that the folder is writable and, with kRefuse, that `path` does not exist.
  AtomicFile(std::filesystem::path path, Overwrite overwrite, Sync sync = Sync::kToDisk);
  ~AtomicFile() override;
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(ByteView bytes) override;
  void restart() override;
  /// Has the system begin to write what it has so far, and does not wait: of several files all can
  /// be on their way to the disk before commit() waits for the first.
  void start_sync();
  void commit();

  const std::filesystem::path& path() const noexcept { return path_; }
  /// Bytes written since the start or the last restart().
  std::uint64_t size() const noexcept { return size_; }

 private:
  [[noreturn]] void fail(const char* action, int error) const;
  void flush();
  void write_through(ByteView rest);
  std::filesystem::path temporary_name() const;
  /// Gives the unnamed file a name; false when there is a file of that name.
  bool link_to(const std::filesystem::path& name) const;

  std::filesystem::path path_;
  Overwrite overwrite_;
  Sync sync_;
  int fd_ = -1;
  std::filesystem::path temporary_;  // empty while the file has no name
  Bytes buffer_;
  std::uint64_t size_ = 0;
  std::uint64_t sync_started_ = 0;  // bytes that the system was told to write
};

/// Throws Error(kFile) when `path` exists and may not be replaced.
void require_absent(const std::filesystem::path& path, Overwrite overwrite);

/// True for a relative path that stays below its folder: no "..", no root, not empty.
bool stays_inside(const std::filesystem::path& path);

}  // namespace qc
