#include "codecs/decode/layout_table.h"

#include <array>

#include "codecs/shared/simd/stream_copy.h"

namespace qc {
namespace {

constexpr std::array kLayouts = {
    &kRawDecoder,
    &kPlanesDecoder,
    &kNarrowDecoder,
    &kConstantDecoder,
    &kPaletteDecoder,
    &kChannelPaletteDecoder,
    &kCsrDecoder,
    &kBitmapDecoder,
    &kLevelsDecoder,
    &kRepeatsDecoder,
#ifndef QC_NO_CONTEXT_LAYOUTS
    &kContextPaletteDecoder,
    &kContextFloatsDecoder,
#endif
};

}  // namespace

void ElementReader::stream(std::uint8_t* out, std::size_t count, unsigned width,
                           std::uint8_t* scratch) noexcept {
  read(scratch, count);
  stream_copy(out, scratch, count * width);
}

const LayoutDecoder* find_layout_decoder(std::uint8_t id) noexcept {
  for (const LayoutDecoder* layout : kLayouts) {
    if (static_cast<std::uint8_t>(layout->id) == id) return layout;
  }
  return nullptr;
}

ElementReader* open_dense(ByteReader& in, Element element, std::uint64_t count,
                          DecodeContext& context, CodedStats* stats) noexcept {
  const LayoutDecoder* layout = find_layout_decoder(in.u8());
  if (!in.ok() || layout == nullptr || !layout->is_dense) {
    return context.refuse("the values name an unknown layout");
  }
  if (context.depth == kMaxNesting) return context.refuse("layouts are nested too deep");
  ++context.depth;
  if (stats != nullptr) stats->add_layout(*layout);
  ElementReader* reader = layout->open(in, element, count, context, stats);
  --context.depth;
  return reader;
}

}  // namespace qc
