// Byte spans, little-endian loads and stores, and a reader that never runs past its end.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace qc {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;
using MutableBytes = std::span<std::uint8_t>;

static_assert(std::endian::native == std::endian::little,
              "tensor payloads are little-endian and read in place");

template <typename T>
T load_le(const std::uint8_t* from) noexcept {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

template <typename T>
void store_le(std::uint8_t* to, T value) noexcept {
  std::memcpy(to, &value, sizeof value);
}

inline ByteView as_bytes(std::string_view text) noexcept {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

inline std::string_view as_text(ByteView bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline void append(Bytes& out, ByteView bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

template <typename T>
void append_le(Bytes& out, T value) {
  const std::size_t at = out.size();
  out.resize(at + sizeof value);
  store_le(out.data() + at, value);
}

/// Appends an unsigned LEB128 varint (1 to 10 bytes).
inline void append_varint(Bytes& out, std::uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<std::uint8_t>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<std::uint8_t>(value));
}

/// Reads a byte string front to back. Past the end every read gives zero and `ok()` turns false for
/// good, so a parser can read a whole record and check once. Fed with untrusted bytes.
class ByteReader {
 public:
  explicit ByteReader(ByteView bytes) noexcept : rest_(bytes) {}

  bool ok() const noexcept { return ok_; }
  bool at_end() const noexcept { return rest_.empty(); }
  ByteView rest() const noexcept { return rest_; }

  /// The next `size` bytes, or an empty span when fewer are left.
  ByteView take(std::uint64_t size) noexcept {
    if (size > rest_.size()) {
      ok_ = false;
      rest_ = {};
      return {};
    }
    const ByteView taken = rest_.first(static_cast<std::size_t>(size));
    rest_ = rest_.subspan(static_cast<std::size_t>(size));
    return taken;
  }

  template <typename T>
  T le() noexcept {
    const ByteView taken = take(sizeof(T));
    return taken.empty() ? T{} : load_le<T>(taken.data());
  }

  std::uint8_t u8() noexcept { return le<std::uint8_t>(); }

  /// An unsigned LEB128 varint; a value over 64 bits is an error.
  std::uint64_t varint() noexcept {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const std::uint8_t byte = u8();
      if (shift == 63 && byte > 1) break;
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return ok_ ? value : 0;
    }
    ok_ = false;
    return 0;
  }

 private:
  ByteView rest_;
  bool ok_ = true;
};

}  // namespace qc
