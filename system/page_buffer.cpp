#include "system/page_buffer.h"

#include <sys/mman.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <algorithm>
#include <new>
#include <utility>

#include "system/parallel.h"

namespace qc {

void keep_freed_memory() noexcept {
#ifdef __GLIBC__
  constexpr int kMapFrom = 1 << 25;  // larger blocks are mapped, and go back at once
  constexpr int kTrimFrom = 1 << 28;
  ::mallopt(M_MMAP_THRESHOLD, kMapFrom);
  ::mallopt(M_TRIM_THRESHOLD, kTrimFrom);
#endif
}

PageBuffer::PageBuffer(std::size_t size) {
  if (size == 0) return;
  void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
#ifdef MADV_HUGEPAGE
  ::madvise(memory, size, MADV_HUGEPAGE);
#endif
  bytes_ = {static_cast<std::uint8_t*>(memory), size};
}

void PageBuffer::populate(unsigned threads) const {
  constexpr std::size_t kStep = std::size_t{1} << 25;
  constexpr std::size_t kSmallPage = 4096;
  parallel_for((bytes_.size() + kStep - 1) / kStep, thread_count(threads), [&](std::size_t i) {
    const MutableBytes part =
        bytes_.subspan(i * kStep).first(std::min(kStep, bytes_.size() - i * kStep));
#ifdef MADV_POPULATE_WRITE
    if (::madvise(part.data(), part.size(), MADV_POPULATE_WRITE) == 0) return;
#endif
    for (std::size_t at = 0; at < part.size(); at += kSmallPage) {
      volatile std::uint8_t& byte = part[at];
      byte = byte;
    }
  });
}

PageBuffer::~PageBuffer() {
  if (!bytes_.empty()) ::munmap(bytes_.data(), bytes_.size());
}

PageBuffer::PageBuffer(PageBuffer&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}

PageBuffer& PageBuffer::operator=(PageBuffer&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  return *this;
}

PageBuffer PageBufferPool::take(std::size_t size) {
  {
    const std::lock_guard lock(mutex_);
    if (!free_.empty()) {
      PageBuffer buffer = std::move(free_.back());
      free_.pop_back();
      if (buffer.bytes().size() >= size) return buffer;
    }
  }
  return PageBuffer(size);
}

void PageBufferPool::give(PageBuffer buffer) {
  if (buffer.bytes().empty()) return;
  const std::lock_guard lock(mutex_);
  free_.push_back(std::move(buffer));
}

}  // namespace qc
