// zstd over the symbols as bytes: one byte each for alphabets up to 256, else two.
#include <zstd.h>

#include <algorithm>

#include "codecs/repetition.h"
#include "codecs/stage.h"
#include "codecs/zstd_bytes.h"

namespace qc {
namespace {

constexpr std::uint32_t kByteAlphabet = 256;
constexpr int kLevel = 19;

// Magic number, descriptor, size, a block's header and a byte: no frame is smaller.
constexpr std::size_t kLeastFrame = 4 + 1 + 1 + 3 + 1;

class ZstdReader final : public SymbolReader {
 public:
  void start(ByteView symbols, unsigned width, std::uint32_t alphabet) noexcept {
    rest_ = symbols;
    width_ = width;
    alphabet_ = alphabet;
  }

  void read(std::span<Symbol> out) noexcept override {
    if (const ByteView bytes = take_bytes(out.size()); !bytes.empty()) {
      std::copy(bytes.begin(), bytes.end(), out.begin());
      return;
    }
    if (rest_.size() < out.size() * width_) {
      valid_ = false;
      for (Symbol& symbol : out) symbol = 0;
      return;
    }
    for (std::size_t i = 0; i < out.size(); ++i) {
      const Symbol symbol = width_ == 1 ? rest_[i] : load_le<Symbol>(rest_.data() + 2 * i);
      const bool valid = symbol < alphabet_;
      valid_ &= valid;
      out[i] = valid ? symbol : Symbol{0};
    }
    rest_ = rest_.subspan(out.size() * width_);
  }

  ByteView take_bytes(std::size_t count) noexcept override {
    if (width_ != 1 || alphabet_ != kByteAlphabet || rest_.size() < count) return {};
    const ByteView bytes = rest_.first(count);
    rest_ = rest_.subspan(count);
    return bytes;
  }

  bool finish() noexcept override { return valid_ && rest_.empty(); }

 private:
  ByteView rest_;
  unsigned width_ = 1;
  std::uint32_t alphabet_ = 0;
  bool valid_ = true;
};

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

SymbolReader* open(ByteView coded, std::uint64_t count, std::uint32_t alphabet,
                   DecodeContext& context, std::uint64_t& /*table_bytes*/) noexcept {
  const unsigned width = alphabet <= kByteAlphabet ? 1 : 2;
  if (count > UINT64_MAX / width) return context.refuse("a stream is too long");
  const std::uint64_t size = count * width;
  if (zstd_content_size(coded) != size) {
    return context.refuse("a zstd stream is damaged");
  }
  const MutableBytes symbols = context.take(size);
  auto* reader = context.make<ZstdReader>();
  if ((size > 0 && symbols.empty()) || reader == nullptr || context.zstd() == nullptr) {
    return context.refuse("a stream wants too much memory");
  }
  const std::size_t result = ZSTD_decompressDCtx(context.zstd(), symbols.data(), symbols.size(),
                                                 coded.data(), coded.size());
  if (result != size) return context.refuse("a zstd stream is damaged");
  reader->start(symbols, width, alphabet);
  return reader;
}

}  // namespace

const Stage kZstdStage = {StageId::kZstd, "zstd", 1100, encode, may_win, open};

}  // namespace qc
