// The bytes as they are, as one stream.
#include <algorithm>

#include "codecs/decode/layout_table.h"

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

[[gnu::cold]] ElementReader* open(ByteReader& in, Element element, std::uint64_t count,
                                  DecodeContext& context, CodedStats* stats) noexcept {
  SymbolReader* bytes =
      open_stream(in, count * element.width, 256, StreamUse::kValues, context, stats);
  auto* reader = context.make<RawReader>();
  if (bytes == nullptr || reader == nullptr) return context.refuse("too much memory wanted");
  reader->start(bytes, element.width);
  if (stats != nullptr) {
    stats->value_symbols += count;
    stats->value_bits = 8u * element.width;
  }
  return reader;
}

}  // namespace

const LayoutDecoder kRawDecoder = {
    .id = LayoutId::kRaw, .name = "raw", .is_dense = true, .open = open};

}  // namespace qc
