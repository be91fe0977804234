// Entropy stages, encoding: a stream of small integers -> bytes. A layout makes the streams; each
// is coded by the cheapest stage, and its header says which.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "codecs/decode/stage.h"
#include "codecs/shared/symbol.h"
#include "core/bytes.h"

namespace qc {

/// A stream to be coded, with its histogram.
struct SymbolStream {
  std::span<const Symbol> symbols;    ///< outlives the stream
  std::vector<std::uint32_t> counts;  ///< one for each symbol of the alphabet
  std::uint64_t entropy = 0;          ///< entropy_bits() of the counts

  SymbolStream(std::span<const Symbol> all, std::uint32_t alphabet);
  std::uint32_t alphabet() const noexcept { return static_cast<std::uint32_t>(counts.size()); }
  /// One more than the largest symbol that occurs; 0 for an empty stream.
  std::uint32_t used_alphabet() const noexcept;
  /// How many symbols occur.
  std::uint32_t distinct() const noexcept;
};

/// Bytes being written, and what it will take to decode them.
struct Encoding {
  Bytes bytes;
  std::uint64_t decode_ps =
      0;  ///< picoseconds on one core, as the tables of stages and layouts say

  void append(const Encoding& other) {
    qc::append(bytes, other.bytes);
    decode_ps += other.decode_ps;
  }
};

/// How one entropy stage is written; `decoder` is the row that reads it.
struct StageEncoder {
  const StageDecoder& decoder;
  /// Decoding a symbol takes so many picoseconds, more or less. Measured on one core with AVX2 and
  /// fixed, so that every machine chooses alike; only ratios to each other and to a byte's worth
  /// (StageChoice) matter.
  std::uint32_t symbol_ps = 0;
  /// Appends the coded stream unless it would not be smaller than `limit` bytes; false then.
  bool (*encode)(const SymbolStream& stream, std::size_t limit, Bytes& out) = nullptr;
  /// False where the stage, being slow, is not worth trying for less than `limit` bytes; null where
  /// it always is.
  bool (*may_win)(const SymbolStream& stream, std::size_t limit) = nullptr;

  StageId id() const noexcept { return decoder.id; }
};

/// All stages.
std::span<const StageEncoder* const> stage_encoders() noexcept;

/// Which stages a stream may use, and how bytes are weighed against time.
struct StageChoice {
  bool huffman_only = false;  ///< Huffman, or fixed-width codes where Huffman is no better
  /// Picoseconds of decoding that a byte less is worth; 0: any number.
  std::uint64_t byte_ps = 0;
  bool matches = true;  ///< also coders that look for matches
  /// From so many bytes on, a stream is not worth more than fixed-width codes.
  std::uint64_t too_many = UINT64_MAX;

  static const StageChoice kSmallest;  ///< the fewest bytes
  static const StageChoice kHuffman;   ///< the fewest bytes with Huffman codes
  static const StageChoice kBalanced;  ///< loaded over a slow network: 1 byte is worth 1 us
  static const StageChoice kFast;      ///< loaded from a disk: 1 byte is worth 10 ns; Huffman codes

  /// The quantity that the encoder minimises.
  std::uint64_t cost(const Encoding& encoding) const noexcept {
    return byte_ps == 0 ? encoding.bytes.size()
                        : encoding.bytes.size() * byte_ps + encoding.decode_ps;
  }

  /// Keeps the better one: `best` becomes `other` if that costs less, or if `best` is empty.
  void keep_better(Encoding& best, Encoding&& other) const {
    if (best.bytes.empty() || cost(other) < cost(best)) best = std::move(other);
  }

  friend bool operator==(const StageChoice&, const StageChoice&) = default;
};

inline constexpr StageChoice StageChoice::kSmallest = {};
inline constexpr StageChoice StageChoice::kHuffman = {.huffman_only = true};
inline constexpr StageChoice StageChoice::kBalanced = {.byte_ps = 1'000'000};
inline constexpr StageChoice StageChoice::kFast = {.huffman_only = true, .byte_ps = 10'000};

/// Appends a coded stream with its header. Symbols are below `alphabet` <= kMaxAlphabet.
void encode_stream(std::span<const Symbol> symbols, std::uint32_t alphabet,
                   const StageChoice& choice, Encoding& out);

}  // namespace qc
