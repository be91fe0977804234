// Per-channel palette: the codebook of each channel has the distinct values of its elements.
#include <algorithm>
#include <map>
#include <numeric>
#include <vector>

#include "codecs/encode/channel_map.h"
#include "codecs/encode/codebook.h"
#include "codecs/encode/entropy.h"
#include "codecs/encode/layout_table.h"
#include "codecs/shared/codebook_limits.h"

namespace qc {
namespace {

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

}  // namespace

const LayoutEncoder kChannelPaletteEncoder = {.decoder = kChannelPaletteDecoder,
                                              .help = "ranks in a codebook per output channel",
                                              .element_ps = 1000,
                                              .encode = encode,
                                              .may_win = may_win};

}  // namespace qc
