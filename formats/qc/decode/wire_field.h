// The fields of protocol buffers, by hand: a library that knows every message would take longer to
// load than a small container takes to decode.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/bytes.h"

namespace qc {

/// The ways of protocol buffers to store a field.
enum WireType : std::uint32_t { kVarint = 0, kFixed64 = 1, kLengthDelimited = 2, kFixed32 = 5 };

inline constexpr std::uint64_t kMaxFieldNumber = (std::uint64_t{1} << 29) - 1;

/// A field of a message.
struct WireField {
  std::uint64_t number = 0;
  std::uint64_t type = kVarint;
  std::uint64_t value = 0;  ///< of a varint
  ByteView bytes;           ///< of every other type

  bool is(std::uint64_t wanted, WireType wire) const noexcept {
    return number == wanted && type == wire;
  }
  std::string_view text() const noexcept { return as_text(bytes); }
};

/// Calls take(field) for every field of a message, of a kind that is known or not; false, after the
/// fields before it, at the first byte that is of no field.
template <typename Take>
bool for_each_field(ByteView message, Take&& take) {
  for (ByteReader in(message); !in.at_end();) {
    const std::uint64_t tag = in.varint();
    WireField field{tag >> 3, tag & 7, 0, {}};
    switch (field.type) {
      case kVarint:
        field.value = in.varint();
        break;
      case kFixed64:
        field.bytes = in.take(8);
        break;
      case kLengthDelimited:
        field.bytes = in.take(in.varint());
        break;
      case kFixed32:
        field.bytes = in.take(4);
        break;
      default:
        return false;
    }
    if (!in.ok() || field.number == 0 || field.number > kMaxFieldNumber) return false;
    take(field);
  }
  return true;
}

}  // namespace qc
