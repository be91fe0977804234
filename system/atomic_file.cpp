#include "system/atomic_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <functional>
#include <utility>

#include "core/error.h"

namespace qc {
namespace {

// Pieces up to kSmallPiece are gathered: a call for each would cost more than copying it.
constexpr std::size_t kWriteBuffer = std::size_t{1} << 17;
constexpr std::size_t kSmallPiece = std::size_t{1} << 14;

// The system begins to write to the disk after so many bytes, while more are made.
constexpr std::uint64_t kSyncStep = std::uint64_t{1} << 23;

constexpr std::string_view kAsideEnding = ".qcompress-old";

// Longer names leave no room for what hidden ones have beside them.
constexpr std::size_t kLongName = 200;

std::string hidden_name(const std::string& name, std::string_view ending) {
  if (name.size() <= kLongName) return fmt::format(".{}{}", name, ending);
  return fmt::format(".{}.{:x}{}", name.substr(0, kLongName / 2), std::hash<std::string>{}(name),
                     ending);
}

// Another name each time: one that was left behind must not be in the way.
std::string temporary_name(const std::string& name) {
  std::uint64_t number = 0;
  if (::getrandom(&number, sizeof number, GRND_NONBLOCK) != sizeof number) {
    number = static_cast<std::uint64_t>(::getpid());
  }
  return hidden_name(name, fmt::format(".{:016x}.tmp", number));
}

// Where a link leads, for the output itself: it stays, and so does what it leads to but for the
// content.
std::filesystem::path target_of(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::is_symlink(path, error)) return path;
  std::filesystem::path target = std::filesystem::canonical(path, error);
  if (error) {
    throw Error(ErrorCode::kFile, fmt::format("{} is a link that leads nowhere: {}; remove it or "
                                              "name another output",
                                              path.string(), error.message()));
  }
  return target;
}

[[noreturn]] void refuse_existing(const std::filesystem::path& path) {
  throw Error(ErrorCode::kFile,
              fmt::format("{} exists already; use -f to overwrite it", path.string()));
}

}  // namespace

void require_absent(const std::filesystem::path& path, Overwrite overwrite) {
  std::error_code error;
  const auto status = std::filesystem::symlink_status(path, error);
  if (!std::filesystem::exists(status)) return;
  if (std::filesystem::is_directory(status)) {
    throw Error(ErrorCode::kFile, fmt::format("{} is a folder; name a file", path.string()));
  }
  if (overwrite == Overwrite::kRefuse) refuse_existing(path);
}

AtomicFile::AtomicFile(const std::filesystem::path& path, Overwrite overwrite, Sync sync)
    : path_(path), overwrite_(overwrite), sync_(sync) {
  require_absent(path, overwrite);
  const std::filesystem::path target = target_of(path);
  try {
    folder_ = std::make_shared<OutputFolder>(target.parent_path());
  } catch (const Error& error) {
    throw Error(error.code(), fmt::format("cannot create {}: {}", path.string(), error.what()));
  }
  name_ = target.filename().string();
  look_at_existing(overwrite);
  open();
}

AtomicFile::AtomicFile(std::shared_ptr<const OutputFolder> folder, const std::string& name,
                       Overwrite overwrite, Sync sync)
    : folder_(std::move(folder)),
      name_(name),
      path_(folder_->path() / name),
      overwrite_(overwrite),
      sync_(sync) {
  look_at_existing(overwrite);
}

AtomicFile::~AtomicFile() {
  if (!temporary_.empty()) ::unlinkat(folder_->fd(), temporary_.c_str(), 0);
}

void AtomicFile::look_at_existing(Overwrite overwrite) {
  struct stat status {};
  if (::fstatat(folder_->fd(), name_.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno != ENOENT) fail("create", errno);
    return;
  }
  if (overwrite == Overwrite::kRefuse) refuse_existing(path_);
  if (!S_ISREG(status.st_mode)) {
    throw Error(ErrorCode::kFile,
                fmt::format("{} is {}; remove it or name another output", path_.string(),
                            S_ISDIR(status.st_mode)   ? "a folder"
                            : S_ISLNK(status.st_mode) ? "a link"
                                                      : "no regular file"));
  }
  mode_ = status.st_mode & (S_IRWXU | S_IRWXG | S_IRWXO);
  owner_ = status.st_uid;
  group_ = status.st_gid;
}

void AtomicFile::open() {
#ifdef O_TMPFILE
  fd_ = Descriptor(::openat(folder_->fd(), ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666));
#endif
  if (fd_) return;
  temporary_ = temporary_name(name_);
  fd_ = Descriptor(
      ::openat(folder_->fd(), temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (!fd_) {
    temporary_.clear();
    fail("create", errno);
  }
}

void AtomicFile::fail(const char* action, int error) const {
  throw Error(ErrorCode::kFile,
              fmt::format("cannot {} {}: {}", action, path_.string(), std::strerror(error)));
}

void AtomicFile::write(ByteView bytes) {
  if (bytes.size() > kSmallPiece) {
    flush();
    write_through(bytes);
  } else {
    append(buffer_, bytes);
    if (buffer_.size() >= kWriteBuffer) flush();
  }
  size_ += bytes.size();
  if (sync_ == Sync::kToDisk && size_ - sync_started_ >= kSyncStep) start_sync();
}

void AtomicFile::start_sync() {
  flush();
#ifdef SYNC_FILE_RANGE_WRITE
  // Only a hint: stage() finds out whether the bytes arrived.
  ::sync_file_range(fd_.get(), static_cast<off_t>(sync_started_),
                    static_cast<off_t>(size_ - sync_started_), SYNC_FILE_RANGE_WRITE);
#endif
  sync_started_ = size_;
}

void AtomicFile::flush() {
  write_through(buffer_);
  buffer_.clear();
}

void AtomicFile::write_through(ByteView rest) {
  if (!fd_) open();
  while (!rest.empty()) {
    const ssize_t written = ::write(fd_.get(), rest.data(), rest.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      fail("write", errno);
    }
    rest = rest.subspan(static_cast<std::size_t>(written));
  }
}

void AtomicFile::restart() {
  buffer_.clear();
  size_ = 0;
  sync_started_ = 0;
  if (fd_ && (::ftruncate(fd_.get(), 0) != 0 || ::lseek(fd_.get(), 0, SEEK_SET) < 0)) {
    fail("write", errno);
  }
}

void AtomicFile::stage() {
  if (!fd_ && !temporary_.empty()) return;  // it is already
  flush();
  if (mode_) {
    // Another's file may become ours, but no more readable than it was.
    [[maybe_unused]] const int changed = ::fchown(fd_.get(), owner_, group_);
    if (::fchmod(fd_.get(), *mode_) != 0) fail("write", errno);
  }
  // The folder is not synced: its journal keeps the order, so the name is lost at most.
  if (sync_ == Sync::kToDisk && ::fsync(fd_.get()) != 0) fail("write", errno);
  struct stat status {};
  if (::fstat(fd_.get(), &status) != 0) fail("write", errno);
  placed_ = FileState(status);
}

void AtomicFile::close_staged() {
  stage();
  if (!fd_) return;
  if (temporary_.empty()) give_temporary_name();
  close();
}

void AtomicFile::close() {
  if (fd_ && ::close(fd_.release()) != 0) fail("write", errno);
}

void AtomicFile::give_temporary_name() {
  const std::string name = temporary_name(name_);
  if (!link_to(name)) fail("create", EEXIST);
  temporary_ = name;
}

void AtomicFile::commit() {
  stage();
  const FolderLock lock(*folder_);
  place(overwrite_);
}

void AtomicFile::place(Overwrite overwrite) {
  if (temporary_.empty() && !link_to(name_)) {
    if (overwrite == Overwrite::kRefuse) refuse_existing(path_);
    give_temporary_name();
  }
  if (temporary_.empty()) {
    try {
      close();
    } catch (const Error&) {
      withdraw();
      throw;
    }
    return;
  }
  close();
  if (overwrite == Overwrite::kRefuse) {
    if (!rename_to_free(temporary_, name_)) refuse_existing(path_);
  } else if (::renameat(folder_->fd(), temporary_.c_str(), folder_->fd(), name_.c_str()) != 0) {
    fail("create", errno);
  }
  temporary_.clear();
}

bool AtomicFile::link_to(const std::string& name) const {
  const std::string unnamed = fmt::format("/proc/self/fd/{}", fd_.get());
  if (::linkat(AT_FDCWD, unnamed.c_str(), folder_->fd(), name.c_str(), AT_SYMLINK_FOLLOW) == 0) {
    return true;
  }
  if (errno != EEXIST) fail("create", errno);
  return false;
}

bool AtomicFile::rename_to_free(const std::string& from, const std::string& to) const {
  const int folder = folder_->fd();
  if (::renameat2(folder, from.c_str(), folder, to.c_str(), RENAME_NOREPLACE) == 0) return true;
  if (errno == EEXIST) return false;
  if (errno != EINVAL && errno != ENOSYS) fail("create", errno);
  // A file system that does not know the flag: a link does not replace anything either.
  if (::linkat(folder, from.c_str(), folder, to.c_str(), 0) == 0) {
    if (::unlinkat(folder, from.c_str(), 0) != 0) fail("create", errno);
    return true;
  }
  if (errno == EEXIST) return false;
  if (errno != EPERM && errno != EOPNOTSUPP) fail("create", errno);
  // Nor links: what appears between these two calls is lost.
  struct stat status {};
  if (::fstatat(folder, to.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) return false;
  if (::renameat(folder, from.c_str(), folder, to.c_str()) != 0) fail("create", errno);
  return true;
}

std::string AtomicFile::aside_name() const { return hidden_name(name_, kAsideEnding); }

bool AtomicFile::is_aside_name(std::string_view name) noexcept {
  return name.starts_with('.') && name.ends_with(kAsideEnding);
}

bool AtomicFile::has_aside() const noexcept {
  return ::faccessat(folder_->fd(), aside_name().c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

bool AtomicFile::exists() const noexcept {
  return ::faccessat(folder_->fd(), name_.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

bool AtomicFile::set_aside() {
  if (::renameat(folder_->fd(), name_.c_str(), folder_->fd(), aside_name().c_str()) == 0) {
    return true;
  }
  if (errno != ENOENT) fail("replace", errno);
  return false;
}

void AtomicFile::bring_back() {
  if (!rename_to_free(aside_name(), name_)) fail("restore", EEXIST);
}

void AtomicFile::remove_existing() {
  if (::unlinkat(folder_->fd(), name_.c_str(), 0) != 0) fail("replace", errno);
}

bool AtomicFile::drop_aside() const noexcept {
  return ::unlinkat(folder_->fd(), aside_name().c_str(), 0) == 0 || errno == ENOENT;
}

void AtomicFile::withdraw() noexcept {
  struct stat status {};
  if (::fstatat(folder_->fd(), name_.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return;
  if (FileState(status).is_same_file(placed_)) ::unlinkat(folder_->fd(), name_.c_str(), 0);
}

bool stays_inside(const std::filesystem::path& path) {
  if (path.empty() || path.has_root_path()) return false;
  return std::none_of(path.begin(), path.end(), [](const auto& part) { return part == ".."; });
}

}  // namespace qc
