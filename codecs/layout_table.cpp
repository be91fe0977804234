#include "codecs/layout_table.h"

#include <array>

namespace qc {
namespace {

constexpr std::array kLayouts = {
    &kRawLayout,     &kPlanesLayout,         &kNarrowLayout,        &kConstantLayout,
    &kPaletteLayout, &kChannelPaletteLayout, &kCsrLayout,           &kBitmapLayout,
    &kLevelsLayout,  &kContextPaletteLayout, &kContextFloatsLayout,
};

// The deepest that makes sense: sparse, narrowed twice (double, float, half), palette.
constexpr unsigned kMaxNesting = 3;

}  // namespace

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
  constexpr std::size_t kSmallCodebook = 512;
  const Palette* palette = tensor.is_large() ? tensor.palette() : nullptr;
  return !layout.plain || palette == nullptr || palette->codebook.size() > kSmallCodebook;
}

void encode_dense(const TensorView& tensor, const EncodeOptions& options, Bytes& out) {
  const Analysis analysis(tensor);
  Bytes best;
  for (const Layout* layout : kLayouts) {
    if (!layout->dense || !worth_trying(*layout, analysis)) continue;
    Bytes coded = {static_cast<std::uint8_t>(layout->id)};
    if (!layout->encode(analysis, options, coded)) continue;
    if (best.empty() || coded.size() < best.size()) best = std::move(coded);
  }
  append(out, best);
}

void encode_nonzeros(const Analysis& tensor, const EncodeOptions& options, Bytes& out) {
  std::optional<Bytes>& coded = tensor.coded_nonzeros();
  if (!coded) {
    coded.emplace();
    encode_dense({tensor.nonzeros().values, tensor.element(), {}}, options, *coded);
  }
  append(out, *coded);
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
