// Large blocks of memory in huge pages.
#pragma once

#include <cstddef>
#include <mutex>
#include <vector>

#include "core/bytes.h"

namespace qc {

/// Has the allocator keep what is freed instead of giving it back to the system: blocks of a few
/// hundred kilobytes come and go, and each would bring its page faults along. For the start of a
/// program.
void keep_freed_memory() noexcept;

/// Memory of its own mapping, in huge pages where the system has them: the first touch of a small
/// page costs more than filling it. Zero at first. Movable.
class PageBuffer {
 public:
  PageBuffer() = default;
  /// Throws std::bad_alloc.
  explicit PageBuffer(std::size_t size);
  ~PageBuffer();
  PageBuffer(PageBuffer&& other) noexcept;
  PageBuffer& operator=(PageBuffer&& other) noexcept;

  MutableBytes bytes() const noexcept { return bytes_; }

  /// Has the system provide all pages now, on several threads, instead of one by one as they are
  /// written: stores that go past the caches are slow in pages that were just cleared. What the
  /// memory holds stays.
  void populate(unsigned threads) const;

 private:
  MutableBytes bytes_;
};

/// Buffers that are used again, for threads that hand blocks on.
class PageBufferPool {
 public:
  /// A buffer of at least `size` bytes. What it holds is left over from the last use.
  PageBuffer take(std::size_t size);
  void give(PageBuffer buffer);

 private:
  std::mutex mutex_;
  std::vector<PageBuffer> free_;
};

}  // namespace qc
