// Levels: every element as a small multiple of the scale of its channel. Several multiples make one
// symbol, so that Huffman codes get below a bit for each; with as many as a kernel has elements,
// the symbols are the kernels, and their code table is a dictionary of those that occur
// (Courbariaux et al., arXiv 1602.02830, section 3.1: 42% of the 3x3 kernels of a network are
// unique).
#include "codecs/levels.h"

#include <algorithm>
#include <array>
#include <utility>

#include "codecs/channel_map.h"
#include "codecs/layout_table.h"

namespace qc {
namespace {

// The most digits of base `set` in a symbol.
constexpr std::uint32_t most_grouped(std::uint32_t set) noexcept {
  std::uint32_t digits = 0;
  for (std::uint32_t values = set; values <= kMaxAlphabet; values *= set) ++digits;
  return digits;
}

constexpr std::uint32_t power(std::uint32_t base, std::uint32_t exponent) noexcept {
  std::uint32_t result = 1;
  for (std::uint32_t i = 0; i < exponent; ++i) result *= base;
  return result;
}

constexpr std::uint32_t kMostInSet = 5;

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

// Symbols of `group` digits each, the first one the lowest; zeros pad the last symbol.
std::vector<Symbol> grouped(const Levels& levels, std::uint32_t group) {
  const std::size_t count = levels.symbols.size();
  std::vector<Symbol> symbols;
  symbols.reserve(count / group + 1);
  for (std::size_t begin = 0; begin < count; begin += group) {
    std::uint32_t symbol = 0;
    for (std::size_t i = std::min(count, begin + group); i-- > begin;) {
      symbol = symbol * levels.set + levels.symbols[i];
    }
    symbols.push_back(static_cast<Symbol>(symbol));
  }
  return symbols;
}

// About what a Huffman code takes: no symbol less than a bit, and some bits of table for each.
std::uint64_t estimated_bits(std::span<const Symbol> symbols, std::uint32_t alphabet) {
  constexpr std::uint64_t kTableBits = 6;
  const SymbolStream stream(symbols, alphabet);
  return std::max<std::uint64_t>(entropy_bits(stream.counts), symbols.size()) +
         kTableBits * stream.distinct();
}

// The sizes of groups worth encoding: all of them for a small tensor, else single elements and what
// promises to be the smallest.
std::vector<std::uint32_t> candidate_groups(const Levels& levels, bool large) {
  std::vector<std::uint32_t> groups;
  std::uint32_t best = 1;
  std::uint64_t best_bits = UINT64_MAX;
  for (std::uint32_t group = 1; group <= most_grouped(levels.set); ++group) {
    if (!large) {
      groups.push_back(group);
      continue;
    }
    const std::uint64_t bits = estimated_bits(grouped(levels, group), power(levels.set, group));
    if (bits < best_bits) {
      best = group;
      best_bits = bits;
    }
  }
  if (!large) return groups;
  return best == 1 ? std::vector<std::uint32_t>{1} : std::vector<std::uint32_t>{1, best};
}

std::optional<Levels> levels_of(const TensorView& tensor) {
  if (auto levels = find_levels(tensor, {})) return levels;
  const ChannelMap& channels = tensor.channels;
  if (channels.count < 2 || tensor.count() < 2 * channels.count) return std::nullopt;
  return find_levels(tensor, channels);
}

bool encode(const Analysis& tensor, const EncodeOptions& options, Encoding& out) {
  const std::optional<Levels> levels = levels_of(tensor.tensor());
  if (!levels) return false;
  const Element element = tensor.element();
  out.bytes.push_back(static_cast<std::uint8_t>(levels->set));
  if (levels->set == kMostInSet) out.bytes.push_back(static_cast<std::uint8_t>(levels->mantissa));
  write_channel_map(levels->channels, out.bytes);
  Bytes scales(levels->scales.size() * element.width);
  for (std::size_t i = 0; i < levels->scales.size(); ++i) {
    store_pattern(scales.data() + i * element.width, element.width, levels->scales[i]);
  }
  EncodeOptions free_choice = options;
  free_choice.layout.reset();
  encode_dense({scales, element, {}}, free_choice, out);

  Encoding best;
  for (const std::uint32_t group : candidate_groups(*levels, tensor.is_large())) {
    Encoding coded{{static_cast<std::uint8_t>(group)}};
    encode_stream(grouped(*levels, group), power(levels->set, group), options.stages, coded);
    options.stages.keep_better(best, std::move(coded));
  }
  out.append(best);
  return true;
}

ElementReader* open(ByteReader& in, Element element, std::uint64_t count,
                    DecodeContext& context) noexcept {
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

  CodedStats* const stats = std::exchange(context.stats, nullptr);
  const std::size_t before_scales = in.rest().size();
  ElementReader* stored = open_dense(in, element, channels.count, context);
  context.stats = stats;
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
      open_stream(in, reader->symbols_left, power(set, group), StreamUse::kValues, context);
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

const Layout kLevelsLayout = {LayoutId::kLevels,
                              "levels",
                              "multiples -2 to 2 of a scale, for the tensor or for each channel",
                              false,
                              false,
                              false,
                              1500,
                              encode,
                              open};

}  // namespace qc
