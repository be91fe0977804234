// Memory up to a limit.
#pragma once

#include <atomic>
#include <cstdint>

#include "codecs/shared/allocator.h"

namespace qc {

/// Hands on the memory of another allocator, never more than a limit at a time.
class LimitedMemory final : public Allocator {
 public:
  /// Of an allocator that outlives this.
  explicit LimitedMemory(std::uint64_t limit, Allocator& source = heap()) noexcept
      : limit_(limit), source_(source) {}

  std::uint8_t* allocate(std::uint64_t size) noexcept override;
  void release(std::uint8_t* memory, std::uint64_t size) noexcept override;

  /// Bytes that are in use.
  std::uint64_t used() const noexcept { return used_.load(); }
  /// Whether more was asked for than the limit allows.
  bool ran_out() const noexcept { return ran_out_.load(); }

 private:
  const std::uint64_t limit_;
  Allocator& source_;
  std::atomic<std::uint64_t> used_ = 0;
  std::atomic<bool> ran_out_ = false;
};

}  // namespace qc
