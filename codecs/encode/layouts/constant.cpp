// One value, repeated.
#include <cstring>

#include "codecs/encode/layout_table.h"

namespace qc {
namespace {

bool encode(const Analysis& tensor, const EncodeOptions& /*options*/, Encoding& out) {
  const std::size_t width = tensor.element().width;
  const ByteView data = tensor.tensor().data;
  if (data.empty() || std::memcmp(data.data(), data.data() + width, data.size() - width) != 0) {
    return false;
  }
  append(out.bytes, data.first(width));
  return true;
}

}  // namespace

const LayoutEncoder kConstantEncoder = {
    .decoder = kConstantDecoder, .help = "one value, repeated", .element_ps = 60, .encode = encode};

}  // namespace qc
