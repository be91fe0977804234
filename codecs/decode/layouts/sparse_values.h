// The stored values of a sparse tensor, handed out as a layout needs them.
#pragma once

#include <algorithm>
#include <cstring>

#include "codecs/decode/layout.h"
#include "codecs/shared/simd/expand.h"

namespace qc {

/// Pulls stored elements from a dense reader in blocks. Past the last it gives zeros, and finish()
/// tells.
class StoredValues {
 public:
  void start(ElementReader* reader, std::uint64_t count, unsigned width) noexcept {
    reader_ = reader;
    left_ = count;
    width_ = width;
  }

  const std::uint8_t* next() noexcept { return take(1); }

  /// The next `count` elements, at most kBlock, with kExpandSlack readable bytes after them.
  const std::uint8_t* take(std::size_t count) noexcept {
    if (size_ - at_ < count) refill(count);
    const std::uint8_t* taken = memory_ + at_ * width_;
    at_ += count;
    return taken;
  }

  /// After the last element: true when just the stored elements were taken and all is well.
  bool finish() noexcept { return valid_ && left_ == 0 && at_ == size_ && reader_->finish(); }

 private:
  // At most kBlock - 1 elements are left over, so another block fits.
  void refill(std::size_t wanted) noexcept {
    std::memmove(memory_, memory_ + at_ * width_, (size_ - at_) * width_);
    size_ -= at_;
    at_ = 0;
    const auto some = static_cast<std::size_t>(std::min<std::uint64_t>(left_, kBlock));
    if (some > 0) reader_->read(memory_ + size_ * width_, some);
    size_ += some;
    left_ -= some;
    if (size_ < wanted) {
      valid_ = false;
      std::memset(memory_ + size_ * width_, 0, (wanted - size_) * width_);
      size_ = wanted;
    }
  }

  ElementReader* reader_ = nullptr;
  std::uint64_t left_ = 0;
  std::size_t at_ = 0;
  std::size_t size_ = 0;
  unsigned width_ = 1;
  bool valid_ = true;
  std::uint8_t memory_[2 * kBlock * 8 + kExpandSlack];
};

}  // namespace qc
