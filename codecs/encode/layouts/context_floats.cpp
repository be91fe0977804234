// Context floats: sign, exponent and first mantissa bits predicted from the elements around and
// coded bit by bit; the other mantissa bits in planes.
#include <algorithm>
#include <array>
#include <vector>

#include "codecs/encode/bit_encoder.h"
#include "codecs/encode/context_grid.h"
#include "codecs/encode/layout_table.h"
#include "codecs/shared/context/float_format.h"
#include "codecs/shared/context/float_model.h"
#include "codecs/shared/level_sets.h"

namespace qc {
namespace {

using context::BitEncoder;
using context::FloatFormat;
using context::FloatModel;
using context::kMaxRestPlanes;

bool encode_format(const Analysis& tensor, const FloatFormat& format, const EncodeOptions& options,
                   Encoding& out) {
  const std::uint8_t* data = tensor.tensor().data.data();
  const std::size_t count = tensor.count();
  const bool has_zeros = tensor.zeros() > 0;
  std::uint32_t top = 0;
  std::array<std::vector<Symbol>, kMaxRestPlanes> planes;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t pattern = load_pattern(data + i * format.width, format.width);
    if (pattern == 0) continue;
    top = std::max(top, format.head(pattern).exponent);
    for (std::size_t plane = 0; plane < format.planes(); ++plane) {
      const std::uint64_t mask = (std::uint64_t{1} << format.plane_bits(plane)) - 1;
      planes[plane].push_back(static_cast<Symbol>((pattern >> (8 * plane)) & mask));
    }
  }
  const Grid grid = context::context_grid(tensor.tensor().grid, count);
  Arena memory;
  memory.reset(coding_budget(tensor.tensor().data.size()));
  FloatModel model;
  if (!model.create(top, format.exponent(), has_zeros, grid, count, memory)) return false;
  out.bytes.push_back(static_cast<std::uint8_t>(format.mantissa));
  append_varint(out.bytes, 2 * std::uint64_t{top} + (has_zeros ? 1 : 0));
  append_varint(out.bytes, count - tensor.zeros());
  context::write_grid(grid, out.bytes);
  for (std::size_t plane = 0; plane < format.planes(); ++plane) {
    encode_stream(planes[plane], 1u << format.plane_bits(plane), options.stages, out);
  }
  Bytes coded;
  BitEncoder coder(coded);
  for (std::size_t i = 0; i < count; ++i) {
    model.code(coder, format.head(load_pattern(data + i * format.width, format.width)));
  }
  coder.finish();
  append_varint(out.bytes, coded.size());
  append(out.bytes, coded);
  return true;
}

bool encode(const Analysis& tensor, const EncodeOptions& options, Encoding& out) {
  const unsigned width = tensor.element().width;
  if (!tensor.element().is_float || tensor.count() == 0 || tensor.zeros() == tensor.count()) {
    return false;
  }
  Encoding best;
  for (const unsigned mantissa : {7u, 10u, 23u, 52u}) {
    if (!is_mantissa(mantissa, width)) continue;
    Encoding coded;
    if (!encode_format(tensor, {width, mantissa}, options, coded)) return false;
    options.stages.keep_better(best, std::move(coded));
  }
  out.append(best);
  return !best.bytes.empty();
}

}  // namespace

const LayoutEncoder kContextFloatsEncoder = {
    .decoder = kContextFloatsDecoder,
    .help = "floats, the heads predicted from their neighbours",
    .stores_plain_values = true,
    .slow = true,
    .element_ps = 100000,
    .encode = encode};

}  // namespace qc
