// A binary arithmetic coder: each bit narrows an interval of 32-bit numbers by its probability;
// leading bytes that both ends agree on are written. Encoder and decoder have the same interface,
// so that a model is written once for both.
#pragma once

#include <cstdint>

#include "codecs/context/logistic.h"
#include "core/bytes.h"

namespace qc::context {

class BitEncoder {
 public:
  explicit BitEncoder(Bytes& out) : out_(out) {}

  /// Codes a bit that is 1 with probability `p1` / 65536 (1 to 65535), and returns it.
  bool code(bool bit, int p1) {
    const std::uint32_t middle = split(low_, high_, p1);
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

  static std::uint32_t split(std::uint32_t low, std::uint32_t high, int p1) noexcept {
    return low + static_cast<std::uint32_t>(
                     (std::uint64_t{high - low} * static_cast<unsigned>(p1)) >> 16);
  }

 private:
  Bytes& out_;
  std::uint32_t low_ = 0;
  std::uint32_t high_ = 0xffffffff;
};

/// Fed with untrusted bytes: any bytes give some bits.
class BitDecoder {
 public:
  BitDecoder() = default;
  explicit BitDecoder(ByteView bytes) noexcept : at_(bytes.data()), left_(bytes.size()) {
    for (int i = 0; i < 4; ++i) shift();
  }

  /// The next bit; the first argument is not looked at.
  bool code(bool /*bit*/, int p1) noexcept {
    const std::uint32_t middle = BitEncoder::split(low_, high_, p1);
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
