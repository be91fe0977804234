#include "data/feeds/input_types.h"

#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "core/bytes.h"
#include "core/error.h"
#include "core/float_types.h"
#include "core/memory_size.h"
#include "data/blob.h"

namespace qc {
namespace {

// Calls body(T{}) with the C++ type of an integer type; false for other types.
template <typename Body>
bool with_integer(DataType type, const Body& body) {
  switch (type) {
    case DataType::kUint8:
      body(std::uint8_t{});
      return true;
    case DataType::kInt8:
      body(std::int8_t{});
      return true;
    case DataType::kUint16:
      body(std::uint16_t{});
      return true;
    case DataType::kInt16:
      body(std::int16_t{});
      return true;
    case DataType::kUint32:
      body(std::uint32_t{});
      return true;
    case DataType::kInt32:
      body(std::int32_t{});
      return true;
    case DataType::kUint64:
      body(std::uint64_t{});
      return true;
    case DataType::kInt64:
      body(std::int64_t{});
      return true;
    default:
      return false;
  }
}

bool is_integer_type(DataType type) noexcept {
  return with_integer(type, [](auto) {});
}

std::string dims_text(std::span<const std::int64_t> dims) {
  std::string text;
  for (const std::int64_t dim : dims) {
    text += fmt::format("{}{}", text.empty() ? "" : ",", dim < 0 ? "?" : std::to_string(dim));
  }
  return "[" + text + "]";
}

Bytes convert_integers(const GraphValue& input, const HostTensor& tensor,
                       const std::string& where) {
  const std::size_t count = tensor.bytes.size() / (data_type_bits(tensor.type) / 8);
  Bytes converted(count * (data_type_bits(input.type) / 8));
  with_integer(tensor.type, [&](auto from) {
    with_integer(input.type, [&](auto to) {
      using From = decltype(from);
      using To = decltype(to);
      for (std::size_t i = 0; i < count; ++i) {
        const From value = load_le<From>(tensor.bytes.data() + i * sizeof(From));
        if (!std::in_range<To>(value)) {
          throw Error(ErrorCode::kUsage,
                      fmt::format("input '{}' wants {}, {} has the value {}", input.name,
                                  data_type_name(input.type), where, value));
        }
        store_le(converted.data() + i * sizeof(To), static_cast<To>(value));
      }
    });
  });
  return converted;
}

Bytes convert_floats(DataType to, const HostTensor& tensor) {
  const std::size_t count = tensor.bytes.size() / (data_type_bits(tensor.type) / 8);
  Bytes converted(count * (data_type_bits(to) / 8));
  if (tensor.type == DataType::kDouble) {
    for (std::size_t i = 0; i < count; ++i) {
      store_value(to, converted, i, load_le<double>(tensor.bytes.data() + i * sizeof(double)));
    }
  } else {
    store_floats(to, load_floats(tensor.type, tensor.bytes), converted);
  }
  return converted;
}

}  // namespace

std::string wanted_text(const GraphValue& input) {
  if (input.type == DataType::kUndefined) return "no tensor";
  if (!input.has_shape) return data_type_name(input.type) + " of any shape";
  return tensor_text(input.type, input.dims);
}

std::string tensor_text(DataType type, std::span<const std::int64_t> dims) {
  return fmt::format("{} {}", data_type_name(type), dims_text(dims));
}

bool takes_shape(const GraphValue& input, std::span<const std::int64_t> dims) {
  if (!input.has_shape) return true;
  if (dims.size() != input.dims.size()) return false;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (input.dims[i] >= 0 && input.dims[i] != dims[i]) return false;
  }
  return true;
}

std::optional<std::vector<std::int64_t>> input_shape(const GraphValue& input,
                                                     std::span<const std::int64_t> dims) {
  std::vector<std::int64_t> shape(dims.begin(), dims.end());
  if (takes_shape(input, shape)) return shape;
  shape.insert(shape.begin(), 1);
  if (takes_shape(input, shape)) return shape;
  return std::nullopt;
}

bool is_convertible(DataType from, DataType to) noexcept {
  return from == to || (is_integer_type(from) && is_integer_type(to)) ||
         (is_value_type(from) && is_value_type(to));
}

std::vector<std::int64_t> require_suits(const GraphValue& input, DataType type,
                                        std::span<const std::int64_t> dims,
                                        const std::string& where) {
  auto shape = input_shape(input, dims);
  if (shape && input.type != DataType::kUndefined && is_convertible(type, input.type)) {
    return *std::move(shape);
  }
  throw Error(ErrorCode::kUsage, fmt::format("input '{}' wants {}, {} has {}", input.name,
                                             wanted_text(input), where, tensor_text(type, dims)));
}

HostTensor suit(const GraphValue& input, HostTensor tensor, const std::string& where) {
  tensor.dims = require_suits(input, tensor.type, tensor.dims, where);
  if (tensor.type == input.type) return tensor;
  tensor.bytes = is_value_type(input.type) ? convert_floats(input.type, tensor)
                                           : convert_integers(input, tensor, where);
  tensor.type = input.type;
  return tensor;
}

bool is_number_type(DataType type) noexcept { return is_integer_type(type) || is_value_type(type); }

bool store_number(DataType type, std::span<std::uint8_t> payload, std::size_t index, double value) {
  if (is_value_type(type)) {
    store_value(type, payload, index, value);
    return true;
  }
  if (type == DataType::kBool) {
    payload[index] = value != 0 ? 1 : 0;
    return value == 0 || value == 1;
  }
  bool fits = false;
  with_integer(type, [&](auto to) {
    using To = decltype(to);
    const bool whole = std::trunc(value) == value && std::fabs(value) <= 0x1p53;
    const auto number = whole ? static_cast<std::int64_t>(value) : 0;
    fits = whole && std::in_range<To>(number);
    if (fits) store_le(payload.data() + index * sizeof(To), static_cast<To>(number));
  });
  return fits;
}

std::size_t tensor_bytes(const std::string& name, DataType type,
                         std::span<const std::int64_t> dims) {
  const std::uint64_t width = data_type_bits(type) / 8;
  const std::uint64_t count = element_count(dims).value_or(kMaxInMemory);
  if (count > kMaxInMemory / width) {
    throw Error(ErrorCode::kLimit, fmt::format("{}, {}, takes more than {} bytes of memory", name,
                                               tensor_text(type, dims), kMaxInMemory));
  }
  return memory_size(count * width);
}

}  // namespace qc
