// Sparse with relative indices (Han et al., "Deep Compression", ICLR 2016, section 2): chooses the
// width of the gaps and how those that do not fit are bridged.
#include <bit>
#include <cstring>
#include <limits>
#include <vector>

#include "codecs/encode/entropy.h"
#include "codecs/encode/layout_table.h"
#include "codecs/shared/relative_index.h"

namespace qc {
namespace {

// The number of zeros before each element that is none.
std::vector<std::uint32_t> zero_runs(ByteView bitmap, std::size_t nonzeros) {
  std::vector<std::uint32_t> runs(nonzeros);
  std::uint32_t* run = runs.data();
  std::size_t next = 0;
  const auto add_bits = [&](std::uint64_t bits, std::size_t first) {
    for (; bits != 0; bits &= bits - 1) {
      const std::size_t position = first + static_cast<std::size_t>(std::countr_zero(bits));
      *run++ = static_cast<std::uint32_t>(position - next);
      next = position + 1;
    }
  };
  std::size_t byte = 0;
  for (; byte + 8 <= bitmap.size(); byte += 8) {
    add_bits(load_le<std::uint64_t>(bitmap.data() + byte), 8 * byte);
  }
  for (; byte < bitmap.size(); ++byte) add_bits(bitmap[byte], 8 * byte);
  return runs;
}

// How a run of zeros is written with gaps up to `largest`: `bridges` symbols `largest`, then `gap`.
struct SplitRun {
  std::uint32_t bridges;
  std::uint32_t gap;
};

SplitRun split_run(std::uint32_t run, std::uint32_t largest, GapMode mode) noexcept {
  const std::uint32_t step = mode == GapMode::kEscape ? largest : largest + 1;
  return {run / step, run % step};
}

// The gaps of the stored values as symbols. With fillers, `is_filler` tells the stored zeros.
struct Gaps {
  std::vector<Symbol> symbols;
  std::vector<bool> is_filler;
};

Gaps make_gaps(const std::vector<std::uint32_t>& runs, unsigned bits, GapMode mode) {
  const std::uint32_t largest = (1u << bits) - 1;
  Gaps gaps;
  gaps.symbols.reserve(runs.size() + runs.size() / 4);
  for (const std::uint32_t run : runs) {
    if (run < largest) {
      gaps.symbols.push_back(static_cast<Symbol>(run));
    } else {
      const SplitRun split = split_run(run, largest, mode);
      gaps.symbols.insert(gaps.symbols.end(), split.bridges, static_cast<Symbol>(largest));
      gaps.symbols.push_back(static_cast<Symbol>(split.gap));
      if (mode == GapMode::kFiller) {
        gaps.is_filler.insert(gaps.is_filler.end(), split.bridges, true);
      }
    }
    if (mode == GapMode::kFiller) gaps.is_filler.push_back(false);
  }
  return gaps;
}

// The stored values with zeros where the fillers are.
Bytes with_fillers(const Bytes& values, const std::vector<bool>& is_filler, unsigned width) {
  Bytes out(is_filler.size() * width);
  const std::uint8_t* from = values.data();
  for (std::size_t i = 0; i < is_filler.size(); ++i) {
    if (is_filler[i]) continue;
    std::memcpy(out.data() + i * width, from, width);
    from += width;
  }
  return out;
}

// The width with the least entropy. An escape costs no value, so with escapes this is the smallest
// stream up to its code table.
unsigned best_gap_bits(const std::vector<std::uint32_t>& runs, GapMode mode) {
  // Runs by length, for those that are not too long for it.
  constexpr std::uint32_t kShort = 1024;
  std::vector<std::uint32_t> short_runs(kShort);
  std::vector<std::uint32_t> long_runs;
  for (const std::uint32_t run : runs) {
    if (run < kShort) {
      ++short_runs[run];
    } else {
      long_runs.push_back(run);
    }
  }
  unsigned best = kMaxGapBits;
  std::uint64_t least = std::numeric_limits<std::uint64_t>::max();
  for (unsigned bits = kMinGapBits; bits <= kMaxGapBits; ++bits) {
    const std::uint32_t largest = (1u << bits) - 1;
    std::vector<std::uint32_t> counts(std::size_t{largest} + 1);
    std::uint64_t bridges = 0;
    const auto add = [&](std::uint32_t run, std::uint32_t times) {
      const SplitRun split = split_run(run, largest, mode);
      bridges += std::uint64_t{times} * split.bridges;
      counts[split.gap] += times;
    };
    for (std::uint32_t run = 0; run < kShort; ++run) add(run, short_runs[run]);
    for (const std::uint32_t run : long_runs) add(run, 1);
    counts[largest] += static_cast<std::uint32_t>(bridges);
    constexpr std::uint64_t kTableBitsPerSymbol = 2;
    constexpr std::uint64_t kFillerBits = 4;
    std::uint64_t used = counts.size();
    while (used > 0 && counts[used - 1] == 0) --used;
    std::uint64_t cost = entropy_bits(counts) + kTableBitsPerSymbol * used;
    if (mode == GapMode::kFiller) cost += kFillerBits * bridges;
    if (cost < least) {
      least = cost;
      best = bits;
    }
  }
  return best;
}

bool encode(const Analysis& tensor, const EncodeOptions& options, Encoding& out) {
  if (!tensor.is_sparse() && options.layout != LayoutId::kCsr) return false;
  if (tensor.count() > std::numeric_limits<std::uint32_t>::max()) return false;
  const NonZeros& nonzeros = tensor.nonzeros();
  const std::vector<std::uint32_t> runs =
      zero_runs(nonzeros.bitmap, nonzeros.values.size() / tensor.element().width);
  const GapMode mode = options.gap_mode.value_or(GapMode::kEscape);
  const unsigned bits = options.gap_bits ? *options.gap_bits : best_gap_bits(runs, mode);
  const Gaps gaps = make_gaps(runs, bits, mode);
  const auto head = static_cast<std::uint8_t>(bits | (mode == GapMode::kFiller ? kFillerFlag : 0u));
  const std::size_t stored = mode == GapMode::kFiller ? gaps.is_filler.size() : runs.size();

  constexpr std::uint64_t kStoredPs = 1200;  // to put a stored value in its place
  out.decode_ps += kStoredPs * stored;
  out.bytes.push_back(head);
  append_varint(out.bytes, stored);
  append_varint(out.bytes, gaps.symbols.size());
  encode_stream(gaps.symbols, 1u << bits, options.stages, out);
  if (mode == GapMode::kFiller) {
    const Bytes values = with_fillers(nonzeros.values, gaps.is_filler, tensor.element().width);
    encode_dense({values, tensor.element(), {}}, options, out);
  } else {
    encode_nonzeros(tensor, options, out);
  }
  return true;
}

}  // namespace

const LayoutEncoder kCsrEncoder = {
    .decoder = kCsrDecoder,
    .help = "relative indices of 2 to 8 bits, then the non-zero values",
    .element_ps = 60,
    .encode = encode};

}  // namespace qc
