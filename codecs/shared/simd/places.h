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

/// For each byte of a vector of four words, the place of the byte that it takes; kNoPlace for none.
using WordPlaces = std::array<std::uint8_t, 16>;

/// Beyond the vector: table look-ups give 0 there.
inline constexpr std::uint8_t kNoPlace = 0xff;

/// Which way words go between the lanes whose bits are set and the first lanes.
enum class WordMove { kExpand, kCompress };

/// The places for every four bits; lanes that get no word have none.
constexpr std::array<WordPlaces, 16> word_places(WordMove move) noexcept {
  std::array<WordPlaces, 16> places{};
  for (unsigned bits = 0; bits < 16; ++bits) {
    places[bits].fill(kNoPlace);
    unsigned next = 0;
    for (unsigned lane = 0; lane < 4; ++lane) {
      if ((bits >> lane & 1u) == 0) continue;
      const unsigned to = move == WordMove::kExpand ? lane : next;
      const unsigned from = move == WordMove::kExpand ? next : lane;
      for (unsigned byte = 0; byte < 4; ++byte) {
        places[bits][4 * to + byte] = static_cast<std::uint8_t>(4 * from + byte);
      }
      ++next;
    }
  }
  return places;
}

/// The next word for each bit that is set, nothing for the others.
alignas(16) inline constexpr auto kExpandWords = word_places(WordMove::kExpand);

/// The words whose bits are set, side by side, then nothing.
alignas(16) inline constexpr auto kCompressWords = word_places(WordMove::kCompress);

/// Bytes of as many words as there are bits set in four bits.
inline constexpr std::array<std::uint8_t, 16> kWordBytes = {0, 4, 4, 8,  4, 8,  8,  12,
                                                            4, 8, 8, 12, 8, 12, 12, 16};

}  // namespace qc
