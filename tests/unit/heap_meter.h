// How much heap a piece of code takes.
#pragma once

#include <cstddef>

namespace qc::test {

/// Counts while it lives, in this process and on all threads: what operator new hands out, and
/// under AddressSanitizer everything that malloc does. One at a time.
class HeapMeter {
 public:
  HeapMeter();
  ~HeapMeter();
  HeapMeter(const HeapMeter&) = delete;
  HeapMeter& operator=(const HeapMeter&) = delete;

  /// The most bytes that were live at a time beyond those at the start.
  std::size_t peak() const;
};

}  // namespace qc::test
