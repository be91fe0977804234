#include "random_inputs.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

namespace qc::test {
namespace {

constexpr std::int64_t kImageSize = 64;      // for unknown dimensions of four
constexpr std::int64_t kSequenceLength = 8;  // for other unknown dimensions but the first
constexpr int kIntegersBelow = 2;            // so that they are indices into any table

std::vector<std::int64_t> input_shape(const GraphValue& input) {
  std::vector<std::int64_t> dims = input.dims;
  for (std::size_t axis = 0; axis < dims.size(); ++axis) {
    if (dims[axis] > 0) continue;
    if (axis == 0) {
      dims[axis] = 1;
    } else {
      dims[axis] = dims.size() == 4 ? kImageSize : kSequenceLength;
    }
  }
  return dims;
}

std::uint16_t half_bits(double value) {  // of a number in [0, 1)
  if (value < 0x1p-14) return static_cast<std::uint16_t>(value * 0x1p24);
  const int exponent = std::ilogb(value);
  const double mantissa = std::ldexp(value, -exponent) - 1;
  return static_cast<std::uint16_t>(((exponent + 15) << 10) + static_cast<int>(mantissa * 1024));
}

}  // namespace

HostTensor random_tensor(const GraphValue& input, SplitMix64& random) {
  HostTensor tensor{input.type, input_shape(input), {}};
  const std::uint64_t count = element_count(tensor.dims).value_or(0);
  const unsigned width = data_type_bits(input.type) / 8;
  for (std::uint64_t i = 0; i < count; ++i) {
    const double value = random.uniform();
    switch (input.type) {
      case DataType::kFloat:
        append_le(tensor.bytes, static_cast<float>(value));
        break;
      case DataType::kDouble:
        append_le(tensor.bytes, value);
        break;
      case DataType::kFloat16:
        append_le(tensor.bytes, half_bits(value));
        break;
      case DataType::kBfloat16:
        append_le(tensor.bytes, static_cast<std::uint16_t>(
                                    std::bit_cast<std::uint32_t>(static_cast<float>(value)) >> 16));
        break;
      default: {
        tensor.bytes.push_back(static_cast<std::uint8_t>(value * kIntegersBelow));
        tensor.bytes.resize(tensor.bytes.size() + width - 1);
      }
    }
  }
  return tensor;
}

}  // namespace qc::test
