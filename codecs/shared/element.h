// What the codecs know of an element: its width and whether its bits are a float.
#pragma once

#include <cstdint>

#include "core/bytes.h"
#include "core/tensor.h"

namespace qc {

/// An element as a little-endian bit pattern. Equality of elements is equality of bits.
struct Element {
  std::uint8_t width = 1;  ///< bytes: 1, 2, 4 or 8
  bool is_float = false;   ///< sign and magnitude with the sign in the top bit

  friend bool operator==(const Element&, const Element&) = default;
};

/// The element of a data type. Complex numbers are pairs of floats; types below a byte, strings and
/// unknown types are plain bytes.
Element element_of(DataType type) noexcept;

/// The byte that stands for an element in an encoded tensor.
std::uint8_t element_code(Element element) noexcept;

/// The element for a code; false when the code is none.
bool element_from_code(std::uint8_t code, Element& element) noexcept;

/// A run of elements, how they map to output channels, and how they lie in rows. `data` holds whole
/// elements.
struct TensorView {
  ByteView data;
  Element element;
  ChannelMap channels = {};
  Grid grid = {};

  std::size_t count() const noexcept { return data.size() / element.width; }
};

inline std::uint64_t load_pattern(const std::uint8_t* from, unsigned width) noexcept {
  switch (width) {
    case 1:
      return *from;
    case 2:
      return load_le<std::uint16_t>(from);
    case 4:
      return load_le<std::uint32_t>(from);
    default:
      return load_le<std::uint64_t>(from);
  }
}

inline void store_pattern(std::uint8_t* to, unsigned width, std::uint64_t pattern) noexcept {
  switch (width) {
    case 1:
      *to = static_cast<std::uint8_t>(pattern);
      break;
    case 2:
      store_le(to, static_cast<std::uint16_t>(pattern));
      break;
    case 4:
      store_le(to, static_cast<std::uint32_t>(pattern));
      break;
    default:
      store_le(to, pattern);
  }
}

/// Calls body.operator()<T>() with the unsigned type of the width.
template <typename Body>
decltype(auto) with_width(unsigned width, Body&& body) {
  switch (width) {
    case 1:
      return body.template operator()<std::uint8_t>();
    case 2:
      return body.template operator()<std::uint16_t>();
    case 4:
      return body.template operator()<std::uint32_t>();
    default:
      return body.template operator()<std::uint64_t>();
  }
}

/// A key that sorts patterns by value: floats from the most negative to the most positive (-0
/// before +0, NaNs at the ends), everything else as unsigned numbers.
inline std::uint64_t order_key(std::uint64_t pattern, Element element) noexcept {
  if (!element.is_float) return pattern;
  const std::uint64_t sign = std::uint64_t{1} << (8 * element.width - 1);
  const std::uint64_t all = sign | (sign - 1);
  return (pattern & sign) != 0 ? ~pattern & all : pattern | sign;
}

}  // namespace qc
