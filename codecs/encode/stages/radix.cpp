// Several digits of a small base in a byte: 5 of base 3 take 1.6 bits each, where fixed-width codes
// take 2.
#include <algorithm>

#include "codecs/encode/stage_table.h"
#include "codecs/shared/radix_bases.h"

namespace qc {
namespace {

bool encode(const SymbolStream& stream, std::size_t limit, Bytes& out) {
  const auto base = std::ranges::find(kRadixBases, stream.used_alphabet(), &RadixBase::base);
  if (base == kRadixBases.end()) return false;
  const std::size_t count = stream.symbols.size();
  if (1 + (count + base->digits - 1) / base->digits >= limit) return false;
  out.push_back(static_cast<std::uint8_t>(base->base));
  for (std::size_t begin = 0; begin < count; begin += base->digits) {
    std::uint32_t byte = 0;
    for (std::size_t i = std::min(count, begin + base->digits); i-- > begin;) {
      byte = byte * base->base + stream.symbols[i];
    }
    out.push_back(static_cast<std::uint8_t>(byte));
  }
  return true;
}

}  // namespace

const StageEncoder kRadixEncoder = {.decoder = kRadixDecoder, .symbol_ps = 500, .encode = encode};

}  // namespace qc
