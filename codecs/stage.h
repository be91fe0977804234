// Entropy stages: a stream of small integers <-> bytes. A layout makes the streams; each is coded
// by the cheapest stage, and its header says which.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "codecs/decode_context.h"
#include "core/bytes.h"

namespace qc {

using Symbol = std::uint16_t;

/// Every read of a stream but the last takes a multiple of this many symbols.
inline constexpr std::size_t kReadUnit = 128;

/// How many symbols a layout pulls at a time: a block of symbols and their elements stay in L1.
inline constexpr std::size_t kBlock = 4096;
static_assert(kBlock % kReadUnit == 0);

/// The largest alphabet of a stream.
inline constexpr std::uint32_t kMaxAlphabet = 1u << 14;

/// Ids on disk; stable for ever.
enum class StageId : std::uint8_t { kBitpack = 0, kHuffman = 1, kZstd = 2, kRadix = 3, kRans = 4 };

/// Reads the symbols of one stream, front to back.
class SymbolReader {
 public:
  /// Fills `out`; every symbol is below the stream's alphabet, whatever the input. Reading more
  /// symbols than the stream has gives valid but meaningless ones.
  virtual void read(std::span<Symbol> out) noexcept = 0;
  /// The next `count` symbols where they lie in memory as bytes; an empty view, and nothing is
  /// read, where they do not or the stream has fewer: then read() gives them.
  virtual ByteView take_bytes(std::size_t /*count*/) noexcept { return {}; }
  /// After the last read: false when the input was damaged or had bytes left over.
  virtual bool finish() noexcept = 0;

 protected:
  ~SymbolReader() = default;
};

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

/// One entropy stage.
struct Stage {
  StageId id;
  std::string_view name;
  /// Decoding a symbol takes so many picoseconds, more or less. Measured on one core with AVX2 and
  /// fixed, so that every machine chooses alike; only ratios to each other and to a byte's worth
  /// (StageChoice) matter.
  std::uint32_t symbol_ps;
  /// Appends the coded stream unless it would not be smaller than `limit` bytes; false then.
  bool (*encode)(const SymbolStream& stream, std::size_t limit, Bytes& out);
  /// False where the stage, being slow, is not worth trying for less than `limit` bytes; null where
  /// it always is.
  bool (*may_win)(const SymbolStream& stream, std::size_t limit);
  /// A reader over `coded` for `count` symbols below `alphabet`, in the context's memory. Null,
  /// with the reason in the context, when the bytes are damaged. `table_bytes` is how many of them
  /// are code tables.
  SymbolReader* (*open)(ByteView coded, std::uint64_t count, std::uint32_t alphabet,
                        DecodeContext& context, std::uint64_t& table_bytes) noexcept;
};

extern const Stage kBitpackStage;
extern const Stage kHuffmanStage;
extern const Stage kZstdStage;
extern const Stage kRadixStage;
extern const Stage kRansStage;

/// All stages.
std::span<const Stage* const> stage_table() noexcept;

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

/// Opens the next stream of `in`. Null, with the reason in the context, when it is damaged.
SymbolReader* open_stream(ByteReader& in, std::uint64_t count, std::uint32_t alphabet,
                          StreamUse use, DecodeContext& context) noexcept;

/// Bits for fixed-width codes of an alphabet.
unsigned symbol_bits(std::uint64_t alphabet) noexcept;

/// Zeroth-order entropy of a histogram in bits in total, rounded up. In integers, so that choices
/// made by it are the same on every machine; right to 0.01 bit a symbol.
std::uint64_t entropy_bits(std::span<const std::uint32_t> counts) noexcept;

/// The bits that symbols with these counts take under other frequencies, which add up to 2^bits.
/// Otherwise as entropy_bits().
std::uint64_t cross_entropy_bits(std::span<const std::uint32_t> counts,
                                 std::span<const std::uint32_t> frequencies,
                                 unsigned bits) noexcept;

}  // namespace qc
