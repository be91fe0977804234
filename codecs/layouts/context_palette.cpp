// Context palette: ranks in the sorted codebook of the distinct values, each predicted from the
// elements around it and coded bit by bit.
#include <algorithm>

#include "codecs/codebook.h"
#include "codecs/context/arithmetic_coder.h"
#include "codecs/context/grid.h"
#include "codecs/context/rank_model.h"
#include "codecs/layout_table.h"
#include "codecs/varint.h"

namespace qc {
namespace {

using context::BitDecoder;
using context::BitEncoder;
using context::RankModel;
using context::RankShape;

// The codebook turned so that what counts as negative comes first: entry (rank + `turn`) mod size.
struct Order {
  std::uint32_t turn = 0;
  RankShape shape;
};

class ContextPaletteReader final : public ElementReader {
 public:
  const std::uint8_t* codebook = nullptr;
  unsigned width = 1;
  Order order;
  RankModel model;
  BitDecoder coder;

  void read(std::uint8_t* out, std::size_t count) noexcept override {
    const std::uint32_t size = order.shape.size();
    with_width(width, [&]<typename T>() {
      for (std::size_t i = 0; i < count; ++i) {
        std::uint32_t entry = model.code(coder, 0) + order.turn;
        if (entry >= size) entry -= size;
        std::memcpy(out + i * sizeof(T), codebook + entry * sizeof(T), sizeof(T));
      }
    });
  }

  bool finish() noexcept override { return coder.at_end(); }
};

// Zero is in the middle: of floats the value, of integers the most frequent one, so that it does
// not matter whether they have a sign or an offset.
Order choose_order(const Palette& palette, Element element) {
  const std::vector<std::uint64_t>& book = palette.codebook;
  const auto size = static_cast<std::uint32_t>(book.size());
  const std::uint64_t half = std::uint64_t{1} << (8 * element.width - 1);
  Order order;
  RankShape& shape = order.shape;
  if (element.is_float) {
    // Sorted from the most negative; -0 is the last of the negative ones.
    while (shape.below < size && (book[shape.below] & half) != 0) ++shape.below;
    shape.has_zero = shape.below < size && book[shape.below] == 0;
  } else {
    const auto most = std::max_element(palette.counts.begin(), palette.counts.end());
    const auto middle = static_cast<std::uint32_t>(most - palette.counts.begin());
    const std::uint64_t opposite = (book[middle] + half) & (half | (half - 1));
    const auto turn = static_cast<std::uint32_t>(
        std::lower_bound(book.begin(), book.end(), opposite) - book.begin());
    order.turn = turn < size ? turn : 0;
    shape.below = middle >= order.turn ? middle - order.turn : middle + size - order.turn;
    shape.has_zero = true;
  }
  shape.above = size - shape.first_above();
  return order;
}

bool encode(const Analysis& tensor, const EncodeOptions& /*options*/, Encoding& out) {
  const Palette* palette = tensor.palette();
  if (palette == nullptr || palette->codebook.size() < 2) return false;
  const auto size = static_cast<std::uint32_t>(palette->codebook.size());
  const Order order = choose_order(*palette, tensor.element());
  const Grid grid = context::context_grid(tensor.tensor().grid, tensor.count());
  DecodeContext memory;
  memory.reset(tensor.tensor().data.size());
  RankModel model;
  if (!model.create(order.shape, grid, tensor.count(), memory)) return false;
  append_varint(out.bytes, size);
  write_codebook(palette->codebook, tensor.element(), out.bytes);
  append_varint(out.bytes, order.turn);
  append_varint(out.bytes, 2 * std::uint64_t{order.shape.below} + (order.shape.has_zero ? 1 : 0));
  context::write_grid(grid, out.bytes);
  Bytes coded;
  BitEncoder coder(coded);
  for (const Symbol rank : tensor.ranks()) {
    model.code(coder, rank >= order.turn ? rank - order.turn : rank + size - order.turn);
  }
  coder.finish();
  append_varint(out.bytes, coded.size());
  append(out.bytes, coded);
  return true;
}

ElementReader* open(ByteReader& in, Element element, std::uint64_t count,
                    DecodeContext& context) noexcept {
  const std::uint64_t size = read_varint(in);
  if (!in.ok() || size < 1 || size > kMaxAlphabet) return context.refuse("a codebook is damaged");
  auto* reader = context.make<ContextPaletteReader>();
  auto* codebook = context.make_array<std::uint8_t>(size * element.width);
  if (reader == nullptr || codebook == nullptr) return context.refuse("too much memory wanted");
  if (!read_codebook(in, size, element, codebook, context)) return nullptr;
  const std::uint64_t turn = read_varint(in);
  const std::uint64_t zero = read_varint(in);
  RankShape& shape = reader->order.shape;
  shape.has_zero = (zero & 1) != 0;
  if (!in.ok() || turn >= size || zero / 2 + (zero & 1) > size || size == (zero & 1)) {
    return context.refuse("the order of a codebook is damaged");
  }
  shape.below = static_cast<std::uint32_t>(zero / 2);
  shape.above = static_cast<std::uint32_t>(size) - shape.first_above();
  reader->order.turn = static_cast<std::uint32_t>(turn);
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
  if (context.stats != nullptr) {
    context.stats->value_bytes += coded.size();
    context.stats->value_symbols += count;
    context.stats->value_bits = symbol_bits(size);
    context.stats->has_palette = true;
  }
  return reader;
}

}  // namespace

const Layout kContextPaletteLayout = {LayoutId::kContextPalette,
                                      "context-palette",
                                      "ranks in a codebook, predicted from their neighbours",
                                      false,
                                      false,
                                      true,
                                      40000,
                                      encode,
                                      open};

}  // namespace qc
