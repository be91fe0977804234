// Per-channel palette: a codebook for every output channel (such as +-alpha per filter), every
// element as its rank in the codebook of its channel.
#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

#include "codecs/channel_map.h"
#include "codecs/codebook.h"
#include "codecs/layout_table.h"

namespace qc {
namespace {

// Beyond this a channel's values are no codebook but plain numbers.
constexpr std::size_t kMaxChannelCodebook = 256;

class ChannelPaletteReader final : public ElementReader {
 public:
  const std::uint8_t* codebooks = nullptr;  // of all channels, one after the other
  const std::uint32_t* starts = nullptr;    // first entry of each channel, and the end
  SymbolReader* ranks = nullptr;
  ChannelMap channels;
  unsigned width = 1;

  void read(std::uint8_t* out, std::size_t count) noexcept override {
    with_width(width, [&]<typename T>() {
      Symbol block[kBlock];
      while (count > 0) {
        const std::size_t some = std::min(count, kBlock);
        ranks->read({block, some});
        for (std::size_t done = 0; done < some;) {
          if (left_in_channel_ == 0) enter_channel();
          const auto run =
              static_cast<std::size_t>(std::min<std::uint64_t>(left_in_channel_, some - done));
          look_up_run<T>({block + done, run}, out);
          out += run * sizeof(T);
          done += run;
          left_in_channel_ -= run;
        }
        count -= some;
      }
    });
  }

  bool finish() noexcept override { return valid_ && ranks->finish(); }

 private:
  void enter_channel() noexcept {
    const std::uint64_t channel = channels.channel_of(entered_);
    left_in_channel_ = left_in_channel(channels, entered_);
    entered_ += left_in_channel_;
    codebook_ = codebooks + std::size_t{starts[channel]} * width;
    entries_ = starts[channel + 1] - starts[channel];
  }

  template <typename T>
  void look_up_run(std::span<const Symbol> run, std::uint8_t* out) noexcept {
    bool valid = true;
    for (std::size_t i = 0; i < run.size(); ++i) {
      const bool inside = run[i] < entries_;
      valid &= inside;
      store_le(out + i * sizeof(T), load_le<T>(codebook_ + (inside ? run[i] : 0) * sizeof(T)));
    }
    valid_ &= valid;
  }

  std::uint64_t entered_ = 0;  // elements of the channels begun
  std::uint64_t left_in_channel_ = 0;
  const std::uint8_t* codebook_ = nullptr;
  std::uint32_t entries_ = 0;
  bool valid_ = true;
};

// How often each value occurs among the first elements of a channel.
std::vector<std::uint32_t> channel_counts(const TensorView& tensor, std::uint64_t channel,
                                          std::size_t most_elements) {
  const ChannelMap& channels = tensor.channels;
  const std::uint64_t before = (channel + channels.count - channels.channel_of(0)) % channels.count;
  // The first element of the channel, or one before it in a row that starts in the middle.
  std::uint64_t i = before * channels.stride;
  i -= std::min(i, channels.first % channels.stride);
  std::map<std::uint64_t, std::uint32_t> counts;
  for (std::size_t taken = 0; i < tensor.count() && taken < most_elements;) {
    if (channels.channel_of(i) == channel) {
      ++counts[load_pattern(tensor.data.data() + i * tensor.element.width, tensor.element.width)];
      ++taken;
      ++i;
    } else {
      i += channels.stride * (channels.count - 1);
    }
  }
  std::vector<std::uint32_t> all;
  all.reserve(counts.size());
  for (const auto& [pattern, count] : counts) all.push_back(count);
  return all;
}

// Whether codebooks of channels could make a large tensor smaller, by a look at a few channels.
bool may_pay(const Analysis& tensor) {
  constexpr std::uint64_t kLookedAt = 16;
  constexpr std::size_t kElements = 2048;
  const ChannelMap& channels = tensor.tensor().channels;
  std::uint64_t elements = 0;
  std::uint64_t entries = 0;
  std::uint64_t single_uses = 0;
  std::uint64_t rank_bits = 0;
  std::uint64_t looked_at = 0;
  const std::uint64_t step = std::max<std::uint64_t>(channels.count / kLookedAt, 1);
  for (std::uint64_t channel = 0; channel < channels.count; channel += step) {
    const auto counts = channel_counts(tensor.tensor(), channel, kElements);
    elements += std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
    entries += counts.size();
    single_uses += static_cast<std::uint64_t>(std::ranges::count(counts, 1U));
    rank_bits += entropy_bits(counts);
    ++looked_at;
  }
  if (elements == 0 || entries > kMaxChannelCodebook * looked_at) return false;
  // Values that mostly occur once are no codebook, however few they are beside the zeros.
  if (2 * single_uses > entries) return false;
  // An entry takes half its width at least, being a difference in a sorted list.
  const std::uint64_t codebook_bits =
      entries * channels.count / looked_at * 4 * tensor.element().width;
  const Palette* palette = tensor.palette();
  const std::uint64_t whole = palette != nullptr ? entropy_bits(palette->counts)
                                                 : 8 * std::uint64_t{tensor.tensor().data.size()};
  return codebook_bits + rank_bits * (tensor.count() / elements) < whole;
}

bool may_win(const Analysis& tensor) {
  // Samples of channels say little of a few elements.
  constexpr std::size_t kFew = 1024;
  if (tensor.count() <= kFew) return true;
  return 3 * (tensor.duplicates() + tensor.zeros()) >= tensor.count() && may_pay(tensor);
}

bool encode(const Analysis& tensor, const EncodeOptions& options, Encoding& out) {
  const ChannelMap& channels = tensor.tensor().channels;
  const Element element = tensor.element();
  if (channels.count < 2 || tensor.count() < 2 * channels.count) return false;

  std::vector<std::vector<std::uint64_t>> codebooks(channels.count);
  const std::size_t most_entries = tensor.count() / 2;
  std::size_t entries = 0;
  const auto less = [&](std::uint64_t a, std::uint64_t b) {
    return order_key(a, element) < order_key(b, element);
  };
  const std::uint8_t* data = tensor.tensor().data.data();
  const auto pattern_at = [&](std::size_t i) {
    return load_pattern(data + i * element.width, element.width);
  };
  for (std::size_t i = 0; i < tensor.count(); ++i) {
    auto& book = codebooks[channels.channel_of(i)];
    const std::uint64_t pattern = pattern_at(i);
    const auto at = std::lower_bound(book.begin(), book.end(), pattern, less);
    if (at != book.end() && *at == pattern) continue;
    book.insert(at, pattern);
    if (book.size() > kMaxChannelCodebook || ++entries > most_entries) return false;
  }

  // The reader's starts, codebooks, sizes and ranks must fit what DecodeContext grants it; an empty
  // codebook takes an entry too.
  const std::size_t reader_bytes = channels.count * (sizeof(std::uint32_t) + 1) +
                                   (entries + channels.count) * element.width + tensor.count();
  if (reader_bytes > 2 * tensor.tensor().data.size()) return false;

  std::vector<Symbol> ranks(tensor.count());
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    const auto& book = codebooks[channels.channel_of(i)];
    const auto at = std::lower_bound(book.begin(), book.end(), pattern_at(i), less);
    ranks[i] = static_cast<Symbol>(at - book.begin());
  }
  std::vector<Symbol> sizes;
  sizes.reserve(codebooks.size());
  for (const auto& book : codebooks) {
    sizes.push_back(static_cast<Symbol>(book.empty() ? 0 : book.size() - 1));
  }
  write_channel_map(channels, out.bytes);
  encode_stream(sizes, kMaxChannelCodebook, options.stages, out);
  for (auto& book : codebooks) {
    if (book.empty()) book.push_back(0);
    write_codebook(book, element, out.bytes);
  }
  encode_stream(ranks, kMaxChannelCodebook, options.stages, out);
  return true;
}

ElementReader* open(ByteReader& in, Element element, std::uint64_t count,
                    DecodeContext& context) noexcept {
  ChannelMap channels;
  if (!read_channel_map(in, count, channels)) return context.refuse("a channel map is damaged");
  auto* reader = context.make<ChannelPaletteReader>();
  CodedStats* const stats = std::exchange(context.stats, nullptr);
  const std::size_t before_sizes = in.rest().size();
  SymbolReader* sizes =
      open_stream(in, channels.count, kMaxChannelCodebook, StreamUse::kValues, context);
  context.stats = stats;
  if (stats != nullptr) stats->codebook_bytes += before_sizes - in.rest().size();
  auto* starts = context.make_array<std::uint32_t>(channels.count + 1);
  if (reader == nullptr || sizes == nullptr || starts == nullptr) {
    return context.refuse("too much memory wanted");
  }
  std::uint64_t entries = 0;
  Symbol block[kBlock];
  std::uint32_t most = 1;
  for (std::uint64_t done = 0; done < channels.count;) {
    const auto some =
        static_cast<std::size_t>(std::min<std::uint64_t>(kBlock, channels.count - done));
    sizes->read({block, some});
    for (std::size_t i = 0; i < some; ++i) {
      starts[done + i] = static_cast<std::uint32_t>(entries);
      entries += block[i] + 1u;
      most = std::max(most, block[i] + 1u);
    }
    done += some;
  }
  starts[channels.count] = static_cast<std::uint32_t>(entries);
  if (!sizes->finish() || entries > kMaxCodebookEntries) {
    return context.refuse("the sizes of the codebooks are damaged");
  }
  auto* codebooks = context.make_array<std::uint8_t>(entries * element.width);
  if (codebooks == nullptr) return context.refuse("too much memory wanted");
  for (std::uint64_t channel = 0; channel < channels.count; ++channel) {
    const std::uint64_t size = starts[channel + 1] - starts[channel];
    std::uint8_t* book = codebooks + std::uint64_t{starts[channel]} * element.width;
    if (!read_codebook(in, size, element, book, context)) return nullptr;
  }
  reader->codebooks = codebooks;
  reader->starts = starts;
  reader->channels = channels;
  reader->width = element.width;
  reader->ranks = open_stream(in, count, kMaxChannelCodebook, StreamUse::kValues, context);
  if (reader->ranks == nullptr) return nullptr;
  if (context.stats != nullptr) {
    context.stats->value_symbols += count;
    context.stats->value_bits = symbol_bits(most);
    context.stats->has_palette = true;
  }
  return reader;
}

}  // namespace

const Layout kChannelPaletteLayout = {LayoutId::kChannelPalette,
                                      "channel-palette",
                                      "ranks in a codebook per output channel",
                                      false,
                                      false,
                                      false,
                                      1000,
                                      encode,
                                      open,
                                      may_win};

}  // namespace qc
