// The stored values of a sparse tensor, handed out one at a time.
#pragma once

#include <algorithm>
#include <cstring>

#include "codecs/layout.h"

namespace qc {

/// Pulls stored elements from a dense reader in blocks. Past the last it gives zeros and valid()
/// turns false.
class StoredValues {
 public:
  void start(ElementReader* reader, std::uint64_t count, unsigned width) noexcept {
    reader_ = reader;
    left_ = count;
    width_ = width;
  }

  const std::uint8_t* next() noexcept {
    if (at_ == size_) refill();
    return block_ + (at_++) * width_;
  }

  /// After the last element: true when just the stored elements were taken and all is well.
  bool finish() noexcept { return valid_ && left_ == 0 && at_ == size_ && reader_->finish(); }

 private:
  void refill() noexcept {
    at_ = 0;
    if (left_ == 0) {
      valid_ = false;
      size_ = kBlock;
      std::memset(block_, 0, sizeof block_);
      return;
    }
    size_ = static_cast<std::size_t>(std::min<std::uint64_t>(left_, kBlock));
    reader_->read(block_, size_);
    left_ -= size_;
  }

  ElementReader* reader_ = nullptr;
  std::uint64_t left_ = 0;
  std::size_t at_ = 0;
  std::size_t size_ = 0;
  unsigned width_ = 1;
  bool valid_ = true;
  std::uint8_t block_[kBlock * 8];
};

}  // namespace qc
