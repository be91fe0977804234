// The bytes as they are, as one stream.
#include "codecs/layout_table.h"

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

bool encode(const Analysis& tensor, const EncodeOptions& options, Encoding& out) {
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
