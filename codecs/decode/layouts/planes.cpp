// Planes: the low byte of every element, then the next, ... and last a head of the top bits. Floats
// are turned left by one bit first, so that the exponent comes on top and the sign joins the lowest
// mantissa bits: exponents compress, mantissas hardly do. The first mantissa bits still lean on the
// exponent, so the head may take a few of them along.
#include <algorithm>
#include <array>

#include "codecs/decode/layout_table.h"
#include "codecs/shared/plane_cut.h"
#include "codecs/shared/simd/join_planes.h"

namespace qc {
namespace {

// Elements put together at a time: their planes stay in L1.
constexpr std::size_t kPlaneBlock = 2048;
static_assert(kPlaneBlock % kReadUnit == 0);

class PlanesReader final : public ElementReader {
 public:
  std::array<SymbolReader*, kMaxPlanes> planes{};
  Symbol* symbols = nullptr;  // a block of each plane
  PlaneCut cut;
  Element element;

  void read(std::uint8_t* out, std::size_t count) noexcept override {
    std::array<PlaneBlock, kMaxPlanes> blocks;
    while (count > 0) {
      const std::size_t some = count < kPlaneBlock ? count : kPlaneBlock;
      unsigned shift = 0;
      for (unsigned plane = 0; plane < cut.planes; ++plane) {
        const ByteView bytes = planes[plane]->take_bytes(some);
        blocks[plane] = {bytes.data(), nullptr, shift};
        if (bytes.empty()) {
          Symbol* const block = symbols + plane * kPlaneBlock;
          planes[plane]->read({block, some});
          blocks[plane] = {nullptr, block, shift};
        }
        shift += cut.bits[plane];
      }
      join_planes(std::span(blocks).first(cut.planes), element.width, element.is_float, out, some);
      out += some * element.width;
      count -= some;
    }
  }

  bool finish() noexcept override {
    bool fine = true;
    for (unsigned plane = 0; plane < cut.planes; ++plane) fine &= planes[plane]->finish();
    return fine;
  }
};

[[gnu::cold]] ElementReader* open(ByteReader& in, Element element, std::uint64_t count,
                                  DecodeContext& context, CodedStats* stats) noexcept {
  const unsigned head_bits = in.u8();
  if (element.width == 1 || head_bits < kMinHeadBits || head_bits > kMaxHeadBits) {
    return context.refuse("byte planes are damaged");
  }
  auto* reader = context.make<PlanesReader>();
  if (reader == nullptr) return context.refuse("too much memory wanted");
  reader->element = element;
  reader->cut = cut_bits(element.width, head_bits);
  reader->symbols = context.blocks.make_array<Symbol>(reader->cut.planes * kPlaneBlock);
  if (reader->symbols == nullptr) return context.refuse("too much memory wanted");
  for (unsigned plane = 0; plane < reader->cut.planes; ++plane) {
    reader->planes[plane] =
        open_stream(in, count, 1u << reader->cut.bits[plane], StreamUse::kValues, context, stats);
    if (reader->planes[plane] == nullptr) return nullptr;
  }
  if (stats != nullptr) {
    stats->value_symbols += count;
    stats->value_bits = 8u * element.width;
  }
  return reader;
}

}  // namespace

const LayoutDecoder kPlanesDecoder = {
    .id = LayoutId::kPlanes, .name = "planes", .is_dense = true, .open = open};

}  // namespace qc
