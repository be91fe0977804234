// Palette: every element as its rank in the sorted codebook of the tensor's distinct values.
#include <algorithm>

#include "codecs/decode/codebook.h"
#include "codecs/decode/layout_table.h"
#include "codecs/decode/varint.h"
#include "codecs/shared/simd/look_up.h"

namespace qc {
namespace {

class PaletteReader final : public ElementReader {
 public:
  const std::uint8_t* codebook = nullptr;
  std::size_t entries = 0;
  SymbolReader* ranks = nullptr;
  unsigned width = 1;

  void read(std::uint8_t* out, std::size_t count) noexcept override {
    Symbol block[kBlock];
    while (count > 0) {
      const std::size_t some = std::min(count, kBlock);
      ranks->read({block, some});
      look_up({block, some}, codebook, entries, width, out);
      out += some * width;
      count -= some;
    }
  }

  bool finish() noexcept override { return ranks->finish(); }
};

[[gnu::cold]] ElementReader* open(ByteReader& in, Element element, std::uint64_t count,
                                  DecodeContext& context, CodedStats* stats) noexcept {
  const std::uint64_t size = read_varint(in);
  if (!in.ok() || size < 1 || size > kMaxAlphabet) return context.refuse("a codebook is damaged");
  auto* reader = context.make<PaletteReader>();
  auto* codebook = context.make_array<std::uint8_t>(size * element.width);
  if (reader == nullptr || codebook == nullptr) return context.refuse("too much memory wanted");
  if (!read_codebook(in, size, element, codebook, context, stats)) return nullptr;
  reader->width = element.width;
  reader->codebook = codebook;
  reader->entries = static_cast<std::size_t>(size);
  reader->ranks =
      open_stream(in, count, static_cast<std::uint32_t>(size), StreamUse::kValues, context, stats);
  if (reader->ranks == nullptr) return nullptr;
  if (stats != nullptr) {
    stats->value_symbols += count;
    stats->value_bits = symbol_bits(size);
    stats->has_palette = true;
  }
  return reader;
}

}  // namespace

const LayoutDecoder kPaletteDecoder = {
    .id = LayoutId::kPalette, .name = "palette", .is_dense = true, .open = open};

}  // namespace qc
