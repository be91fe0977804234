#include "formats/qc/write/unit_coder.h"

#include <algorithm>
#include <array>

#include "codecs/encode/tensor_encoder.h"
#include "formats/qc/decode/checksum.h"
#include "formats/qc/decode/qc_layout.h"

namespace qc {
namespace {

// Of all that decides how a tensor is coded beside the options.
Digest digest_of(const TensorView& tensor, const Digest& content) {
  const std::array<std::uint64_t, 8> about = {element_code(tensor.element),
                                              tensor.channels.count,
                                              tensor.channels.stride,
                                              tensor.channels.first,
                                              tensor.grid.columns,
                                              tensor.grid.taps,
                                              tensor.grid.width,
                                              tensor.grid.first};
  Hasher hasher;
  hasher.update({reinterpret_cast<const std::uint8_t*>(about.data()), sizeof about});
  hasher.update(content);
  return hasher.digest();
}

}  // namespace

CodedUnit UnitCoder::code(const TensorView& tensor, const std::optional<Digest>& content) const {
  if (known_ == nullptr) return code_anew(tensor);
  const Digest digest = digest_of(tensor, content ? *content : xxh3_128(tensor.data));
  if (const auto facts = known_->find(digest)) return {*facts, {}};
  const UnitFacts facts = code_anew(tensor).facts;
  known_->add(digest, facts);
  return {facts, {}};
}

CodedUnit UnitCoder::code_anew(const TensorView& tensor) const {
  CodedUnit unit;
  unit.bytes = encode_tensor(tensor, options_);
  unit.facts.entry = {tensor.data.size(), unit.bytes.size(),
                      static_cast<std::uint32_t>(xxh3_64(unit.bytes))};
  unit.facts.layout = static_cast<LayoutId>(unit.bytes.front());
  return unit;
}

std::uint64_t chunk_size(const PackOptions& options, Element element) {
  const std::uint64_t size = std::min(options.chunk_bytes, kQcMaxUnit);
  return std::max<std::uint64_t>(size / element.width, 1) * element.width;
}

std::size_t chunk_count(const TensorView& tensor, std::uint64_t size) {
  return static_cast<std::size_t>((tensor.data.size() + size - 1) / size);
}

TensorView chunk_of(const TensorView& tensor, std::uint64_t size, std::size_t chunk) {
  const std::uint64_t begin = chunk * size;
  TensorView part = tensor;
  part.data =
      tensor.data.subspan(static_cast<std::size_t>(begin),
                          static_cast<std::size_t>(std::min(size, tensor.data.size() - begin)));
  part.channels.first += begin / tensor.element.width;
  part.grid.first += begin / tensor.element.width;
  return part;
}

}  // namespace qc
