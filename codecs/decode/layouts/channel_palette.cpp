// Per-channel palette: a codebook for every output channel (such as +-alpha per filter), every
// element as its rank in the codebook of its channel.
#include <algorithm>

#include "codecs/decode/channel_map.h"
#include "codecs/decode/codebook.h"
#include "codecs/decode/layout_table.h"
#include "codecs/shared/codebook_limits.h"

namespace qc {
namespace {

class ChannelPaletteReader final : public ElementReader {
 public:
  const std::uint8_t* codebooks = nullptr;  // of all channels, one after the other
  const std::uint32_t* starts = nullptr;    // first entry of each channel, and the end
  SymbolReader* ranks = nullptr;
  ChannelMap channels;
  unsigned width = 1;

  void read(std::uint8_t* out, std::size_t count) noexcept override {
    Symbol block[kBlock];
    while (count > 0) {
      const std::size_t some = std::min(count, kBlock);
      ranks->read({block, some});
      for (std::size_t done = 0; done < some;) {
        if (left_in_channel_ == 0) enter_channel();
        const auto run =
            static_cast<std::size_t>(std::min<std::uint64_t>(left_in_channel_, some - done));
        with_width(width, [&]<typename T>() { look_up_run<T>({block + done, run}, out); });
        out += run * width;
        done += run;
        left_in_channel_ -= run;
      }
      count -= some;
    }
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

[[gnu::cold]] ElementReader* open(ByteReader& in, Element element, std::uint64_t count,
                                  DecodeContext& context, CodedStats* stats) noexcept {
  ChannelMap channels;
  if (!read_channel_map(in, count, channels)) return context.refuse("a channel map is damaged");
  auto* reader = context.make<ChannelPaletteReader>();
  const std::size_t before_sizes = in.rest().size();
  SymbolReader* sizes =
      open_stream(in, channels.count, kMaxChannelCodebook, StreamUse::kValues, context, nullptr);
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
    if (!read_codebook(in, size, element, book, context, stats)) return nullptr;
  }
  reader->codebooks = codebooks;
  reader->starts = starts;
  reader->channels = channels;
  reader->width = element.width;
  reader->ranks = open_stream(in, count, kMaxChannelCodebook, StreamUse::kValues, context, stats);
  if (reader->ranks == nullptr) return nullptr;
  if (stats != nullptr) {
    stats->value_symbols += count;
    stats->value_bits = symbol_bits(most);
    stats->has_palette = true;
  }
  return reader;
}

}  // namespace

const LayoutDecoder kChannelPaletteDecoder = {
    .id = LayoutId::kChannelPalette, .name = "channel-palette", .is_dense = false, .open = open};

}  // namespace qc
