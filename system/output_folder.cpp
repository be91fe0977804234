#include "system/output_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/error.h"

namespace qc {
namespace {

constexpr int kFolderFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

[[noreturn]] void fail(const char* action, const std::filesystem::path& path, int error) {
  throw Error(ErrorCode::kFile,
              fmt::format("cannot {} {}: {}", action, path.string(), std::strerror(error)));
}

}  // namespace

OutputFolder::OutputFolder(const std::filesystem::path& path)
    : path_(path.empty() ? "." : path), fd_(::open(path_.c_str(), kFolderFlags)) {
  if (!fd_) fail("write to the folder", path_, errno);
}

std::shared_ptr<OutputFolder> OutputFolder::below(const std::filesystem::path& relative) const {
  std::shared_ptr<OutputFolder> at(
      new OutputFolder(path_, Descriptor(::openat(fd(), ".", kFolderFlags))));
  if (!at->fd_) fail("write to the folder", path_, errno);
  std::vector<Made> made;
  for (const std::filesystem::path& part : relative) {
    const std::filesystem::path next = at->path_ / part;
    if (::mkdirat(at->fd(), part.c_str(), 0777) == 0) {
      made.push_back({at, part.string()});
    } else if (errno != EEXIST) {
      fail("make the folder", next, errno);
    }
    Descriptor fd(::openat(at->fd(), part.c_str(), kFolderFlags | O_NOFOLLOW));
    if (!fd) {
      if (errno != ENOTDIR && errno != ELOOP) fail("write to the folder", next, errno);
      throw Error(ErrorCode::kFile,
                  fmt::format("{} is a link or no folder, and files of the model belong in it; "
                              "remove it or name another output",
                              next.string()));
    }
    at.reset(new OutputFolder(next, std::move(fd)));
  }
  at->made_ = std::move(made);
  return at;
}

void OutputFolder::remove_made() const noexcept {
  for (auto made = made_.rbegin(); made != made_.rend(); ++made) {
    ::unlinkat(made->parent->fd(), made->name.c_str(), AT_REMOVEDIR);
  }
}

FolderLock::FolderLock(const OutputFolder& folder) : fd_(::openat(folder.fd(), ".", kFolderFlags)) {
  while (fd_ && ::flock(fd_.get(), LOCK_EX) != 0 && errno == EINTR) {
  }
}

// Closing alone would leave the lock to a child process that has not called exec yet.
FolderLock::~FolderLock() {
  if (fd_) ::flock(fd_.get(), LOCK_UN);
}

}  // namespace qc
