// The bytes as they are, as one stream.
#include <algorithm>
#include <array>

#include "codecs/layout_table.h"
#include "codecs/zstd_bytes.h"

namespace qc {
namespace {

class RawReader final : public ElementReader {
 public:
  void start(SymbolReader* bytes, unsigned width) noexcept {
    bytes_ = bytes;
    width_ = width;
  }

  void read(std::uint8_t* out, std::size_t count) noexcept override {
    Symbol block[kBlock];
    for (std::size_t left = count * width_; left > 0;) {
      const std::size_t some = left < kBlock ? left : kBlock;
      if (const ByteView bytes = bytes_->take_bytes(some); !bytes.empty()) {
        out = std::copy(bytes.begin(), bytes.end(), out);
        left -= some;
        continue;
      }
      bytes_->read({block, some});
      for (std::size_t i = 0; i < some; ++i) *out++ = static_cast<std::uint8_t>(block[i]);
      left -= some;
    }
  }

  bool finish() noexcept override { return bytes_->finish(); }

 private:
  SymbolReader* bytes_ = nullptr;
  unsigned width_ = 1;
};

// Whether the bytes of a large tensor repeat: symbol by symbol they cannot be coded in less than
// planes of them, each with its own statistics. Told by the first ones.
bool repeats(const TensorView& tensor) {
  constexpr std::size_t kLookedAt = std::size_t{1} << 18;
  constexpr int kFastLevel = 1;
  const unsigned width = tensor.element.width;
  const ByteView head = tensor.data.first(std::min(tensor.data.size(), kLookedAt));
  std::uint64_t bits = 0;
  for (unsigned plane = 0; plane < width; ++plane) {
    std::array<std::uint32_t, 256> counts{};
    for (std::size_t at = plane; at < head.size(); at += width) ++counts[head[at]];
    bits += entropy_bits(counts);
  }
  return 8 * zstd_compress(head, kFastLevel).size() < bits;
}

bool encode(const Analysis& tensor, const EncodeOptions& options, Encoding& out) {
  if (tensor.is_large() && tensor.element().width > 1 && options.layout != LayoutId::kRaw &&
      !repeats(tensor.tensor())) {
    return false;
  }
  const ByteView data = tensor.tensor().data;
  const std::vector<Symbol> symbols(data.begin(), data.end());
  encode_stream(symbols, 256, options.stages, out);
  return true;
}

ElementReader* open(ByteReader& in, Element element, std::uint64_t count,
                    DecodeContext& context) noexcept {
  SymbolReader* bytes = open_stream(in, count * element.width, 256, StreamUse::kValues, context);
  auto* reader = context.make<RawReader>();
  if (bytes == nullptr || reader == nullptr) return context.refuse("too much memory wanted");
  reader->start(bytes, element.width);
  if (context.stats != nullptr) {
    context.stats->value_symbols += count;
    context.stats->value_bits = 8u * element.width;
  }
  return reader;
}

}  // namespace

const Layout kRawLayout = {LayoutId::kRaw,
                           "raw",
                           "the bytes as they are, through the cheapest stage",
                           true,
                           true,
                           false,
                           100,
                           encode,
                           open};

}  // namespace qc
