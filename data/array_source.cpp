#include "data/array_source.h"

#include <fmt/format.h>

#include "core/float_types.h"

namespace qc {
namespace {

template <typename T>
void convert(ByteView payload, std::vector<float>& out) {
  out.resize(payload.size() / sizeof(T));
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = static_cast<float>(load_le<T>(payload.data() + i * sizeof(T)));
  }
}

// Requires is_sample_type(type).
void convert(DataType type, ByteView payload, std::vector<float>& out) {
  switch (type) {
    case DataType::kInt8:
      return convert<std::int8_t>(payload, out);
    case DataType::kUint16:
      return convert<std::uint16_t>(payload, out);
    case DataType::kInt16:
      return convert<std::int16_t>(payload, out);
    case DataType::kUint32:
      return convert<std::uint32_t>(payload, out);
    case DataType::kInt32:
      return convert<std::int32_t>(payload, out);
    case DataType::kUint64:
      return convert<std::uint64_t>(payload, out);
    case DataType::kInt64:
      return convert<std::int64_t>(payload, out);
    case DataType::kFloat:
      return convert<float>(payload, out);
    case DataType::kDouble:
      return convert<double>(payload, out);
    default:
      out = load_floats(type, payload);
  }
}

}  // namespace

bool is_sample_type(DataType type) noexcept {
  switch (type) {
    case DataType::kUint8:
    case DataType::kInt8:
    case DataType::kUint16:
    case DataType::kInt16:
    case DataType::kUint32:
    case DataType::kInt32:
    case DataType::kUint64:
    case DataType::kInt64:
    case DataType::kFloat16:
    case DataType::kFloat:
    case DataType::kDouble:
      return true;
    default:
      return false;
  }
}

ArraySource::Place ArraySource::place(std::size_t index) const noexcept {
  const ArrayPart* part = array_.parts.data();
  while (index >= part->count) index -= (part++)->count;
  return {part, index};
}

std::string ArraySource::name(std::size_t index) const {
  const Place at = place(index);
  return fmt::format("sample {} of {}", at.index, at.part->name);
}

SampleView ArraySource::view(std::size_t index, SampleBuffer& buffer) const {
  const Place at = place(index);
  const std::size_t size = array_.form.grid.elements() * (data_type_bits(array_.type) / 8);
  const ByteView payload =
      at.part->blob.bytes().subspan(at.part->first + at.index * at.part->stride, size);
  if (array_.type == DataType::kUint8) {
    return {.grid = array_.form.grid, .bytes = payload, .floats = {}};
  }
  convert(array_.type, payload, buffer.floats);
  return {.grid = array_.form.grid, .bytes = {}, .floats = buffer.floats};
}

}  // namespace qc
