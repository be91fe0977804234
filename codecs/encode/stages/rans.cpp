// rANS over the frequencies of the stream, rounded to a sum of 2^n.
#include <algorithm>
#include <array>
#include <bit>
#include <memory>
#include <queue>
#include <vector>

#include "codecs/encode/entropy.h"
#include "codecs/encode/stage_table.h"
#include "codecs/encode/stages/length_table.h"
#include "codecs/shared/huffman_code.h"
#include "codecs/shared/rans_limits.h"

namespace qc {
namespace {

constexpr unsigned kMinBits = 8;
static_assert(kMaxRansBits <= kMaxCodeLength);
// Larger ones would not fit the sum of the frequencies with any precision.
constexpr std::uint32_t kMaxRansAlphabet = 1u << 12;
// Shorter streams do not make up for the table of frequencies.
constexpr std::size_t kMinSymbols = 512;

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

}  // namespace

const StageEncoder kRansEncoder = {.decoder = kRansDecoder, .symbol_ps = 1300, .encode = encode};

}  // namespace qc
