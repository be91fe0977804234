#include "system/mapped_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "core/error.h"
#include "system/descriptor.h"

namespace qc {
namespace {

// The mappings, for a handler that may take no lock. Those that find no place are told without
// their name.
struct Watched {
  std::atomic<const char*> path = nullptr;  // of a mapping that is there
  std::atomic<const std::uint8_t*> begin = nullptr;
  std::atomic<std::size_t> size = 0;
  std::atomic<bool> taken = false;
};
std::array<Watched, 256> watched_mappings;

std::size_t watch(const char* path, ByteView bytes) noexcept {
  for (std::size_t i = 0; i < watched_mappings.size(); ++i) {
    Watched& entry = watched_mappings[i];
    if (entry.taken.exchange(true)) continue;
    entry.begin = bytes.data();
    entry.size = bytes.size();
    entry.path = path;
    return i + 1;
  }
  return 0;
}

void unwatch(std::size_t place) noexcept {
  if (place == 0) return;
  Watched& entry = watched_mappings[place - 1];
  entry.path = nullptr;
  entry.taken = false;
}

void write_text(const char* text) noexcept {
  // There is nobody to tell that nothing can be told.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text, std::strlen(text));
}

void report_lost_mapping(int signal, siginfo_t* info, void* /*context*/) {
  const auto* at = static_cast<const std::uint8_t*>(info->si_addr);
  for (const Watched& entry : watched_mappings) {
    const char* path = entry.path;
    if (path == nullptr || at < entry.begin || at >= entry.begin + entry.size) continue;
    write_text("qcompress: ");
    write_text(path);
    write_text(": cannot be read to the end: it was cut short meanwhile, or the disk failed\n");
    ::_exit(static_cast<int>(ErrorCode::kFile));
  }
  // Not ours: the default action, when the instruction is tried again.
  ::signal(signal, SIG_DFL);
}

}  // namespace

FileState::FileState(const struct stat& status)
    : device(status.st_dev),
      number(status.st_ino),
      size(static_cast<std::uint64_t>(status.st_size)),
      modified_s(status.st_mtim.tv_sec),
      modified_ns(status.st_mtim.tv_nsec) {}

MappedFile::MappedFile(std::filesystem::path path) : path_(std::move(path)) {
  const Descriptor file(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  const auto fail = [&](const char* action) {
    throw Error(ErrorCode::kFile,
                fmt::format("cannot {} {}: {}", action, path_.string(), std::strerror(errno)));
  };
  if (file.get() < 0) fail("open");
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) fail("read");
  if (!S_ISREG(status.st_mode)) {
    throw Error(ErrorCode::kFile, fmt::format("{} is not a regular file", path_.string()));
  }
  state_ = FileState(status);
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size == 0) return;
  void* mapping = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (mapping == MAP_FAILED) fail("map");
  bytes_ = {static_cast<const std::uint8_t*>(mapping), size};
  watched_ = watch(path_.c_str(), bytes_);
}

MappedFile::~MappedFile() {
  unwatch(watched_);
  if (!bytes_.empty()) ::munmap(const_cast<std::uint8_t*>(bytes_.data()), bytes_.size());
}

MappedFile::MappedFile(MappedFile&& other) noexcept { *this = std::move(other); }

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  // The text of a short path lies in the object itself, and moves with it.
  for (MappedFile* file : {this, &other}) unwatch(std::exchange(file->watched_, 0));
  std::swap(path_, other.path_);
  std::swap(bytes_, other.bytes_);
  std::swap(state_, other.state_);
  for (MappedFile* file : {this, &other}) {
    if (!file->bytes_.empty()) file->watched_ = watch(file->path_.c_str(), file->bytes_);
  }
  return *this;
}

bool MappedFile::is_at(const std::filesystem::path& path) const {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && FileState(status).is_same_file(state_);
}

void MappedFile::require_unchanged() const {
  struct stat status {};
  // A file that was removed or replaced is still what was mapped.
  if (path_.empty() || ::stat(path_.c_str(), &status) != 0) return;
  const FileState now(status);
  if (!now.is_same_file(state_) || now == state_) return;
  throw Error(
      ErrorCode::kFile,
      fmt::format("{} was changed while it was read; nothing was written: try again when it "
                  "is complete",
                  path_.string()));
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

void report_lost_mappings() noexcept {
  struct sigaction action {};
  action.sa_sigaction = report_lost_mapping;
  action.sa_flags = SA_SIGINFO;
  ::sigaction(SIGBUS, &action, nullptr);
}

}  // namespace qc
