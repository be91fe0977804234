#include "core/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "core/error.h"
#include "core/memory_size.h"

namespace qc {
namespace {

// Pieces up to kSmallPiece are gathered: a call for each would cost more than copying it.
constexpr std::size_t kWriteBuffer = std::size_t{1} << 17;
constexpr std::size_t kSmallPiece = std::size_t{1} << 14;

// The system begins to write to the disk after so many bytes, while more are made.
constexpr std::uint64_t kSyncStep = std::uint64_t{1} << 23;

std::string reason(int error) { return std::strerror(error); }

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const noexcept { return fd_; }

 private:
  int fd_;
};

std::filesystem::path folder_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) {
    throw Error(ErrorCode::kFile, fmt::format("cannot open {}: {}", path.string(), reason(errno)));
  }
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) {
    throw Error(ErrorCode::kFile, fmt::format("cannot read {}: {}", path.string(), reason(errno)));
  }
  if (!S_ISREG(status.st_mode)) {
    throw Error(ErrorCode::kFile, fmt::format("{} is not a regular file", path.string()));
  }
  const auto size = memory_size(static_cast<std::uint64_t>(status.st_size));
  if (size == 0) return;
  void* mapping = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (mapping == MAP_FAILED) {
    throw Error(ErrorCode::kFile, fmt::format("cannot map {}: {}", path.string(), reason(errno)));
  }
  bytes_ = {static_cast<const std::uint8_t*>(mapping), size};
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::uint8_t*>(bytes_.data()), bytes_.size());
}

MappedFile::MappedFile(MappedFile&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  return *this;
}

void MappedFile::release(ByteView part) const noexcept {
  if (part.empty() || part.data() < bytes_.data() ||
      part.data() + part.size() > bytes_.data() + bytes_.size()) {
    return;
  }
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const auto offset = static_cast<std::size_t>(part.data() - bytes_.data());
  const std::size_t begin = (offset + page - 1) / page * page;
  const std::size_t last = offset + part.size();
  const std::size_t end = last == bytes_.size() ? last : last / page * page;
  if (begin >= end) return;
  ::madvise(const_cast<std::uint8_t*>(bytes_.data()) + begin, end - begin, MADV_DONTNEED);
}

void require_absent(const std::filesystem::path& path, Overwrite overwrite) {
  std::error_code error;
  const auto status = std::filesystem::symlink_status(path, error);
  if (!std::filesystem::exists(status)) return;
  if (std::filesystem::is_directory(status)) {
    throw Error(ErrorCode::kFile, fmt::format("{} is a folder; name a file", path.string()));
  }
  if (overwrite == Overwrite::kRefuse) {
    throw Error(ErrorCode::kFile,
                fmt::format("{} exists already; use -f to overwrite it", path.string()));
  }
}

AtomicFile::AtomicFile(std::filesystem::path path, Overwrite overwrite, Sync sync)
    : path_(std::move(path)), overwrite_(overwrite), sync_(sync) {
  require_absent(path_, overwrite_);
  const std::filesystem::path folder = folder_of(path_);
#ifdef O_TMPFILE
  fd_ = ::open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
#endif
  if (fd_ < 0) {
    temporary_ = temporary_name();
    fd_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd_ < 0) {
      temporary_.clear();
      fail("create", errno);
    }
  }
}

AtomicFile::~AtomicFile() {
  if (fd_ >= 0) ::close(fd_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

std::filesystem::path AtomicFile::temporary_name() const {
  return folder_of(path_) / fmt::format(".{}.{}.tmp", path_.filename().string(), ::getpid());
}

void AtomicFile::fail(const char* action, int error) const {
  throw Error(ErrorCode::kFile,
              fmt::format("cannot {} {}: {}", action, path_.string(), reason(error)));
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
  // Only a hint: commit() finds out whether the bytes arrived.
  ::sync_file_range(fd_, static_cast<off_t>(sync_started_),
                    static_cast<off_t>(size_ - sync_started_), SYNC_FILE_RANGE_WRITE);
#endif
  sync_started_ = size_;
}

void AtomicFile::flush() {
  write_through(buffer_);
  buffer_.clear();
}

void AtomicFile::write_through(ByteView rest) {
  while (!rest.empty()) {
    const ssize_t written = ::write(fd_, rest.data(), rest.size());
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
  if (::ftruncate(fd_, 0) != 0 || ::lseek(fd_, 0, SEEK_SET) < 0) fail("write", errno);
}

void AtomicFile::commit() {
  flush();
  // The folder is not synced: its journal keeps the order, so the name is lost at most.
  if (sync_ == Sync::kToDisk && ::fsync(fd_) != 0) fail("write", errno);
  require_absent(path_, overwrite_);
  if (temporary_.empty() && !link_to(path_)) {
    const std::filesystem::path name = temporary_name();
    require_absent(path_, overwrite_);
    if (!link_to(name)) fail("create", EEXIST);
    temporary_ = name;
  }
  if (!temporary_.empty() && ::rename(temporary_.c_str(), path_.c_str()) != 0) {
    fail("create", errno);
  }
  temporary_.clear();
  const int fd = std::exchange(fd_, -1);
  if (::close(fd) != 0) fail("write", errno);
}

bool AtomicFile::link_to(const std::filesystem::path& name) const {
  const std::string unnamed = fmt::format("/proc/self/fd/{}", fd_);
  if (::linkat(AT_FDCWD, unnamed.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) == 0) {
    return true;
  }
  if (errno != EEXIST) fail("create", errno);
  return false;
}

bool stays_inside(const std::filesystem::path& path) {
  if (path.empty() || path.has_root_path()) return false;
  return std::none_of(path.begin(), path.end(), [](const auto& part) { return part == ".."; });
}

}  // namespace qc
