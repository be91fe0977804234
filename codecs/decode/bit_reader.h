// Bits in little-endian order: the first bit written is the lowest bit of the first byte.
#pragma once

#include <cstdint>

#include "core/bytes.h"

namespace qc {

/// Reads bit fields from a byte string. Past the end it reads zeros, and finish() tells. Fed with
/// untrusted bytes.
class BitReader {
 public:
  BitReader() = default;
  explicit BitReader(ByteView bytes) noexcept : begin_(bytes.data()), size_(bytes.size()) {}

  /// At least 56 bits from the current position on.
  std::uint64_t peek() const noexcept {
    const std::uint64_t byte = position_ >> 3;
    if (byte + 8 <= size_) return load_le<std::uint64_t>(begin_ + byte) >> (position_ & 7);
    std::uint64_t bits = 0;
    for (std::uint64_t i = byte; i < size_; ++i) {
      bits |= static_cast<std::uint64_t>(begin_[i]) << (8 * (i - byte));
    }
    return bits >> (position_ & 7);
  }

  void skip(unsigned count) noexcept { position_ += count; }

  std::uint64_t get(unsigned count) noexcept {
    const std::uint64_t value = peek() & ((std::uint64_t{1} << count) - 1);
    skip(count);
    return value;
  }

  std::uint64_t get_wide(unsigned count) noexcept {
    if (count <= 32) return get(count);
    const std::uint64_t low = get(32);
    return low | (get(count - 32) << 32);
  }

  /// The next `count` bytes; nothing, and nothing is read, where there are fewer left or the
  /// position is inside a byte.
  ByteView take_bytes(std::size_t count) noexcept {
    if ((position_ & 7) != 0 || position_ / 8 > size_ || count > size_ - position_ / 8) return {};
    const ByteView bytes(begin_ + position_ / 8, count);
    position_ += 8 * std::uint64_t{count};
    return bytes;
  }

  /// Whole bytes read so far, the last one counted when it was only begun.
  std::uint64_t bytes_used() const noexcept { return (position_ + 7) / 8; }

  /// True when no read went past the end.
  bool in_range() const noexcept { return position_ <= 8 * static_cast<std::uint64_t>(size_); }

  /// True when what is left of the byte that was begun is zero.
  bool padding_is_zero() const noexcept {
    const std::uint64_t byte = position_ >> 3;
    return (position_ & 7) == 0 || byte >= size_ || begin_[byte] >> (position_ & 7) == 0;
  }

  /// True when exactly all bytes were read and the padding of the last one is zero.
  bool finish() const noexcept { return bytes_used() == size_ && padding_is_zero(); }

 private:
  const std::uint8_t* begin_ = nullptr;
  std::size_t size_ = 0;
  std::uint64_t position_ = 0;  // bits
};

}  // namespace qc
