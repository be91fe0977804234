// Where the memory that decoding borrows comes from.
#pragma once

#include <cstdint>

namespace qc {

/// A source of memory. Safe on several threads; nothing here throws.
class Allocator {
 public:
  /// `size` bytes, at least one, aligned to 64 bytes; null when there are none.
  virtual std::uint8_t* allocate(std::uint64_t size) noexcept = 0;
  /// Takes back what allocate() gave for the same size; null is ignored.
  virtual void release(std::uint8_t* memory, std::uint64_t size) noexcept = 0;

 protected:
  ~Allocator() = default;
};

/// The heap of the program.
Allocator& heap() noexcept;

}  // namespace qc
