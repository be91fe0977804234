// Sparse with relative indices (Han et al., "Deep Compression", ICLR 2016, section 2): for every
// stored value the number of zeros before it, in a fixed number of bits. A gap that does not fit is
// bridged by a filler, a stored zero, or by an escape symbol that stores nothing.
#include <bit>
#include <limits>

#include "codecs/layout_table.h"
#include "codecs/layouts/sparse_values.h"
#include "codecs/varint.h"

namespace qc {
namespace {

constexpr unsigned kMinGapBits = 2;
constexpr unsigned kMaxGapBits = 8;

// The largest symbol skips that many positions: as an escape it stores nothing, as a gap it is
// followed by a value, which may be a filler.
class CsrReader final : public ElementReader {
 public:
  void start(SymbolReader* gaps, std::uint64_t gap_count, unsigned gap_bits, GapMode mode,
             unsigned width) noexcept {
    gaps_ = gaps;
    gaps_left_ = gap_count;
    escape_ = mode == GapMode::kEscape ? (1u << gap_bits) - 1 : kNoEscape;
    width_ = width;
    advance();
  }

  StoredValues values;

  void read(std::uint8_t* out, std::size_t count) noexcept override {
    with_width(width_, [&]<typename T>() {
      std::memset(out, 0, count * sizeof(T));
      const std::uint64_t end = position_ + count;
      while (next_ < end) {
        std::memcpy(out + (next_ - position_) * sizeof(T), values.next(), sizeof(T));
        ++next_;
        advance();
      }
      position_ = end;
    });
  }

  // Positions past the tensor's end leave values over, which values.finish() sees. An escape as the
  // last symbol leads to no value.
  bool finish() noexcept override {
    const bool ends_in_escape = size_ > 0 && block_[size_ - 1] == escape_;
    return next_ == kNowhere && !ends_in_escape && values.finish() && gaps_->finish();
  }

 private:
  static constexpr std::uint64_t kNowhere = std::numeric_limits<std::uint64_t>::max();
  static constexpr std::uint32_t kNoEscape = std::numeric_limits<std::uint32_t>::max();

  // Moves next_ over the gap before the next stored value.
  void advance() noexcept {
    for (;;) {
      if (at_ == size_ && !refill()) {
        next_ = kNowhere;
        return;
      }
      const Symbol gap = block_[at_++];
      next_ += gap;
      if (gap != escape_) return;
    }
  }

  bool refill() noexcept {
    if (gaps_left_ == 0) return false;
    at_ = 0;
    size_ = static_cast<std::size_t>(std::min<std::uint64_t>(gaps_left_, kBlock));
    gaps_->read({block_, size_});
    gaps_left_ -= size_;
    return true;
  }

  SymbolReader* gaps_ = nullptr;
  std::uint64_t gaps_left_ = 0;
  std::uint32_t escape_ = kNoEscape;
  unsigned width_ = 1;
  std::uint64_t position_ = 0;  // of the next element to read
  std::uint64_t next_ = 0;      // of the next stored value
  std::size_t at_ = 0;
  std::size_t size_ = 0;
  Symbol block_[kBlock];
};

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
  const auto head = static_cast<std::uint8_t>(bits | (mode == GapMode::kFiller ? 0x10u : 0u));
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

ElementReader* open(ByteReader& in, Element element, std::uint64_t count,
                    DecodeContext& context) noexcept {
  const std::uint8_t head = in.u8();
  const unsigned bits = head & 0x0fu;
  const std::uint64_t stored = read_varint(in);
  const std::uint64_t gap_count = read_varint(in);
  if (!in.ok() || (head & 0xe0) != 0 || bits < kMinGapBits || bits > kMaxGapBits) {
    return context.refuse("a relative index is damaged");
  }
  const GapMode mode = (head & 0x10) != 0 ? GapMode::kFiller : GapMode::kEscape;
  if (stored > count || gap_count > count || gap_count < stored) {
    return context.refuse("too many values for the tensor");
  }
  auto* reader = context.make<CsrReader>();
  if (reader == nullptr) return context.refuse("too much memory wanted");
  SymbolReader* gaps = open_stream(in, gap_count, 1u << bits, StreamUse::kIndices, context);
  if (gaps == nullptr) return nullptr;
  ElementReader* values = open_dense(in, element, stored, context);
  if (values == nullptr) return nullptr;
  reader->values.start(values, stored, element.width);
  reader->start(gaps, gap_count, bits, mode, element.width);
  if (context.stats != nullptr) {
    context.stats->value_symbols = stored;
    context.stats->index_symbols = gap_count;
    context.stats->index_bits = bits;
  }
  return reader;
}

}  // namespace

const Layout kCsrLayout = {LayoutId::kCsr,
                           "csr",
                           "relative indices of 2 to 8 bits, then the non-zero values",
                           false,
                           false,
                           false,
                           60,
                           encode,
                           open};

}  // namespace qc
