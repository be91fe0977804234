// zstd over the symbols as bytes: one byte each for alphabets up to 256, else two.
#include "codecs/encode/repetition.h"
#include "codecs/encode/stage_table.h"
#include "codecs/encode/zstd_compress.h"

namespace qc {
namespace {

constexpr std::uint32_t kByteAlphabet = 256;
constexpr int kLevel = 19;

// Magic number, descriptor, size, a block's header and a byte: no frame is smaller.
constexpr std::size_t kLeastFrame = 4 + 1 + 1 + 3 + 1;

// One byte for each symbol, or two.
Bytes symbol_bytes(const SymbolStream& stream) {
  if (stream.alphabet() <= kByteAlphabet) return {stream.symbols.begin(), stream.symbols.end()};
  Bytes bytes(2 * stream.symbols.size());
  for (std::size_t i = 0; i < stream.symbols.size(); ++i) {
    store_le(bytes.data() + 2 * i, stream.symbols[i]);
  }
  return bytes;
}

// Where there are no matches to speak of, zstd has nothing but skew to exploit, which the other
// stages do better. In a short stream a part is less than its tables and references take; in a
// longer one the slow level gains a few per cent where a fast one finds matches. References at a
// distance that was just used cost far less than the estimate takes them to: symbols of few bits
// are worth a trial all the same.
bool may_win(const SymbolStream& stream, std::size_t limit) {
  constexpr std::size_t kShort = std::size_t{1} << 10;
  constexpr std::uint64_t kFewBits = 5;
  constexpr int kTrialLevel = 3;
  if (limit <= kLeastFrame) return false;
  const std::size_t count = stream.symbols.size();
  const bool is_short = count < kShort;
  const auto repeats = [&] {
    return matched_entropy_bits(stream) / 8 < limit - limit / (is_short ? 4 : 64);
  };
  if (is_short) return repeats();
  const bool has_few_bits = stream.entropy <= kFewBits * count;
  if (!has_few_bits && !repeats()) return false;
  const std::size_t fast = zstd_compress(symbol_bytes(stream), kTrialLevel).size();
  if (has_few_bits && fast < limit - limit / 32) return true;
  return fast < limit + limit / 128 && (!has_few_bits || repeats());
}

bool encode(const SymbolStream& stream, std::size_t limit, Bytes& out) {
  if (stream.symbols.empty()) return false;
  const Bytes coded = zstd_compress(symbol_bytes(stream), kLevel);
  if (coded.size() >= limit) return false;
  append(out, coded);
  return true;
}

}  // namespace

const StageEncoder kZstdEncoder = {
    .decoder = kZstdDecoder, .symbol_ps = 1100, .encode = encode, .may_win = may_win};

}  // namespace qc
