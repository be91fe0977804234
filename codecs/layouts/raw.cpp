// The bytes as they are, as one stream.
#include <algorithm>
#include <array>

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

// Whether the bytes of a tensor may repeat enough: otherwise they cannot be coded in less than
// planes of them, each with its own statistics.
bool may_repeat(const Analysis& tensor) {
  if (tensor.element().width == 1) return true;
  if (tensor.count() == 0 || !tensor.repeats()) return false;
  const ByteView data = tensor.tensor().data;
  const unsigned width = tensor.element().width;
  std::array<std::array<std::uint32_t, 256>, 8> planes{};
  for (std::size_t at = 0; at < data.size(); at += width) {
    for (unsigned plane = 0; plane < width; ++plane) ++planes[plane][data[at + plane]];
  }
  std::uint64_t apart = 0;
  for (unsigned plane = 0; plane < width; ++plane) apart += entropy_bits(planes[plane]);
  std::array<std::uint32_t, 256> all{};
  for (unsigned plane = 0; plane < width; ++plane) {
    for (std::size_t byte = 0; byte < all.size(); ++byte) all[byte] += planes[plane][byte];
  }
  const std::size_t repeated = std::min(tensor.duplicates() + tensor.zeros(), tensor.count());
  return entropy_bits(all) / tensor.count() * (tensor.count() - repeated) < apart;
}

// One code table for all bytes may still pay where there are few.
bool may_win(const Analysis& tensor) { return !tensor.is_large() || may_repeat(tensor); }

bool encode(const Analysis& tensor, const EncodeOptions& options, Encoding& out) {
  const ByteView data = tensor.tensor().data;
  const std::vector<Symbol> symbols(data.begin(), data.end());
  StageChoice stages = options.stages;
  stages.matches = stages.matches && may_repeat(tensor);
  stages.too_many = options.bytes_to_beat;
  encode_stream(symbols, 256, stages, out);
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
                           open,
                           may_win};

}  // namespace qc
