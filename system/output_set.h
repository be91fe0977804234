// Outputs that appear together.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "system/atomic_file.h"

namespace qc {

/// A main file and files beside it that it refers to. All of them appear on commit(), or none: a
/// reader finds the old main file with what belongs to it, the new one, or no main file at all for
/// a moment, and never a mixture. Nor after a process was killed in that moment: then the old files
/// are there under hidden names, ".NAME.qcompress-old", until a commit() to the same place
/// succeeds. Every failure throws Error(kFile), leaves what was there before, and says what it
/// cannot restore.
class OutputSet {
 public:
  /// Checks at once what AtomicFile does.
  OutputSet(const std::filesystem::path& main, Overwrite overwrite, Sync sync);
  ~OutputSet();
  OutputSet(const OutputSet&) = delete;
  OutputSet& operator=(const OutputSet&) = delete;

  ByteSink& main() noexcept;

  /// A file beside the main one, at a path that is relative to its folder. Files are written in the
  /// order in which they were added, the main one first. Throws Error(kFile) for a name that a
  /// file put aside would have.
  ByteSink& add(const std::filesystem::path& relative);

  /// A file that is there with the right content already, in the state in which it was looked at.
  void keep(const std::filesystem::path& relative, const FileState& state);

  /// Has the system begin to write everything to the disk.
  void start_sync();
  /// Gives the old files that could not be removed, which have hidden names now.
  std::vector<std::filesystem::path> commit();

 private:
  class Member;

  AtomicFile& file(std::size_t member) noexcept;
  std::shared_ptr<const OutputFolder> folder_of(const std::filesystem::path& relative);
  void before_write(const Member& member);
  void require_kept() const;
  std::vector<std::filesystem::path> place_all();

  Overwrite overwrite_;
  Sync sync_;
  std::vector<std::unique_ptr<Member>> members_;
  std::map<std::string, std::shared_ptr<OutputFolder>> folders_;  // by relative path
  std::vector<std::pair<std::filesystem::path, FileState>> kept_;
  std::size_t writing_ = 0;  // members before this one are complete
  bool is_committed_ = false;
};

}  // namespace qc
