// Context palette: ranks in the sorted codebook of the distinct values, each predicted from the
// elements around it and coded bit by bit.
#include <cstring>

#include "codecs/decode/bit_decoder.h"
#include "codecs/decode/codebook.h"
#include "codecs/decode/context_grid.h"
#include "codecs/decode/layout_table.h"
#include "codecs/decode/varint.h"
#include "codecs/shared/context/rank_model.h"

namespace qc {
namespace {

using context::BitDecoder;
using context::RankModel;
using context::RankShape;

class ContextPaletteReader final : public ElementReader {
 public:
  const std::uint8_t* codebook = nullptr;
  unsigned width = 1;
  std::uint32_t turn = 0;  // entry (rank + turn) mod size is the element
  RankShape shape;
  RankModel model;
  BitDecoder coder;

  void read(std::uint8_t* out, std::size_t count) noexcept override {
    const std::uint32_t size = shape.size();
    with_width(width, [&]<typename T>() {
      for (std::size_t i = 0; i < count; ++i) {
        std::uint32_t entry = model.code(coder, 0) + turn;
        if (entry >= size) entry -= size;
        std::memcpy(out + i * sizeof(T), codebook + entry * sizeof(T), sizeof(T));
      }
    });
  }

  bool finish() noexcept override { return coder.at_end(); }
};

[[gnu::cold]] ElementReader* open(ByteReader& in, Element element, std::uint64_t count,
                                  DecodeContext& context, CodedStats* stats) noexcept {
  const std::uint64_t size = read_varint(in);
  if (!in.ok() || size < 1 || size > kMaxAlphabet) return context.refuse("a codebook is damaged");
  auto* reader = context.make<ContextPaletteReader>();
  auto* codebook = context.make_array<std::uint8_t>(size * element.width);
  if (reader == nullptr || codebook == nullptr) return context.refuse("too much memory wanted");
  if (!read_codebook(in, size, element, codebook, context, stats)) return nullptr;
  const std::uint64_t turn = read_varint(in);
  const std::uint64_t zero = read_varint(in);
  RankShape& shape = reader->shape;
  shape.has_zero = (zero & 1) != 0;
  if (!in.ok() || turn >= size || zero / 2 + (zero & 1) > size || size == (zero & 1)) {
    return context.refuse("the order of a codebook is damaged");
  }
  shape.below = static_cast<std::uint32_t>(zero / 2);
  shape.above = static_cast<std::uint32_t>(size) - shape.first_above();
  reader->turn = static_cast<std::uint32_t>(turn);
  Grid grid;
  if (!context::read_grid(in, count, grid)) return context.refuse("a grid is damaged");
  if (!reader->model.create(shape, grid, count, context)) {
    return context.refuse("too much memory wanted");
  }
  reader->codebook = codebook;
  reader->width = element.width;
  const ByteView coded = in.take(read_varint(in));
  if (!in.ok()) return context.refuse("coded ranks are cut short");
  reader->coder = BitDecoder(coded);
  if (stats != nullptr) {
    stats->value_bytes += coded.size();
    stats->value_symbols += count;
    stats->value_bits = symbol_bits(size);
    stats->has_palette = true;
  }
  return reader;
}

}  // namespace

const LayoutDecoder kContextPaletteDecoder = {
    .id = LayoutId::kContextPalette, .name = "context-palette", .is_dense = false, .open = open};

}  // namespace qc
