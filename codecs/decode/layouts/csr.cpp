// Sparse with relative indices (Han et al., "Deep Compression", ICLR 2016, section 2): for every
// stored value the number of zeros before it, in a fixed number of bits. A gap that does not fit is
// bridged by a filler, a stored zero, or by an escape symbol that stores nothing.
#include <algorithm>
#include <cstring>
#include <limits>

#include "codecs/decode/layout_table.h"
#include "codecs/decode/layouts/sparse_values.h"
#include "codecs/decode/varint.h"
#include "codecs/shared/relative_index.h"

namespace qc {
namespace {

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

[[gnu::cold]] ElementReader* open(ByteReader& in, Element element, std::uint64_t count,
                                  DecodeContext& context, CodedStats* stats) noexcept {
  const std::uint8_t head = in.u8();
  const unsigned bits = head & kGapBitsMask;
  const std::uint64_t stored = read_varint(in);
  const std::uint64_t gap_count = read_varint(in);
  if (!in.ok() || (head & ~(kGapBitsMask | kFillerFlag)) != 0 || bits < kMinGapBits ||
      bits > kMaxGapBits) {
    return context.refuse("a relative index is damaged");
  }
  const GapMode mode = (head & kFillerFlag) != 0 ? GapMode::kFiller : GapMode::kEscape;
  if (stored > count || gap_count > count || gap_count < stored) {
    return context.refuse("too many values for the tensor");
  }
  auto* reader = context.make<CsrReader>();
  if (reader == nullptr) return context.refuse("too much memory wanted");
  SymbolReader* gaps = open_stream(in, gap_count, 1u << bits, StreamUse::kIndices, context, stats);
  if (gaps == nullptr) return nullptr;
  ElementReader* values = open_dense(in, element, stored, context, stats);
  if (values == nullptr) return nullptr;
  reader->values.start(values, stored, element.width);
  reader->start(gaps, gap_count, bits, mode, element.width);
  if (stats != nullptr) {
    stats->value_symbols = stored;
    stats->index_symbols = gap_count;
    stats->index_bits = bits;
  }
  return reader;
}

}  // namespace

const LayoutDecoder kCsrDecoder = {
    .id = LayoutId::kCsr, .name = "csr", .is_dense = false, .open = open};

}  // namespace qc
