// Context palette: ranks in the sorted codebook of the distinct values, each predicted from the
// elements around it and coded bit by bit.
#include <algorithm>

#include "codecs/encode/bit_encoder.h"
#include "codecs/encode/codebook.h"
#include "codecs/encode/context_grid.h"
#include "codecs/encode/layout_table.h"
#include "codecs/shared/context/rank_model.h"

namespace qc {
namespace {

using context::BitEncoder;
using context::RankModel;
using context::RankShape;

// The codebook turned so that what counts as negative comes first: entry (rank + `turn`) mod size.
struct Order {
  std::uint32_t turn = 0;
  RankShape shape;
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
  Arena memory;
  memory.reset(coding_budget(tensor.tensor().data.size()));
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

}  // namespace

const LayoutEncoder kContextPaletteEncoder = {
    .decoder = kContextPaletteDecoder,
    .help = "ranks in a codebook, predicted from their neighbours",
    .slow = true,
    .element_ps = 40000,
    .encode = encode};

}  // namespace qc
