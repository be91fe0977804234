// Decoding of interleaved rANS states (Duda, "Asymmetric numeral systems", 2013; Giesen,
// "Interleaved entropy coders", 2014): up to 64 states of 32 bits that share one row of 16-bit
// words.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "codecs/shared/rans_limits.h"
#include "codecs/shared/symbol.h"
#include "core/bytes.h"

namespace qc {

/// What the low bits of a state stand for.
struct RansTable {
  /// The symbol for each of 2^bits slots; 2 bytes more may be read.
  const Symbol* symbols = nullptr;
  /// Of each symbol: the frequency, and above its 16 bits the first slot.
  const std::uint32_t* ranges = nullptr;
  unsigned bits = 1;
};

struct RansLanes {
  alignas(64) std::array<std::uint32_t, kMaxRansLanes> states{};
  unsigned log_count = 0;              ///< 2^log_count lanes: 0, 2 or 6
  const std::uint8_t* next = nullptr;  ///< the next word
  const std::uint8_t* end = nullptr;
  bool ran_out = false;  ///< a word past the end was wanted

  std::size_t count() const noexcept { return std::size_t{1} << log_count; }
};

/// Decodes the next symbols, from lanes in turn beginning with the first; `out` is a multiple of
/// the lanes but for the last call. Past the end, words are 0. Runs at simd_level(), with the same
/// result at every level.
void decode_rans(const RansTable& table, RansLanes& lanes, std::span<Symbol> out) noexcept;

/// Kernels for 64 lanes, `rows` symbols of each. There are at least as many words as symbols.
void decode_rans_avx2(const RansTable& table, RansLanes& lanes, Symbol* out,
                      std::size_t rows) noexcept;
void decode_rans_avx512(const RansTable& table, RansLanes& lanes, Symbol* out,
                        std::size_t rows) noexcept;

}  // namespace qc
