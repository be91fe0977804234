// rANS over the frequencies of the stream, rounded to a sum of 2^n: as close to the entropy as that
// rounding, where Huffman codes lose up to a bit for every symbol.
#include <algorithm>
#include <array>
#include <bit>
#include <memory>
#include <queue>

#include "codecs/stages/length_table.h"
#include "codecs/stages/rans_decoder.h"

namespace qc {
namespace {

constexpr unsigned kMinBits = 8;
static_assert(kMaxRansBits <= kMaxLength);
// Larger ones would not fit the sum of the frequencies with any precision.
constexpr std::uint32_t kMaxRansAlphabet = 1u << 12;
// Shorter streams do not make up for the table of frequencies.
constexpr std::size_t kMinSymbols = 512;

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

// A lane costs four bytes.
unsigned lane_bits(std::size_t symbols) noexcept {
  if (symbols < (std::size_t{1} << 14)) return 0;
  if (symbols < (std::size_t{1} << 16)) return 2;
  return 6;
}

// Frequencies that add up to 2^bits, at least 1 for each count that is not 0, with about the least
// sum of count * log2(1 / frequency): rounded down, then moved a unit at a time where it costs
// least.
std::vector<std::uint32_t> scaled_frequencies(std::span<const std::uint32_t> counts,
                                              unsigned bits) {
  std::uint64_t total = 0;
  for (const std::uint32_t count : counts) total += count;
  std::vector<std::uint32_t> frequencies(counts.size());
  std::int64_t left = std::int64_t{1} << bits;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] == 0) continue;
    frequencies[i] =
        std::max(1u, static_cast<std::uint32_t>((std::uint64_t{counts[i]} << bits) / total));
    left -= frequencies[i];
  }
  // A step from f to f + 1 gains about count / (f + 1/2).
  struct Step {
    std::uint64_t count;
    std::uint64_t twice_middle;
    std::size_t symbol;
  };
  const bool more = left > 0;
  const auto later = [more](const Step& a, const Step& b) {
    const std::uint64_t gain_a = a.count * b.twice_middle;
    const std::uint64_t gain_b = b.count * a.twice_middle;
    if (gain_a != gain_b) return more ? gain_a < gain_b : gain_a > gain_b;
    return a.symbol > b.symbol;
  };
  std::priority_queue<Step, std::vector<Step>, decltype(later)> steps(later);
  const auto add_step = [&](std::size_t symbol) {
    const std::uint32_t frequency = frequencies[symbol];
    if (counts[symbol] == 0 || (!more && frequency == 1)) return;
    const std::uint64_t twice = 2 * std::uint64_t{frequency};
    steps.push({counts[symbol], more ? twice + 1 : twice - 1, symbol});
  };
  if (left != 0) {
    for (std::size_t i = 0; i < counts.size(); ++i) add_step(i);
  }
  for (; left != 0; left += more ? -1 : 1) {
    const std::size_t symbol = steps.top().symbol;
    steps.pop();
    frequencies[symbol] = more ? frequencies[symbol] + 1 : frequencies[symbol] - 1;
    add_step(symbol);
  }
  return frequencies;
}

// The frequencies: their lengths in bits, then the bits below the leading one of each but the last,
// which takes what is left.
void write_frequencies(std::span<const std::uint32_t> frequencies, unsigned bits, Bytes& out) {
  std::vector<std::uint8_t> lengths;
  lengths.reserve(frequencies.size());
  for (const std::uint32_t frequency : frequencies) {
    lengths.push_back(static_cast<std::uint8_t>(std::bit_width(frequency)));
  }
  BitWriter writer = write_lengths(lengths, bits, out);
  for (std::size_t i = 0; i + 1 < frequencies.size(); ++i) {
    if (lengths[i] < 2) continue;
    const unsigned below = lengths[i] - 1u;
    writer.put(frequencies[i] & ((1u << below) - 1), below);
  }
  writer.finish();
}

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

// How a symbol changes the state, without dividing (Giesen, "rANS with static probability
// distributions", 2014).
struct EncodeStep {
  std::uint64_t reciprocal = 0;  // 2^64 / frequency, rounded up
  std::uint32_t limit = 0;       // of the state, beyond which a word is written first
  std::uint32_t bias = 0;
  std::uint32_t complement = 0;  // 2^bits - frequency

  EncodeStep() = default;
  EncodeStep(std::uint32_t frequency, std::uint32_t start, unsigned bits) noexcept
      : limit(frequency << (32 - bits)), bias(start), complement((1u << bits) - frequency) {
    if (frequency > 1) {
      reciprocal = UINT64_MAX / frequency + 1;
    } else {
      // The quotient comes out one too small, which the bias makes up for.
      reciprocal = UINT64_MAX;
      bias = start + (1u << bits) - 1;
    }
  }

  std::uint32_t next(std::uint32_t state) const noexcept {
    __extension__ using Wide = unsigned __int128;
    const auto quotient = static_cast<std::uint32_t>((Wide{state} * reciprocal) >> 64);
    return state + bias + quotient * complement;
  }
};

// Appends the states of 2^log_lanes lanes, and the words in the order in which they are read.
void encode_symbols(std::span<const Symbol> symbols, std::span<const std::uint32_t> frequencies,
                    unsigned bits, unsigned log_lanes, Bytes& out) {
  std::vector<EncodeStep> steps(frequencies.size());
  std::uint32_t start = 0;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (frequencies[i] == 0) continue;
    steps[i] = EncodeStep(frequencies[i], start, bits);
    start += frequencies[i];
  }
  const std::size_t lanes = std::size_t{1} << log_lanes;
  std::array<std::uint32_t, kMaxRansLanes> states;
  states.fill(kRansLow);
  const auto words = std::make_unique_for_overwrite<std::uint16_t[]>(symbols.size() + 1);
  std::uint16_t* const end = words.get() + symbols.size() + 1;
  std::uint16_t* at = end;
  for (std::size_t i = symbols.size(); i-- > 0;) {
    const EncodeStep& step = steps[symbols[i]];
    std::uint32_t state = states[i & (lanes - 1)];
    const bool full = state >= step.limit;
    at[-1] = static_cast<std::uint16_t>(state);
    at -= full ? 1 : 0;
    states[i & (lanes - 1)] = step.next(full ? state >> 16 : state);
  }
  for (std::size_t lane = 0; lane < lanes; ++lane) append_le(out, states[lane]);
  append(out, {reinterpret_cast<const std::uint8_t*>(at),
               static_cast<std::size_t>(end - at) * sizeof(std::uint16_t)});
}

bool encode(const SymbolStream& stream, std::size_t limit, Bytes& out) {
  const std::uint32_t used = stream.used_alphabet();
  const std::span<const std::uint32_t> counts = std::span(stream.counts).first(used);
  const std::uint32_t distinct = stream.distinct();
  // Estimates are too high by less than 1/4096 bit for every symbol.
  constexpr std::size_t kEstimated = std::size_t{8} << 12;
  const auto too_many = [&](std::uint64_t bytes) {
    return bytes > limit && bytes - limit > stream.symbols.size() / kEstimated;
  };
  if (distinct < 2 || used > kMaxRansAlphabet || stream.symbols.size() < kMinSymbols ||
      too_many((stream.entropy + distinct) / 8)) {
    return false;
  }
  unsigned best_bits = 0;
  std::uint64_t least = UINT64_MAX;
  std::vector<std::uint32_t> best;
  // Finer frequencies gain less and less, and their table grows evenly: past the least cost there
  // is nothing to find.
  constexpr unsigned kWorseInARow = 2;
  unsigned worse = 0;
  for (unsigned bits = std::max(kMinBits, symbol_bits(distinct) + 1);
       bits <= kMaxRansBits && worse < kWorseInARow; ++bits) {
    std::vector<std::uint32_t> frequencies = scaled_frequencies(counts, bits);
    Bytes table;
    write_frequencies(frequencies, bits, table);
    const std::uint64_t cost = 8 * table.size() + cross_entropy_bits(counts, frequencies, bits);
    ++worse;
    if (cost < least) {
      worse = 0;
      least = cost;
      best_bits = bits;
      best = std::move(frequencies);
    }
  }
  if (too_many(least / 8)) return false;
  const unsigned log_lanes = lane_bits(stream.symbols.size());
  Bytes coded;
  coded.push_back(static_cast<std::uint8_t>(best_bits | (log_lanes << 4)));
  write_frequencies(best, best_bits, coded);
  encode_symbols(stream.symbols, best, best_bits, log_lanes, coded);
  if (coded.size() >= limit) return false;
  append(out, coded);
  return true;
}

SymbolReader* open(ByteView coded, std::uint64_t /*count*/, std::uint32_t alphabet,
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

const Stage kRansStage = {StageId::kRans, "rans", 1300, encode, nullptr, open};

}  // namespace qc
