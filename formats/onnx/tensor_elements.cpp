#include "formats/onnx/tensor_elements.h"

#include <fmt/format.h>

#include <cstring>

#include "core/error.h"
#include "core/memory_size.h"

namespace qc {

void corrupt_tensor(const std::string& tensor, std::string_view what) {
  throw Error(ErrorCode::kCorrupt, fmt::format("tensor {}: {}", tensor, what));
}

std::uint64_t tensor_count(const std::string& tensor, std::span<const std::int64_t> dims) {
  const auto count = element_count(dims);
  if (!count) corrupt_tensor(tensor, "has an impossible shape");
  return *count;
}

namespace {

// Typed fields other than float_data and double_data hold varints, whatever the element's width.
Bytes decode_varints(const std::string& name, ByteView payload, unsigned width,
                     std::uint64_t count) {
  if (count > payload.size()) corrupt_tensor(name, "holds fewer elements than its shape says");
  Bytes bytes(memory_size(count * width));
  ByteReader in(payload);
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t value = in.varint();
    std::memcpy(bytes.data() + i * width, &value, width);
  }
  if (!in.ok() || !in.at_end())
    corrupt_tensor(name, "does not hold as many elements as its shape says");
  return bytes;
}

}  // namespace

Bytes tensor_elements(const TensorInfo& info, ByteView payload) {
  const std::uint64_t count = tensor_count(info.name, info.dims);
  const unsigned width = data_type_bits(info.type) / 8;
  if (width == 0) corrupt_tensor(info.name, fmt::format("of {}", data_type_name(info.type)));
  if (info.elements) return {payload.begin(), payload.end()};
  if (count == 0) return {};
  // No varint holds a complex number of 128 bits.
  if (info.storage != Storage::kVarints || width > sizeof(std::uint64_t)) {
    corrupt_tensor(info.name, "does not hold as many bytes as its type and shape say");
  }
  return decode_varints(info.name, payload, width, count);
}

}  // namespace qc
