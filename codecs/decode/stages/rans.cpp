// rANS over the frequencies of the stream, rounded to a sum of 2^n: as close to the entropy as that
// rounding, where Huffman codes lose up to a bit for every symbol.
#include <algorithm>
#include <bit>
#include <optional>

#include "codecs/decode/stage_table.h"
#include "codecs/decode/stages/length_table.h"
#include "codecs/decode/stages/rans_decoder.h"

namespace qc {
namespace {

static_assert(kReadUnit % kMaxRansLanes == 0);

class RansReader final : public SymbolReader {
 public:
  RansTable table;
  RansLanes lanes;

  void read(std::span<Symbol> out) noexcept override { decode_rans(table, lanes, out); }

  bool finish() noexcept override {
    return !lanes.ran_out && lanes.next == lanes.end &&
           std::all_of(lanes.states.begin(), lanes.states.begin() + lanes.count(),
                       [](std::uint32_t state) { return state == kRansLow; });
  }
};

// Of frequencies and first slots; see RansTable::ranges. False when the table is damaged.
bool read_ranges(ByteReader& in, std::uint32_t alphabet, unsigned bits,
                 std::span<std::uint8_t> lengths, std::uint32_t* ranges) noexcept {
  std::optional<BitReader> reader = read_lengths(in, alphabet, bits, lengths);
  if (!reader) return false;
  std::uint32_t last = alphabet - 1;
  while (lengths[last] == 0) --last;
  std::uint32_t start = 0;
  for (std::uint32_t symbol = 0; symbol < last; ++symbol) {
    if (lengths[symbol] == 0) continue;
    const unsigned below = lengths[symbol] - 1u;
    const std::uint32_t frequency = (1u << below) | static_cast<std::uint32_t>(reader->get(below));
    ranges[symbol] = frequency | (start << 16);
    start += frequency;
    if (start >= 1u << bits) return false;
  }
  const std::uint32_t rest = (1u << bits) - start;
  if (static_cast<unsigned>(std::bit_width(rest)) != lengths[last] || !reader->in_range() ||
      !reader->padding_is_zero()) {
    return false;
  }
  ranges[last] = rest | (start << 16);
  in.take(reader->bytes_used());
  return true;
}

[[gnu::cold]] SymbolReader* open(ByteView coded, std::uint64_t /*count*/, std::uint32_t alphabet,
                                 DecodeContext& context, std::uint64_t& table_bytes) noexcept {
  ByteReader in(coded);
  const std::uint8_t head = in.u8();
  const unsigned bits = head & 0x0fu;
  const unsigned log_lanes = head >> 4;
  if (!in.ok() || bits < 1 || log_lanes > 6) return context.refuse("an rANS header is damaged");
  auto* lengths = context.make_array<std::uint8_t>(alphabet);
  auto* ranges = context.make_array<std::uint32_t>(alphabet);
  // One more, since two are loaded at a time.
  auto* symbols = context.make_array<Symbol>((std::uint64_t{1} << bits) + 1);
  auto* reader = context.make<RansReader>();
  if (lengths == nullptr || ranges == nullptr || symbols == nullptr || reader == nullptr) {
    return context.refuse("a stream wants too much memory");
  }
  if (!read_ranges(in, alphabet, bits, {lengths, alphabet}, ranges)) {
    return context.refuse("a table of frequencies is damaged");
  }
  table_bytes = coded.size() - in.rest().size();
  for (std::uint32_t symbol = 0; symbol < alphabet; ++symbol) {
    if (lengths[symbol] == 0) continue;
    std::fill_n(symbols + (ranges[symbol] >> 16), ranges[symbol] & 0xffff,
                static_cast<Symbol>(symbol));
  }
  symbols[std::size_t{1} << bits] = 0;
  reader->table = {symbols, ranges, bits};
  RansLanes& lanes = reader->lanes;
  lanes.log_count = log_lanes;
  bool valid = true;
  for (std::size_t lane = 0; lane < lanes.count(); ++lane) {
    lanes.states[lane] = in.le<std::uint32_t>();
    valid &= lanes.states[lane] >= kRansLow;
  }
  if (!in.ok() || !valid || in.rest().size() % 2 != 0) {
    return context.refuse("the states of an rANS stream are damaged");
  }
  lanes.next = in.rest().data();
  lanes.end = lanes.next + in.rest().size();
  return reader;
}

}  // namespace

const StageDecoder kRansDecoder = {.id = StageId::kRans, .name = "rans", .open = open};

}  // namespace qc
