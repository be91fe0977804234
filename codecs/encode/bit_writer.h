// Bits in little-endian order: the first bit written is the lowest bit of the first byte.
#pragma once

#include <cstdint>

#include "core/bytes.h"

namespace qc {

/// Appends bit fields to a byte string; finish() pads the last byte with zeros.
class BitWriter {
 public:
  explicit BitWriter(Bytes& out) : out_(out) {}

  /// Appends the low `count` bits of `value` (count <= 56; higher bits of value are zero).
  void put(std::uint64_t value, unsigned count) {
    pending_ |= value << filled_;
    filled_ += count;
    while (filled_ >= 8) {
      out_.push_back(static_cast<std::uint8_t>(pending_));
      pending_ >>= 8;
      filled_ -= 8;
    }
  }

  /// As put, for counts up to 64.
  void put_wide(std::uint64_t value, unsigned count) {
    if (count > 32) {
      put(value & 0xffffffffu, 32);
      value >>= 32;
      count -= 32;
    }
    put(value, count);
  }

  void finish() {
    if (filled_ > 0) out_.push_back(static_cast<std::uint8_t>(pending_));
    pending_ = 0;
    filled_ = 0;
  }

 private:
  Bytes& out_;
  std::uint64_t pending_ = 0;
  unsigned filled_ = 0;
};

}  // namespace qc
