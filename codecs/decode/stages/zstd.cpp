// zstd over the symbols as bytes: one byte each for alphabets up to 256, else two.
#include <algorithm>

#include "codecs/decode/stage_table.h"
#include "codecs/decode/zstd_bytes.h"

namespace qc {
namespace {

constexpr std::uint32_t kByteAlphabet = 256;

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

[[gnu::cold]] SymbolReader* open(ByteView coded, std::uint64_t count, std::uint32_t alphabet,
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
  if (!zstd_decompress(coded, symbols, {}, context)) {
    return context.refuse("a zstd stream is damaged");
  }
  reader->start(symbols, width, alphabet);
  return reader;
}

}  // namespace

const StageDecoder kZstdDecoder = {.id = StageId::kZstd, .name = "zstd", .open = open};

}  // namespace qc
