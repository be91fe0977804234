#include "formats/onnx/tensor_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <span>

#include "core/error.h"
#include "graph/tensor_roles.h"

namespace qc {
namespace {

std::uint64_t external_number(const WireTensor& tensor, const std::string& key,
                              std::uint64_t otherwise) {
  const auto entry = tensor.external.find(key);
  if (entry == tensor.external.end()) return otherwise;
  const std::string& text = entry->second;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw Error(ErrorCode::kCorrupt,
                fmt::format("tensor {}: external data with {} \"{}\"", tensor.name, key, text));
  }
  return value;
}

// Bytes that the elements of a tensor take in raw_data; nothing for strings and impossible shapes.
std::optional<std::uint64_t> expected_size(DataType type, std::span<const std::int64_t> dims) {
  const std::uint64_t bits = data_type_bits(type);
  const std::optional<std::uint64_t> count = element_count(dims);
  if (bits == 0 || !count || *count > (std::uint64_t{1} << 56)) return std::nullopt;
  return (*count * bits + 7) / 8;
}

void place_external(const WireTensor& wire, const ExternalFiles& files, TensorInfo& tensor) {
  const auto location = wire.external.find("location");
  if (location == wire.external.end()) {
    throw Error(ErrorCode::kCorrupt,
                fmt::format("tensor {}: external data without a location", wire.name));
  }
  const ExternalFile file = files(location->second);
  tensor.file = file.index;
  tensor.offset = external_number(wire, "offset", 0);
  if (tensor.offset > file.size) {
    throw Error(ErrorCode::kCorrupt,
                fmt::format("tensor {}: offset {} is past the end of {} ({} bytes)", wire.name,
                            tensor.offset, location->second, file.size));
  }
  const std::uint64_t rest = file.size - tensor.offset;
  const std::uint64_t natural = expected_size(tensor.type, tensor.dims).value_or(rest);
  tensor.size = external_number(wire, "length", std::min(natural, rest));
  if (tensor.size > rest) {
    throw Error(ErrorCode::kCorrupt,
                fmt::format("tensor {}: {} bytes from offset {} run past the end of {} ({} bytes)",
                            wire.name, tensor.size, tensor.offset, location->second, file.size));
  }
}

// Whether the payload is one run of as many elements of a fixed width as the shape says.
bool has_elements(const WireTensor& wire, const TensorInfo& tensor) {
  const bool fixed_width = tensor.storage == Storage::kRaw ||
                           tensor.storage == Storage::kExternal ||
                           (tensor.storage == Storage::kTyped &&
                            (tensor.type == DataType::kFloat || tensor.type == DataType::kDouble));
  return wire.single_payload && fixed_width &&
         expected_size(tensor.type, tensor.dims) == tensor.size;
}

}  // namespace

TensorInfo describe_tensor(const WireTensor& wire) {
  TensorInfo tensor;
  tensor.type = static_cast<DataType>(wire.data_type);
  tensor.dims = wire.dims;
  tensor.strings = wire.strings;
  tensor.storage = wire.storage;
  tensor.offset = wire.offset;
  tensor.size = wire.size;
  tensor.elements = has_elements(wire, tensor);
  return tensor;
}

std::vector<TensorInfo> make_tensors(const OnnxFile& model, const ExternalFiles& files) {
  std::vector<TensorInfo> tensors;
  tensors.reserve(model.tensors.size());
  for (const WireTensor& found : model.tensors) {
    TensorInfo tensor = describe_tensor(found);
    if (found.storage == Storage::kExternal) {
      place_external(found, files, tensor);
      tensor.elements = has_elements(found, tensor);
    }
    tensors.push_back(std::move(tensor));
  }
  assign_roles(model.graph, tensors);
  return tensors;
}

}  // namespace qc
