#include "tensor_values.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <stdexcept>

#include "core/bytes.h"

namespace qc::test {
namespace {

double half_value(std::uint16_t bits) {
  const double sign = (bits & 0x8000U) != 0 ? -1 : 1;
  const int exponent = (bits >> 10) & 0x1F;
  const int mantissa = bits & 0x3FF;
  if (exponent == 0x1F) {
    return mantissa != 0 ? std::numeric_limits<double>::quiet_NaN()
                         : sign * std::numeric_limits<double>::infinity();
  }
  return sign *
         (exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25));
}

double bfloat_value(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

template <typename T, typename Convert>
std::vector<double> convert_all(const Bytes& bytes, const Convert& convert) {
  std::vector<double> values(bytes.size() / sizeof(T));
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = convert(load_le<T>(bytes.data() + i * sizeof(T)));
  }
  return values;
}

double as_double(double value) { return value; }

}  // namespace

bool is_float(DataType type) {
  return is_value_type(type) || type == DataType::kComplex64 || type == DataType::kComplex128;
}

std::vector<double> float_values(const HostTensor& tensor) {
  switch (tensor.type) {
    case DataType::kFloat:
    case DataType::kComplex64:
      return convert_all<float>(tensor.bytes, as_double);
    case DataType::kDouble:
    case DataType::kComplex128:
      return convert_all<double>(tensor.bytes, as_double);
    case DataType::kFloat16:
      return convert_all<std::uint16_t>(tensor.bytes, half_value);
    case DataType::kBfloat16:
      return convert_all<std::uint16_t>(tensor.bytes, bfloat_value);
    default:
      throw std::runtime_error("not a tensor of floats");
  }
}

}  // namespace qc::test
