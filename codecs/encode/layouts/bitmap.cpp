// Sparse with a bitmap: a bit for every element, eight to a symbol, then the non-zero values.
#include <vector>

#include "codecs/encode/layout_table.h"

namespace qc {
namespace {

bool encode(const Analysis& tensor, const EncodeOptions& options, Encoding& out) {
  if (!tensor.is_sparse() && options.layout != LayoutId::kBitmap) return false;
  const NonZeros& nonzeros = tensor.nonzeros();
  append_varint(out.bytes, nonzeros.values.size() / tensor.element().width);
  encode_stream(std::vector<Symbol>(nonzeros.bitmap.begin(), nonzeros.bitmap.end()), 256,
                options.stages, out);
  encode_nonzeros(tensor, options, out);
  return true;
}

}  // namespace

const LayoutEncoder kBitmapEncoder = {.decoder = kBitmapDecoder,
                                      .help = "a bit for every element, then the non-zero values",
                                      .element_ps = 150,
                                      .encode = encode};

}  // namespace qc
