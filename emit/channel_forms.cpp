// Codes in a codebook for each output channel.
#include <algorithm>
#include <set>
#include <utility>

#include "codecs/shared/element.h"
#include "emit/forms.h"

namespace qc {
namespace {

// The largest codebook of a channel; beyond it the codebooks are hardly smaller than the tensor.
constexpr std::size_t kMostEntries = 256;

// By channel the distinct patterns, sorted; nothing where some channel has too many.
std::vector<std::vector<std::uint64_t>> channel_codebooks(const TensorCodes& tensor,
                                                          const ChannelMap& channels) {
  std::vector<std::set<std::uint64_t>> found(channels.count);
  for (std::size_t i = 0; i < tensor.count(); ++i) {
    auto& patterns = found[channels.channel_of(i)];
    patterns.insert(load_pattern(tensor.elements.data() + i * tensor.width(), tensor.width()));
    if (patterns.size() > kMostEntries) return {};
  }
  std::vector<std::vector<std::uint64_t>> codebooks;
  codebooks.reserve(found.size());
  for (const auto& patterns : found) codebooks.emplace_back(patterns.begin(), patterns.end());
  return codebooks;
}

// One after the other, of the same size; with the channels last they are interleaved.
std::vector<std::uint64_t> joined(const std::vector<std::vector<std::uint64_t>>& codebooks,
                                  std::size_t entries, bool channels_last) {
  std::vector<std::uint64_t> all(codebooks.size() * entries);
  for (std::size_t channel = 0; channel < codebooks.size(); ++channel) {
    for (std::size_t entry = 0; entry < entries; ++entry) {
      const std::size_t place =
          channels_last ? entry * codebooks.size() + channel : channel * entries + entry;
      all[place] = codebooks[channel][std::min(entry, codebooks[channel].size() - 1)];
    }
  }
  return all;
}

bool make_channel_codes(const TensorCodes& tensor, std::int64_t /*opset*/, Decoding& decoding) {
  const int rank = static_cast<int>(tensor.dims.size());
  const bool first = tensor.channel_axis == 0;
  const bool last = !first && tensor.channel_axis == rank - 1;
  const ChannelMap channels = channel_map(tensor.dims, tensor.channel_axis);
  if (rank < 2 || (!first && !last) || channels.count < 2) return false;
  const auto codebooks = channel_codebooks(tensor, channels);
  if (codebooks.empty()) return false;
  const std::size_t entries =
      std::ranges::max_element(codebooks, {}, [](const auto& each) { return each.size(); })->size();
  if (2 * entries * channels.count > tensor.count()) return false;

  Digits codes(tensor.count());
  for (std::size_t i = 0; i < codes.size(); ++i) {
    const auto& codebook = codebooks[channels.channel_of(i)];
    const std::uint64_t pattern =
        load_pattern(tensor.elements.data() + i * tensor.width(), tensor.width());
    codes[i] =
        static_cast<std::uint32_t>(std::ranges::lower_bound(codebook, pattern) - codebook.begin());
  }
  const auto count = static_cast<std::int64_t>(channels.count);
  const auto others = static_cast<std::int64_t>(codes.size()) / count;
  const std::vector<std::int64_t> matrix =
      last ? std::vector<std::int64_t>{others, count} : std::vector<std::int64_t>{count, others};
  const Packing packing =
      best_packing(std::max<std::uint32_t>(static_cast<std::uint32_t>(entries), 2), codes.size());
  if (codes.size() * data_type_bits(packing.type()) / 8 > kMaxStepBytes) return false;
  const Unpacked unpacked = unpack_digits(decoding, codes, packing, matrix);
  std::string indices = unpacked.value;
  if (!unpacked.exact) indices = first_elements(decoding, decoding.flatten(indices), codes.size());
  if (!unpacked.shaped) indices = decoding.node("Reshape", {indices, decoding.list(matrix)});
  HostTensor values = tensor.values(joined(codebooks, entries, last));
  const auto size = static_cast<std::int64_t>(entries);
  values.dims = last ? std::vector{size, count} : std::vector{count, size};
  const std::string codebook = decoding.tensor(std::move(values));
  std::vector<Attribute> axis;
  if (first) axis.push_back({"axis", std::int64_t{1}});
  if (matrix == tensor.dims) {
    decoding.finish("GatherElements", {codebook, indices}, std::move(axis));
  } else {
    decoding.finish_reshaped(decoding.node("GatherElements", {codebook, indices}, std::move(axis)),
                             tensor.dims);
  }
  return true;
}

}  // namespace

const TensorForm kChannelCodesForm = {
    .name = "channels",
    .families = {FormFamily::kCompact},
    .opset = 11,
    .operators = {"Cast", "Div", "GatherElements", "MatMul", "Mod", "Reshape", "Slice"},
    .make = make_channel_codes};

}  // namespace qc
