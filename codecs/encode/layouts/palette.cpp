// Palette: every element as its rank in the sorted codebook of the tensor's distinct values.
#include "codecs/encode/codebook.h"
#include "codecs/encode/layout_table.h"

namespace qc {
namespace {

bool encode(const Analysis& tensor, const EncodeOptions& options, Encoding& out) {
  const Palette* palette = tensor.palette();
  if (palette == nullptr || palette->codebook.empty()) return false;
  append_varint(out.bytes, palette->codebook.size());
  write_codebook(palette->codebook, tensor.element(), out.bytes);
  encode_stream(tensor.ranks(), static_cast<std::uint32_t>(palette->codebook.size()),
                options.stages, out);
  return true;
}

}  // namespace

const LayoutEncoder kPaletteEncoder = {.decoder = kPaletteDecoder,
                                       .help = "ranks in a sorted codebook of the distinct values",
                                       .element_ps = 250,
                                       .encode = encode};

}  // namespace qc
