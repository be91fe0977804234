// Palette: every element as its rank in the sorted codebook of the tensor's distinct values.
#include <algorithm>

#include "codecs/codebook.h"
#include "codecs/layout_table.h"
#include "codecs/simd/look_up.h"
#include "codecs/varint.h"

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

bool encode(const Analysis& tensor, const EncodeOptions& options, Encoding& out) {
  const Palette* palette = tensor.palette();
  if (palette == nullptr || palette->codebook.empty()) return false;
  append_varint(out.bytes, palette->codebook.size());
  write_codebook(palette->codebook, tensor.element(), out.bytes);
  encode_stream(tensor.ranks(), static_cast<std::uint32_t>(palette->codebook.size()),
                options.stages, out);
  return true;
}

ElementReader* open(ByteReader& in, Element element, std::uint64_t count,
                    DecodeContext& context) noexcept {
  const std::uint64_t size = read_varint(in);
  if (!in.ok() || size < 1 || size > kMaxAlphabet) return context.refuse("a codebook is damaged");
  auto* reader = context.make<PaletteReader>();
  auto* codebook = context.make_array<std::uint8_t>(size * element.width);
  if (reader == nullptr || codebook == nullptr) return context.refuse("too much memory wanted");
  if (!read_codebook(in, size, element, codebook, context)) return nullptr;
  reader->width = element.width;
  reader->codebook = codebook;
  reader->entries = size;
  reader->ranks =
      open_stream(in, count, static_cast<std::uint32_t>(size), StreamUse::kValues, context);
  if (reader->ranks == nullptr) return nullptr;
  if (context.stats != nullptr) {
    context.stats->value_symbols += count;
    context.stats->value_bits = symbol_bits(size);
    context.stats->has_palette = true;
  }
  return reader;
}

}  // namespace

const Layout kPaletteLayout = {LayoutId::kPalette,
                               "palette",
                               "ranks in a sorted codebook of the distinct values",
                               true,
                               false,
                               false,
                               250,
                               encode,
                               open};

}  // namespace qc
