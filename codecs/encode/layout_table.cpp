#include "codecs/encode/layout_table.h"

#include <array>
#include <optional>

namespace qc {
namespace {

// The slower to try, the later: by then they know what there is to beat. What only `--max` tries
// comes last, so that it leaves the others as they are.
constexpr std::array kLayouts = {
    &kPlanesEncoder,         &kNarrowEncoder, &kConstantEncoder,       &kPaletteEncoder,
    &kChannelPaletteEncoder, &kCsrEncoder,    &kBitmapEncoder,         &kLevelsEncoder,
    &kRepeatsEncoder,        &kRawEncoder,    &kContextPaletteEncoder, &kContextFloatsEncoder,
};

}  // namespace

std::span<const LayoutEncoder* const> layout_encoders() noexcept { return kLayouts; }

const LayoutEncoder* find_layout_encoder(LayoutId id) noexcept {
  for (const LayoutEncoder* layout : kLayouts) {
    if (layout->id() == id) return layout;
  }
  return nullptr;
}

const LayoutEncoder* find_layout_encoder(std::string_view name) noexcept {
  for (const LayoutEncoder* layout : kLayouts) {
    if (layout->name() == name) return layout;
  }
  return nullptr;
}

bool worth_trying(const LayoutEncoder& layout, const Analysis& tensor) {
  if (layout.may_win != nullptr && !layout.may_win(tensor)) return false;
  constexpr std::size_t kSmallCodebook = 512;
  // Tables of indices repeat in the bytes of their rows more than in their ranks.
  if (layout.id() == LayoutId::kRaw && !tensor.element().is_float) return true;
  const Palette* palette = tensor.is_large() ? tensor.palette() : nullptr;
  return !layout.stores_plain_values || palette == nullptr ||
         palette->codebook.size() > kSmallCodebook;
}

bool encode_layout(const LayoutEncoder& layout, const Analysis& tensor,
                   const EncodeOptions& options, Encoding& out) {
  if (!layout.encode(tensor, options, out)) return false;
  out.decode_ps += std::uint64_t{layout.element_ps} * tensor.count();
  return true;
}

void encode_dense(const TensorView& tensor, const EncodeOptions& options, Encoding& out) {
  const Analysis analysis(tensor);
  Encoding best;
  for (const LayoutEncoder* layout : kLayouts) {
    if (!layout->decoder.is_dense || !worth_trying(*layout, analysis)) continue;
    Encoding coded{{static_cast<std::uint8_t>(layout->id())}};
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

}  // namespace qc
