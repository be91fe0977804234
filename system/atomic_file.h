// Outputs that appear whole or not at all.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/byte_sink.h"
#include "system/descriptor.h"
#include "system/mapped_file.h"
#include "system/output_folder.h"

namespace qc {

/// What to do when an output exists already.
enum class Overwrite { kRefuse, kReplace };

/// Whether an output has reached the disk when it appears under its name.
enum class Sync {
  kToDisk,  ///< after a crash of the machine there is the old file or the new one, whole
  kLater,   ///< when the system sees fit: after such a crash the new file may be empty or cut short
};

/// An output file that appears under its name only on commit(): the bytes go to an unnamed (or,
/// where the file system has none, a temporary) file in the same folder, which is synced and
/// renamed. A file that is replaced leaves it its permissions; a link stays, and what it points to
/// is replaced. Every failure throws Error(kFile) and leaves what was there before.
class AtomicFile final : public ByteSink {
 public:
  /// Checks at once that the folder is writable, that `path` is no device or the like and, with
  /// kRefuse, that it does not exist.
  AtomicFile(const std::filesystem::path& path, Overwrite overwrite, Sync sync = Sync::kToDisk);
  /// A file in a folder that is open. Its name may be no link; it is not made before the first
  /// write.
  AtomicFile(std::shared_ptr<const OutputFolder> folder, const std::string& name,
             Overwrite overwrite, Sync sync);
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
  const std::shared_ptr<const OutputFolder>& folder() const noexcept { return folder_; }
  /// Bytes written since the start or the last restart().
  std::uint64_t size() const noexcept { return size_; }

  /// The steps of commit(), for outputs that appear together: the first brings everything to the
  /// disk, the second gives the file its name.
  void stage();
  void place(Overwrite overwrite);
  /// Gives the staged file a temporary name and closes it, where it has none: there may be more
  /// outputs than descriptors.
  void close_staged();
  bool is_open() const noexcept { return static_cast<bool>(fd_); }

  /// What there is under the name is put aside, if there is anything, under a hidden name; and
  /// back.
  bool set_aside();
  void bring_back();
  /// False when it cannot be removed.
  bool drop_aside() const noexcept;
  /// Removes what is under the name: a new part that is of no use without the others.
  void remove_existing();
  /// Whether files that were put aside have such names.
  static bool is_aside_name(std::string_view name) noexcept;
  /// Where it is, or would be.
  std::filesystem::path aside_path() const { return folder_->path() / aside_name(); }
  /// Whether something is there, left by a process that was killed.
  bool has_aside() const noexcept;
  bool exists() const noexcept;
  /// Removes the file from its name, if it is still the one that place() put there.
  void withdraw() noexcept;

 private:
  [[noreturn]] void fail(const char* action, int error) const;
  void look_at_existing(Overwrite overwrite);
  void open();
  void flush();
  void close();
  void write_through(ByteView rest);
  void give_temporary_name();
  std::string aside_name() const;
  // Renames within the folder, never over another file; false when there is one.
  bool rename_to_free(const std::string& from, const std::string& to) const;
  // Gives the unnamed file a name; false when there is a file of that name.
  bool link_to(const std::string& name) const;

  std::shared_ptr<const OutputFolder> folder_;
  std::string name_;
  std::filesystem::path path_;
  Overwrite overwrite_;
  Sync sync_;
  Descriptor fd_;
  std::string temporary_;       // empty while the file has no name
  std::optional<mode_t> mode_;  // of the file that is replaced
  uid_t owner_ = 0;
  gid_t group_ = 0;
  FileState placed_;
  Bytes buffer_;
  std::uint64_t size_ = 0;
  std::uint64_t sync_started_ = 0;  // bytes that the system was told to write
};

/// Throws Error(kFile) when `path` exists and may not be replaced.
void require_absent(const std::filesystem::path& path, Overwrite overwrite);

/// True for a relative path that stays below its folder: no "..", no root, not empty.
bool stays_inside(const std::filesystem::path& path);

}  // namespace qc
