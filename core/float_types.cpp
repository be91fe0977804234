#include "core/float_types.h"

#include <bit>
#include <cmath>

#include "core/bit_cast.h"

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

std::uint32_t half_to_float_bits(std::uint16_t bits) noexcept {
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000u) << 16;
  const std::uint32_t exponent = (bits >> 10) & 0x1fu;
  std::uint32_t mantissa = bits & 0x3ffu;
  if (exponent == 0x1f) return sign | 0x7f800000u | (mantissa << 13);
  if (exponent != 0) {
    return sign | ((exponent + 112) << 23) | (mantissa << 13);
  }
  if (mantissa == 0) return sign;
  const auto shift = static_cast<std::uint32_t>(std::countl_zero(mantissa)) - 21;
  mantissa = (mantissa << shift) & 0x3ffu;
  return sign | ((113 - shift) << 23) | (mantissa << 13);
}

float half_to_float(std::uint16_t bits) noexcept {
  return bit_cast<float>(half_to_float_bits(bits));
}

std::uint16_t float_to_half(float value) noexcept {
  const auto bits = bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = (bits >> 16) & 0x8000u;
  const std::uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) {
    const std::uint32_t payload = (magnitude >> 13) & 0x3ffu;
    return static_cast<std::uint16_t>(sign | 0x7c00u | (payload ? payload : 1u));
  }
  if (magnitude >= 0x47800000u) return static_cast<std::uint16_t>(sign | 0x7c00u);
  const auto round_shift = [](std::uint32_t number, std::uint32_t shift) {
    const std::uint32_t half = 1u << (shift - 1);
    const std::uint32_t odd = (number >> shift) & 1u;
    return (number + half - 1 + odd) >> shift;
  };
  if (magnitude >= 0x38800000u) {
    // A carry out of the mantissa correctly raises the exponent, up to infinity.
    return static_cast<std::uint16_t>(sign | round_shift(magnitude - (112u << 23), 13));
  }
  const std::uint32_t exponent = magnitude >> 23;
  if (exponent < 102) return static_cast<std::uint16_t>(sign);
  const std::uint32_t mantissa = (magnitude & 0x7fffffu) | 0x800000u;
  return static_cast<std::uint16_t>(sign | round_shift(mantissa, 126 - exponent));
}

float bfloat16_to_float(std::uint16_t bits) noexcept {
  return bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

std::uint16_t float_to_bfloat16(float value) noexcept {
  const auto bits = bit_cast<std::uint32_t>(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) {
    return static_cast<std::uint16_t>((bits >> 16) | ((bits & 0x7f0000u) ? 0u : 1u));
  }
  return static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

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
