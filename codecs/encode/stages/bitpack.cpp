// Fixed-width codes: a width, then every symbol in that many bits.
#include <algorithm>

#include "codecs/encode/bit_writer.h"
#include "codecs/encode/stage_table.h"

namespace qc {
namespace {

constexpr unsigned kByte = 8;

bool encode(const SymbolStream& stream, std::size_t limit, Bytes& out) {
  const unsigned width = symbol_bits(stream.used_alphabet());
  if (1 + (stream.symbols.size() * width + 7) / 8 >= limit) return false;
  out.push_back(static_cast<std::uint8_t>(width));
  if (width == kByte) {
    out.resize(out.size() + stream.symbols.size());
    std::ranges::transform(stream.symbols, out.end() - std::ssize(stream.symbols),
                           [](Symbol symbol) { return static_cast<std::uint8_t>(symbol); });
    return true;
  }
  BitWriter bits(out);
  for (const Symbol symbol : stream.symbols) bits.put(symbol, width);
  bits.finish();
  return true;
}

}  // namespace

const StageEncoder kBitpackEncoder = {
    .decoder = kBitpackDecoder, .symbol_ps = 500, .encode = encode};

}  // namespace qc
