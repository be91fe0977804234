// Reads the bits of a context model; see arithmetic_coder.h.
#pragma once

#include <cstdint>

#include "codecs/shared/context/arithmetic_coder.h"
#include "core/bytes.h"

namespace qc::context {

/// Fed with untrusted bytes: any bytes give some bits.
class BitDecoder {
 public:
  BitDecoder() = default;
  explicit BitDecoder(ByteView bytes) noexcept : at_(bytes.data()), left_(bytes.size()) {
    for (int i = 0; i < 4; ++i) shift();
  }

  /// The next bit; the first argument is not looked at.
  bool code(bool /*bit*/, int p1) noexcept {
    const std::uint32_t middle = split_interval(low_, high_, p1);
    const bool bit = value_ <= middle;
    (bit ? high_ : low_) = bit ? middle : middle + 1;
    while (((low_ ^ high_) >> 24) == 0) {
      low_ <<= 8;
      high_ = (high_ << 8) | 0xff;
      shift();
    }
    return bit;
  }

  /// True when all bytes have been looked at.
  bool at_end() const noexcept { return left_ == 0; }

 private:
  void shift() noexcept {
    value_ <<= 8;
    if (left_ == 0) return;
    value_ |= *at_++;
    --left_;
  }

  const std::uint8_t* at_ = nullptr;
  std::size_t left_ = 0;
  std::uint32_t low_ = 0;
  std::uint32_t high_ = 0xffffffff;
  std::uint32_t value_ = 0;
};

}  // namespace qc::context
