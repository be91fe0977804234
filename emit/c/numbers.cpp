#include "emit/c/numbers.h"

#include <fmt/format.h>

#include <cmath>

#include "core/bytes.h"
#include "core/float_types.h"

namespace qc::c {
namespace {

template <typename T>
void load(const HostTensor& tensor, std::vector<std::int64_t>& to) {
  to.reserve(tensor.bytes.size() / sizeof(T));
  for (std::size_t at = 0; at + sizeof(T) <= tensor.bytes.size(); at += sizeof(T)) {
    to.push_back(static_cast<std::int64_t>(load_le<T>(tensor.bytes.data() + at)));
  }
}

template <typename T>
void store(const Numbers& numbers, Bytes& to) {
  for (const std::int64_t number : numbers.integers) append_le(to, static_cast<T>(number));
}

}  // namespace

std::optional<Numbers> to_numbers(const HostTensor& tensor) {
  Numbers numbers{tensor.type, tensor.dims, {}, {}};
  if (is_value_type(tensor.type)) {
    const std::vector<float> values = load_floats(tensor.type, tensor.bytes);
    numbers.type = DataType::kFloat;
    numbers.floats.assign(values.begin(), values.end());
    return numbers;
  }
  switch (tensor.type) {
    case DataType::kBool:
    case DataType::kUint8:
      load<std::uint8_t>(tensor, numbers.integers);
      break;
    case DataType::kInt8:
      load<std::int8_t>(tensor, numbers.integers);
      break;
    case DataType::kUint16:
      load<std::uint16_t>(tensor, numbers.integers);
      break;
    case DataType::kInt16:
      load<std::int16_t>(tensor, numbers.integers);
      break;
    case DataType::kUint32:
      load<std::uint32_t>(tensor, numbers.integers);
      break;
    case DataType::kInt32:
      load<std::int32_t>(tensor, numbers.integers);
      break;
    case DataType::kUint64:
    case DataType::kInt64:
      load<std::int64_t>(tensor, numbers.integers);
      break;
    default:
      return std::nullopt;
  }
  return numbers;
}

HostTensor to_tensor(const Numbers& numbers) {
  HostTensor tensor{numbers.type, numbers.dims, {}};
  if (numbers.is_float()) {
    for (const double value : numbers.floats) append_le(tensor.bytes, static_cast<float>(value));
    return tensor;
  }
  switch (data_type_bits(numbers.type)) {
    case 8:
      store<std::uint8_t>(numbers, tensor.bytes);
      break;
    case 16:
      store<std::uint16_t>(numbers, tensor.bytes);
      break;
    case 32:
      store<std::uint32_t>(numbers, tensor.bytes);
      break;
    default:
      store<std::uint64_t>(numbers, tensor.bytes);
      break;
  }
  return tensor;
}

std::string float_literal(float value) {
  if (std::isnan(value)) return "NAN";
  if (std::isinf(value)) return value > 0 ? "INFINITY" : "-INFINITY";
  std::string text = fmt::format("{}", value);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text + "F";
}

}  // namespace qc::c
