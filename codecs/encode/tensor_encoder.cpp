#include "codecs/encode/tensor_encoder.h"

#include "codecs/decode/tensor_decoder.h"
#include "core/error.h"

// An encoded tensor: a byte for the layout, a byte for the element, then what the layout writes.
namespace qc {
namespace {

bool encode_as(const LayoutEncoder& layout, const Analysis& analysis, const EncodeOptions& options,
               Encoding& out) {
  out = {{static_cast<std::uint8_t>(layout.id()), element_code(analysis.element())}};
  return encode_layout(layout, analysis, options, out);
}

Encoding encode_best(const Analysis& analysis, const EncodeOptions& options) {
  Encoding best;
  Encoding coded;
  if (options.layout) {
    const LayoutEncoder* forced = find_layout_encoder(*options.layout);
    if (forced != nullptr && encode_as(*forced, analysis, options, coded)) return coded;
  }
  EncodeOptions free_choice = options;
  free_choice.layout.reset();
  // Leaving the zeros out is as small as coding them in every plane or rank, and much faster.
  constexpr std::size_t kManyZeros = 8;
  const bool leaves_zeros_out = analysis.is_large() && analysis.is_sparse() &&
                                kManyZeros * analysis.zeros() >= analysis.count();
  const auto codes_every_zero = [](const LayoutEncoder& layout) {
    return (layout.stores_plain_values && !layout.slow) || layout.id() == LayoutId::kPalette;
  };
  for (const LayoutEncoder* layout : layout_encoders()) {
    if (layout->slow && !options.slow_layouts) continue;
    if (!worth_trying(*layout, analysis)) continue;
    if (leaves_zeros_out && codes_every_zero(*layout)) continue;
    if (!encode_as(*layout, analysis, free_choice, coded)) continue;
    options.stages.keep_better(best, std::move(coded));
    free_choice.bytes_to_beat = best.bytes.size();
  }
  return best;
}

}  // namespace

Bytes encode_tensor(const TensorView& tensor, const EncodeOptions& options) {
  const Analysis analysis(tensor);
  Bytes coded = encode_best(analysis, options).bytes;
  DecodeContext context;
  if (!decodes_to(coded, tensor.data, context)) {
    throw Error(ErrorCode::kInternal, "an encoded tensor does not decode to what it was made of");
  }
  return coded;
}

}  // namespace qc
