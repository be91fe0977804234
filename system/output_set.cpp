#include "system/output_set.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <exception>

#include "core/error.h"

namespace qc {
namespace {

// Files that are complete are closed from so many on: a model may have more than there are
// descriptors. Those that are open leave nothing behind when the process is killed.
constexpr std::size_t kMostOpen = 64;

// What is put aside replaces what has its name, and is removed at the end.
void require_no_aside_name(const std::filesystem::path& relative) {
  if (!AtomicFile::is_aside_name(relative.filename().string())) return;
  throw Error(ErrorCode::kFile, fmt::format("a file of the model is named {}, as old files are "
                                            "while they are exchanged",
                                            relative.string()));
}

}  // namespace

class OutputSet::Member final : public ByteSink {
 public:
  template <typename... Arguments>
  explicit Member(OutputSet& set, Arguments&&... arguments)
      : file(std::forward<Arguments>(arguments)...), set_(set) {}

  void write(ByteView bytes) override {
    set_.before_write(*this);
    file.write(bytes);
  }
  void restart() override { file.restart(); }

  AtomicFile file;

 private:
  OutputSet& set_;
};

OutputSet::OutputSet(const std::filesystem::path& main, Overwrite overwrite, Sync sync)
    : overwrite_(overwrite), sync_(sync) {
  members_.push_back(std::make_unique<Member>(*this, main, overwrite, sync));
}

OutputSet::~OutputSet() {
  if (is_committed_) return;
  members_.clear();
  for (auto folder = folders_.rbegin(); folder != folders_.rend(); ++folder) {
    folder->second->remove_made();
  }
}

ByteSink& OutputSet::main() noexcept { return *members_.front(); }

AtomicFile& OutputSet::file(std::size_t member) noexcept { return members_[member]->file; }

std::shared_ptr<const OutputFolder> OutputSet::folder_of(const std::filesystem::path& relative) {
  const std::filesystem::path parent = relative.parent_path();
  if (parent.empty()) return file(0).folder();
  const std::string name = parent.generic_string();
  const auto known = folders_.find(name);
  if (known != folders_.end()) return known->second;
  return folders_.emplace(name, file(0).folder()->below(parent)).first->second;
}

ByteSink& OutputSet::add(const std::filesystem::path& relative) {
  require_no_aside_name(relative);
  members_.push_back(std::make_unique<Member>(*this, folder_of(relative),
                                              relative.filename().string(), overwrite_, sync_));
  return *members_.back();
}

void OutputSet::keep(const std::filesystem::path& relative, const FileState& state) {
  require_no_aside_name(relative);
  kept_.emplace_back(file(0).folder()->path() / relative, state);
}

void OutputSet::before_write(const Member& member) {
  while (members_[writing_].get() != &member) {
    if (writing_ >= kMostOpen) file(writing_).close_staged();
    ++writing_;
  }
}

void OutputSet::start_sync() {
  if (sync_ == Sync::kLater) return;
  for (const auto& member : members_) {
    if (member->file.is_open()) member->file.start_sync();
  }
}

std::vector<std::filesystem::path> OutputSet::commit() {
  for (std::size_t i = 0; i < members_.size(); ++i) {
    if (i < kMostOpen) {
      file(i).stage();
    } else {
      file(i).close_staged();
    }
  }
  const FolderLock lock(*file(0).folder());
  require_kept();
  std::vector<std::filesystem::path> left;
  if (members_.size() == 1) {
    file(0).place(overwrite_);
  } else {
    left = place_all();
  }
  is_committed_ = true;
  return left;
}

void OutputSet::require_kept() const {
  for (const auto& [path, state] : kept_) {
    struct stat status {};
    if (::stat(path.c_str(), &status) == 0 && FileState(status) == state) continue;
    throw Error(ErrorCode::kFile,
                fmt::format("{} was changed meanwhile by somebody else; nothing was written: try "
                            "again",
                            path.string()));
  }
}

std::vector<std::filesystem::path> OutputSet::place_all() {
  // A process was killed between taking the old files away and the end: what it put aside are the
  // old ones, and what it put in their places is of no use.
  const bool takes_over = !file(0).exists() && file(0).has_aside();
  // What was done, to be undone from the last on.
  std::vector<AtomicFile*> aside;
  std::vector<AtomicFile*> placed;
  try {
    // Without its main file, nobody takes what comes for a part of the old model.
    for (std::size_t i = 0; overwrite_ == Overwrite::kReplace && i < members_.size(); ++i) {
      const bool is_aside = takes_over && file(i).has_aside();
      if (is_aside && file(i).exists()) file(i).remove_existing();
      if (is_aside || file(i).set_aside()) aside.push_back(&file(i));
    }
    // The main file last: it never refers to data that is not there yet.
    for (std::size_t i = members_.size(); i-- > 0;) {
      placed.push_back(&file(i));
      file(i).place(Overwrite::kRefuse);
    }
  } catch (const Error& error) {
    std::string left;
    for (auto one = placed.rbegin(); one != placed.rend(); ++one) (*one)->withdraw();
    for (auto one = aside.rbegin(); one != aside.rend(); ++one) {
      try {
        (*one)->bring_back();
      } catch (const Error&) {
        left +=
            fmt::format("; {} is now {}", (*one)->path().string(), (*one)->aside_path().string());
      }
    }
    throw Error(error.code(), error.what() + left);
  }
  std::vector<std::filesystem::path> left;
  for (const AtomicFile* one : aside) {
    if (!one->drop_aside()) left.push_back(one->aside_path());
  }
  return left;
}

}  // namespace qc
