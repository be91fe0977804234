// Apart from the rest: decoders for other machines are linked without the C++ library.
#include <cmath>

#include "core/bit_cast.h"
#include "core/float_types.h"

namespace qc {
namespace {

// The double as a float32 that rounds on to a narrower type as the double itself does: of the two
// floats around it the one with an odd mantissa, which is never half way between two narrow ones.
float round_to_odd(double value) noexcept {
  const auto nearest = static_cast<float>(value);
  const auto bits = bit_cast<std::uint32_t>(nearest);
  const double error = std::fabs(value) - std::fabs(static_cast<double>(nearest));
  const bool inexact = error < 0 || error > 0;  // false for a NaN
  if (!inexact || bits % 2 == 1) return nearest;
  return bit_cast<float>(error > 0 ? bits + 1 : bits - 1);
}

}  // namespace

std::vector<float> load_floats(DataType type, ByteView payload) {
  const std::size_t width = data_type_bits(type) / 8;
  std::vector<float> values(payload.size() / width);
  const std::uint8_t* at = payload.data();
  for (float& value : values) {
    switch (type) {
      case DataType::kFloat16:
        value = half_to_float(load_le<std::uint16_t>(at));
        break;
      case DataType::kBfloat16:
        value = bfloat16_to_float(load_le<std::uint16_t>(at));
        break;
      case DataType::kDouble:
        value = static_cast<float>(load_le<double>(at));
        break;
      default:
        value = load_le<float>(at);
    }
    at += width;
  }
  return values;
}

void store_value(DataType type, MutableBytes payload, std::size_t index, double value) noexcept {
  std::uint8_t* to = payload.data() + index * (data_type_bits(type) / 8);
  switch (type) {
    case DataType::kFloat16:
      store_le(to, float_to_half(round_to_odd(value)));
      break;
    case DataType::kBfloat16:
      store_le(to, float_to_bfloat16(round_to_odd(value)));
      break;
    case DataType::kDouble:
      store_le(to, value);
      break;
    default:
      store_le(to, static_cast<float>(value));
  }
}

double stored_value(DataType type, double value) noexcept {
  switch (type) {
    case DataType::kFloat16:
      return static_cast<double>(half_to_float(float_to_half(round_to_odd(value))));
    case DataType::kBfloat16:
      return static_cast<double>(bfloat16_to_float(float_to_bfloat16(round_to_odd(value))));
    case DataType::kDouble:
      return value;
    default:
      return static_cast<double>(static_cast<float>(value));
  }
}

void store_floats(DataType type, std::span<const float> values, MutableBytes payload) noexcept {
  for (std::size_t i = 0; i < values.size(); ++i) {
    store_value(type, payload, i, static_cast<double>(values[i]));
  }
}

}  // namespace qc
