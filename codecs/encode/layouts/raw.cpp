// The bytes as they are, as one stream.
#include <algorithm>
#include <array>
#include <vector>

#include "codecs/encode/entropy.h"
#include "codecs/encode/layout_table.h"

namespace qc {
namespace {

// Whether the bytes of a tensor may repeat enough: otherwise they cannot be coded in less than
// planes of them, each with its own statistics.
bool may_repeat(const Analysis& tensor) {
  if (tensor.element().width == 1) return true;
  if (tensor.count() == 0 || !tensor.repeats()) return false;
  const ByteView data = tensor.tensor().data;
  const unsigned width = tensor.element().width;
  std::array<std::array<std::uint32_t, 256>, 8> planes{};
  for (std::size_t at = 0; at < data.size(); at += width) {
    for (unsigned plane = 0; plane < width; ++plane) ++planes[plane][data[at + plane]];
  }
  std::uint64_t apart = 0;
  for (unsigned plane = 0; plane < width; ++plane) apart += entropy_bits(planes[plane]);
  std::array<std::uint32_t, 256> all{};
  for (unsigned plane = 0; plane < width; ++plane) {
    for (std::size_t byte = 0; byte < all.size(); ++byte) all[byte] += planes[plane][byte];
  }
  const std::size_t repeated = std::min(tensor.duplicates() + tensor.zeros(), tensor.count());
  return entropy_bits(all) / tensor.count() * (tensor.count() - repeated) < apart;
}

// One code table for all bytes may still pay where there are few.
bool may_win(const Analysis& tensor) { return !tensor.is_large() || may_repeat(tensor); }

bool encode(const Analysis& tensor, const EncodeOptions& options, Encoding& out) {
  const ByteView data = tensor.tensor().data;
  const std::vector<Symbol> symbols(data.begin(), data.end());
  StageChoice stages = options.stages;
  stages.matches = stages.matches && may_repeat(tensor);
  stages.too_many = options.bytes_to_beat;
  encode_stream(symbols, 256, stages, out);
  return true;
}

}  // namespace

const LayoutEncoder kRawEncoder = {.decoder = kRawDecoder,
                                   .help = "the bytes as they are, through the cheapest stage",
                                   .stores_plain_values = true,
                                   .element_ps = 100,
                                   .encode = encode,
                                   .may_win = may_win};

}  // namespace qc
