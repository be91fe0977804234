// Levels: every element as a small multiple of the scale of its channel. Several multiples make one
// symbol, so that Huffman codes get below a bit for each; with as many as a kernel has elements,
// the symbols are the kernels, and their code table is a dictionary of those that occur
// (Courbariaux et al., arXiv 1602.02830, section 3.1: 42% of the 3x3 kernels of a network are
// unique).
#include <algorithm>
#include <array>

#include "codecs/decode/channel_map.h"
#include "codecs/decode/layout_table.h"
#include "codecs/shared/level_sets.h"

namespace qc {
namespace {

class LevelsReader final : public ElementReader {
 public:
  SymbolReader* symbols = nullptr;
  std::uint64_t symbols_left = 0;
  const std::uint8_t* scales = nullptr;
  ChannelMap channels;
  std::uint32_t set = 2;
  std::uint32_t group = 1;
  unsigned mantissa = 0;
  unsigned width = 4;

  void read(std::uint8_t* out, std::size_t count) noexcept override {
    with_width(width, [&]<typename T>() {
      for (std::size_t i = 0; i < count; ++i) {
        if (left_in_channel_ == 0) enter_channel();
        --left_in_channel_;
        if (digits_left_ == 0) next_symbol();
        --digits_left_;
        const auto pattern = static_cast<T>(patterns_[rest_ % set]);
        rest_ /= set;
        store_le(out + i * sizeof(T), pattern);
      }
    });
  }

  bool finish() noexcept override {
    // The digits that pad the last symbol are zero.
    return rest_ == 0 && at_ == size_ && symbols_left == 0 && symbols->finish();
  }

 private:
  void enter_channel() noexcept {
    left_in_channel_ = left_in_channel(channels, entered_);
    const std::uint64_t scale = load_pattern(scales + channels.channel_of(entered_) * width, width);
    for (std::uint32_t symbol = 0; symbol < set; ++symbol) {
      patterns_[symbol] = scaled_pattern(scale, multiple_of(set, symbol), mantissa, width);
    }
    entered_ += left_in_channel_;
  }

  void next_symbol() noexcept {
    if (at_ == size_) {
      at_ = 0;
      size_ = static_cast<std::size_t>(std::min<std::uint64_t>(symbols_left, kBlock));
      symbols->read({block_.data(), size_});
      symbols_left -= size_;
    }
    rest_ = block_[at_++];
    digits_left_ = group;
  }

  std::array<Symbol, kBlock> block_{};
  std::size_t at_ = 0;
  std::size_t size_ = 0;
  std::uint32_t rest_ = 0;
  std::uint32_t digits_left_ = 0;
  std::array<std::uint64_t, kMostInSet> patterns_{};
  std::uint64_t left_in_channel_ = 0;
  std::uint64_t entered_ = 0;  // elements up to the end of the run of one channel
};

[[gnu::cold]] ElementReader* open(ByteReader& in, Element element, std::uint64_t count,
                                  DecodeContext& context, CodedStats* stats) noexcept {
  const std::uint32_t set = in.u8();
  const unsigned mantissa = set == kMostInSet ? in.u8() : 0;
  if (!in.ok() || !element.is_float || !is_level_set(set) ||
      (set == kMostInSet && !is_mantissa(mantissa, element.width))) {
    return context.refuse("a set of levels is damaged");
  }
  ChannelMap channels;
  if (!read_channel_map(in, count, channels)) return context.refuse("a channel map is damaged");
  auto* reader = context.make<LevelsReader>();
  auto* scales = context.make_array<std::uint8_t>(channels.count * element.width);
  if (reader == nullptr || scales == nullptr) return context.refuse("too much memory wanted");

  const std::size_t before_scales = in.rest().size();
  ElementReader* stored = open_dense(in, element, channels.count, context, nullptr);
  if (stored == nullptr) return nullptr;
  stored->read(scales, static_cast<std::size_t>(channels.count));
  if (!stored->finish()) return context.refuse("the scales are damaged");
  if (stats != nullptr) stats->codebook_bytes += before_scales - in.rest().size();

  const std::uint32_t group = in.u8();
  if (!in.ok() || group < 1 || group > most_grouped(set)) {
    return context.refuse("a group of levels is out of range");
  }
  reader->scales = scales;
  reader->channels = channels;
  reader->set = set;
  reader->group = group;
  reader->mantissa = mantissa;
  reader->width = element.width;
  reader->symbols_left = count / group + (count % group != 0 ? 1 : 0);
  reader->symbols =
      open_stream(in, reader->symbols_left, power(set, group), StreamUse::kValues, context, stats);
  if (reader->symbols == nullptr) return nullptr;
  if (stats != nullptr) {
    stats->codebook_size += channels.count;
    stats->value_symbols += count;
    stats->value_bits = symbol_bits(set);
    stats->has_palette = true;
  }
  return reader;
}

}  // namespace

const LayoutDecoder kLevelsDecoder = {
    .id = LayoutId::kLevels, .name = "levels", .is_dense = false, .open = open};

}  // namespace qc
