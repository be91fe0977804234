// Which lanes take which of the next values, for instruction sets that cannot expand or compress.
#pragma once

#include <array>
#include <cstdint>

namespace qc {

/// For every byte: the number of set bits below each bit that is set, and 0 for the others.
inline constexpr auto kExpandPlaces = [] {
  std::array<std::array<std::uint8_t, 8>, 256> places{};
  for (unsigned byte = 0; byte < 256; ++byte) {
    std::uint8_t next = 0;
    for (unsigned bit = 0; bit < 8; ++bit) {
      if ((byte >> bit & 1u) != 0) places[byte][bit] = next++;
    }
  }
  return places;
}();

/// Bytes that are picked (pick_bytes) to move four words to other lanes.
using WordPlaces = std::array<std::uint8_t, 16>;

/// A place where there is no byte.
inline constexpr std::uint8_t kNoPlace = 0xff;

constexpr void place_word(WordPlaces& places, unsigned to, unsigned from) noexcept {
  for (unsigned byte = 0; byte < 4; ++byte) {
    places[4 * to + byte] = static_cast<std::uint8_t>(4 * from + byte);
  }
}

/// For every four bits: the next word for each bit that is set, nothing for the others.
alignas(16) inline constexpr auto kExpandWords = [] {
  std::array<WordPlaces, 16> places{};
  for (unsigned bits = 0; bits < 16; ++bits) {
    places[bits].fill(kNoPlace);
    unsigned next = 0;
    for (unsigned lane = 0; lane < 4; ++lane) {
      if ((bits >> lane & 1u) != 0) place_word(places[bits], lane, next++);
    }
  }
  return places;
}();

/// For every four bits: the words whose bits are set, side by side, then nothing.
alignas(16) inline constexpr auto kCompressWords = [] {
  std::array<WordPlaces, 16> places{};
  for (unsigned bits = 0; bits < 16; ++bits) {
    places[bits].fill(kNoPlace);
    unsigned next = 0;
    for (unsigned lane = 0; lane < 4; ++lane) {
      if ((bits >> lane & 1u) != 0) place_word(places[bits], next++, lane);
    }
  }
  return places;
}();

/// Bytes of as many words as there are bits set in four bits.
inline constexpr std::array<std::uint8_t, 16> kWordBytes = {0, 4, 4, 8,  4, 8,  8,  12,
                                                            4, 8, 8, 12, 8, 12, 12, 16};

}  // namespace qc
