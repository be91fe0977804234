// Writes the bits of a context model; see arithmetic_coder.h.
#pragma once

#include <cstdint>

#include "codecs/shared/context/arithmetic_coder.h"
#include "core/bytes.h"

namespace qc::context {

class BitEncoder {
 public:
  explicit BitEncoder(Bytes& out) : out_(out) {}

  /// Codes a bit that is 1 with probability `p1` / 65536 (1 to 65535), and returns it.
  bool code(bool bit, int p1) {
    const std::uint32_t middle = split_interval(low_, high_, p1);
    (bit ? high_ : low_) = bit ? middle : middle + 1;
    while (((low_ ^ high_) >> 24) == 0) {
      out_.push_back(static_cast<std::uint8_t>(high_ >> 24));
      low_ <<= 8;
      high_ = (high_ << 8) | 0xff;
    }
    return bit;
  }

  /// Writes a byte that identifies the interval when the reader appends zeros to it.
  void finish() { out_.push_back(static_cast<std::uint8_t>(high_ >> 24)); }

 private:
  Bytes& out_;
  std::uint32_t low_ = 0;
  std::uint32_t high_ = 0xffffffff;
};

}  // namespace qc::context
