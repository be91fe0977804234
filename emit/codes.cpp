// From the elements of a tensor to codes.
#include <algorithm>
#include <numeric>
#include <unordered_map>
#include <utility>

#include "codecs/encode/analysis.h"
#include "emit/forms.h"

namespace qc {

std::size_t TensorCodes::count() const noexcept { return elements.size() / width(); }

HostTensor TensorCodes::values(std::span<const std::uint64_t> patterns) const {
  HostTensor tensor;
  tensor.type = type;
  tensor.dims = {static_cast<std::int64_t>(patterns.size())};
  tensor.bytes.resize(patterns.size() * width());
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    store_pattern(tensor.bytes.data() + i * width(), width(), patterns[i]);
  }
  return tensor;
}

TensorCodes find_codes(DataType type, std::vector<std::int64_t> dims, int channel_axis,
                       Bytes elements) {
  TensorCodes tensor;
  tensor.type = type;
  tensor.dims = std::move(dims);
  tensor.channel_axis = channel_axis;
  tensor.elements = std::move(elements);
  const TensorView view{tensor.elements, element_of(type)};
  const Analysis analysis(view);
  if (const Palette* palette = analysis.palette()) {
    std::vector<std::uint32_t> order(palette->codebook.size());
    std::iota(order.begin(), order.end(), 0U);
    // The base has code 0; the others stay sorted by value.
    const auto most = std::ranges::max_element(palette->counts) - palette->counts.begin();
    std::rotate(order.begin(), order.begin() + most, order.begin() + most + 1);
    std::vector<std::uint32_t> code_of(order.size());
    for (std::uint32_t code = 0; code < order.size(); ++code) {
      code_of[order[code]] = code;
      tensor.codebook.push_back(palette->codebook[order[code]]);
    }
    tensor.base = tensor.codebook.front();
    tensor.base_count = palette->counts[order.front()];
    tensor.codes.reserve(tensor.count());
    for (const Symbol rank : analysis.ranks()) tensor.codes.push_back(code_of[rank]);
  } else {
    tensor.base_count = analysis.zeros();
  }
  return tensor;
}

}  // namespace qc
