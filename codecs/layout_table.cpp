#include "codecs/layout_table.h"

#include <array>

#include "codecs/simd/stream_copy.h"

namespace qc {
namespace {

// The slower to try, the later: by then they know what there is to beat. What only `--max` tries
// comes last, so that it leaves the others as they are.
constexpr std::array kLayouts = {
    &kPlanesLayout,         &kNarrowLayout, &kConstantLayout,       &kPaletteLayout,
    &kChannelPaletteLayout, &kCsrLayout,    &kBitmapLayout,         &kLevelsLayout,
    &kRepeatsLayout,        &kRawLayout,    &kContextPaletteLayout, &kContextFloatsLayout,
};

// The deepest that makes sense: sparse, narrowed twice (double, float, half), palette.
constexpr unsigned kMaxNesting = 3;

}  // namespace

void ElementReader::stream(std::uint8_t* out, std::size_t count, unsigned width) noexcept {
  alignas(64) std::uint8_t block[kBlock * 8];
  read(block, count);
  stream_copy(out, block, count * width);
}

std::span<const Layout* const> layout_table() noexcept { return kLayouts; }

const Layout* find_layout(std::uint8_t id) noexcept {
  for (const Layout* layout : kLayouts) {
    if (static_cast<std::uint8_t>(layout->id) == id) return layout;
  }
  return nullptr;
}

const Layout* find_layout(std::string_view name) noexcept {
  for (const Layout* layout : kLayouts) {
    if (layout->name == name) return layout;
  }
  return nullptr;
}

bool worth_trying(const Layout& layout, const Analysis& tensor) {
  if (layout.may_win != nullptr && !layout.may_win(tensor)) return false;
  constexpr std::size_t kSmallCodebook = 512;
  // Tables of indices repeat in the bytes of their rows more than in their ranks.
  if (layout.id == LayoutId::kRaw && !tensor.element().is_float) return true;
  const Palette* palette = tensor.is_large() ? tensor.palette() : nullptr;
  return !layout.plain || palette == nullptr || palette->codebook.size() > kSmallCodebook;
}

bool encode_layout(const Layout& layout, const Analysis& tensor, const EncodeOptions& options,
                   Encoding& out) {
  if (!layout.encode(tensor, options, out)) return false;
  out.decode_ps += std::uint64_t{layout.element_ps} * tensor.count();
  return true;
}

void encode_dense(const TensorView& tensor, const EncodeOptions& options, Encoding& out) {
  const Analysis analysis(tensor);
  Encoding best;
  for (const Layout* layout : kLayouts) {
    if (!layout->dense || !worth_trying(*layout, analysis)) continue;
    Encoding coded{{static_cast<std::uint8_t>(layout->id)}};
    EncodeOptions informed = options;
    if (!best.bytes.empty()) informed.bytes_to_beat = best.bytes.size();
    if (!encode_layout(*layout, analysis, informed, coded)) continue;
    options.stages.keep_better(best, std::move(coded));
  }
  out.append(best);
}

void encode_nonzeros(const Analysis& tensor, const EncodeOptions& options, Encoding& out) {
  std::optional<Encoding>& coded = tensor.coded_nonzeros();
  if (!coded) {
    coded.emplace();
    encode_dense({tensor.nonzeros().values, tensor.element(), {}}, options, *coded);
  }
  out.append(*coded);
}

ElementReader* open_dense(ByteReader& in, Element element, std::uint64_t count,
                          DecodeContext& context) noexcept {
  const Layout* layout = find_layout(in.u8());
  if (!in.ok() || layout == nullptr || !layout->dense) {
    return context.refuse("the values name an unknown layout");
  }
  if (context.depth == kMaxNesting) return context.refuse("layouts are nested too deep");
  ++context.depth;
  if (context.stats != nullptr) context.stats->inner = layout;
  ElementReader* reader = layout->open(in, element, count, context);
  --context.depth;
  return reader;
}

}  // namespace qc
