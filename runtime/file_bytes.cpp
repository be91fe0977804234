#include "runtime/file_bytes.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

#if defined(__unix__) && !defined(__EMSCRIPTEN__)
#define QC_MAPS_FILES 1
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#else
#define QC_MAPS_FILES 0
#endif

namespace qc {
namespace {

ContainerFailure unreadable(const char* path) noexcept {
  const char* const reason = errno != 0 ? std::strerror(errno) : "it is no regular file";
  return failure(ErrorCode::kFile,
                 {std::string_view(path).substr(0, 100), " cannot be read: ", reason});
}

}  // namespace

#if QC_MAPS_FILES

FileBytes::~FileBytes() {
  if (mapped_.empty()) return;
  munmap(const_cast<std::uint8_t*>(mapped_.data()), mapped_.size());
}

ContainerFailure FileBytes::open(const char* path, ByteView& bytes) noexcept {
  errno = 0;
  const int file = ::open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return unreadable(path);
  struct stat state {};
  void* start = MAP_FAILED;
  bool is_empty = false;
  if (fstat(file, &state) == 0 && S_ISREG(state.st_mode)) {
    const auto size = static_cast<std::uint64_t>(state.st_size);
    is_empty = size == 0;
    if (size > SIZE_MAX) {
      errno = EFBIG;
    } else if (!is_empty) {
      start = mmap(nullptr, static_cast<std::size_t>(size), PROT_READ, MAP_PRIVATE, file, 0);
    }
  }
  const int reason = errno;
  close(file);
  if (is_empty) return {};
  if (start == MAP_FAILED) {
    errno = reason;
    return unreadable(path);
  }
  mapped_ = {static_cast<const std::uint8_t*>(start), static_cast<std::size_t>(state.st_size)};
  bytes = mapped_;
  return {};
}

std::uint64_t FileBytes::size_of(const char* path) noexcept {
  struct stat state {};
  return stat(path, &state) == 0 ? static_cast<std::uint64_t>(state.st_size) : 0;
}

#else

FileBytes::~FileBytes() = default;

ContainerFailure FileBytes::open(const char* path, ByteView& bytes) noexcept {
  errno = 0;
  const std::uint64_t size = size_of(path);
  std::FILE* const file = std::fopen(path, "rb");
  if (file == nullptr) return unreadable(path);
  const bool has_memory = copy_.create(size);
  const std::size_t got = has_memory ? std::fread(copy_.span().data(), 1, copy_.size(), file) : 0;
  std::fclose(file);
  if (!has_memory) return no_memory(size, "the file is too large");
  if (got != copy_.size()) return unreadable(path);
  bytes = copy_.span();
  return {};
}

std::uint64_t FileBytes::size_of(const char* path) noexcept {
  std::FILE* const file = std::fopen(path, "rb");
  if (file == nullptr) return 0;
  const long size = std::fseek(file, 0, SEEK_END) == 0 ? std::ftell(file) : 0;
  std::fclose(file);
  return size > 0 ? static_cast<std::uint64_t>(size) : 0;
}

#endif

}  // namespace qc
