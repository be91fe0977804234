// Conversions between float widths against references in double arithmetic.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "core/float_types.h"
#include "core/random.h"

namespace qc::test {
namespace {

float as_float(std::uint32_t bits) { return std::bit_cast<float>(bits); }
std::uint32_t bits_of(float value) { return std::bit_cast<std::uint32_t>(value); }

/// A float format with a sign bit, exponent bits and mantissa bits, as IEEE 754 defines its values.
struct Format {
  int exponent_bits;
  int mantissa_bits;

  int bias() const { return (1 << (exponent_bits - 1)) - 1; }
  int largest_exponent() const { return (1 << exponent_bits) - 1; }

  /// The value of finite or infinite bits.
  double value(std::uint32_t bits) const {
    const auto mantissa = static_cast<int>(bits & ((1u << mantissa_bits) - 1));
    const auto exponent = static_cast<int>(bits >> mantissa_bits) & largest_exponent();
    const double sign = (bits >> (exponent_bits + mantissa_bits)) != 0 ? -1 : 1;
    if (exponent == largest_exponent()) return sign * std::numeric_limits<double>::infinity();
    if (exponent == 0) return sign * std::ldexp(mantissa, 1 - bias() - mantissa_bits);
    return sign * std::ldexp((1 << mantissa_bits) + mantissa, exponent - bias() - mantissa_bits);
  }

  bool is_nan(std::uint32_t bits) const {
    const std::uint32_t infinity = static_cast<std::uint32_t>(largest_exponent()) << mantissa_bits;
    return (bits & ((1u << (exponent_bits + mantissa_bits)) - 1)) > infinity;
  }

  /// The nearest value's bits, ties to even; `value` is no NaN. Bits of one sign rise with the
  /// value, so the nearest is found by bisection. Infinity counts as the next power of two.
  std::uint32_t nearest(double wanted) const {
    const std::uint32_t sign = std::signbit(wanted) ? 1u << (exponent_bits + mantissa_bits) : 0;
    const double magnitude = std::abs(wanted);
    std::uint32_t low = 0;
    std::uint32_t high = static_cast<std::uint32_t>(largest_exponent()) << mantissa_bits;
    if (std::isinf(magnitude)) return sign | high;
    const double beyond = std::ldexp(1.0, bias() + 1);
    const auto at = [&](std::uint32_t bits) {
      return std::isinf(value(bits)) ? beyond : value(bits);
    };
    if (magnitude >= beyond) return sign | high;
    while (high - low > 1) {
      const std::uint32_t middle = (low + high) / 2;
      (at(middle) <= magnitude ? low : high) = middle;
    }
    const double below = magnitude - at(low);
    const double above = at(high) - magnitude;
    if (below == above) return sign | (low % 2 == 0 ? low : high);
    return sign | (below < above ? low : high);
  }
};

constexpr Format kHalf = {5, 10};
constexpr Format kBfloat = {8, 7};

TEST(Half, WidensEveryPattern) {
  for (std::uint32_t bits = 0; bits < 65536; ++bits) {
    const float widened = half_to_float(static_cast<std::uint16_t>(bits));
    ASSERT_EQ(std::isnan(widened), kHalf.is_nan(bits)) << bits;
    ASSERT_EQ(std::signbit(widened), bits >= 0x8000) << bits;
    ASSERT_TRUE(kHalf.is_nan(bits) || widened == kHalf.value(bits)) << bits;
    // A NaN comes back with its payload.
    ASSERT_EQ(float_to_half(widened), bits);
  }
}

TEST(Bfloat16, WidensEveryPattern) {
  for (std::uint32_t bits = 0; bits < 65536; ++bits) {
    const float widened = bfloat16_to_float(static_cast<std::uint16_t>(bits));
    ASSERT_EQ(bits_of(widened), bits << 16);
    ASSERT_EQ(std::isnan(widened), kBfloat.is_nan(bits)) << bits;
    ASSERT_TRUE(kBfloat.is_nan(bits) || widened == kBfloat.value(bits)) << bits;
    ASSERT_EQ(float_to_bfloat16(widened), bits);
  }
}

void expect_nearest(float value) {
  ASSERT_EQ(float_to_half(value), kHalf.nearest(value)) << std::hexfloat << value;
  ASSERT_EQ(float_to_bfloat16(value), kBfloat.nearest(value)) << std::hexfloat << value;
}

TEST(Narrowing, RoundsRandomFloatsToTheNearest) {
  SplitMix64 random(1);
  for (int i = 0; i < 200000; ++i) {
    const float value = as_float(static_cast<std::uint32_t>(random.next()));
    if (!std::isnan(value)) expect_nearest(value);
    // Most random exponents are beyond a half's.
    expect_nearest(static_cast<float>(
        std::ldexp(random.uniform() - 0.5, static_cast<int>(random.next() % 46) - 27)));
  }
}

// Half way between neighbours, and one float32 step to each side.
TEST(Narrowing, RoundsBoundariesToTheNearest) {
  for (const Format& format : {kHalf, kBfloat}) {
    for (std::uint32_t bits = 0; bits + 1 < 1u << (format.exponent_bits + format.mantissa_bits);
         ++bits) {
      if (format.is_nan(bits) || std::isinf(format.value(bits))) break;
      const auto low = static_cast<float>(format.value(bits));
      const double next = format.value(bits + 1);
      const auto middle = static_cast<float>(
          std::isinf(next) ? low + (low - format.value(bits - 1)) / 2 : (low + next) / 2);
      if (std::isinf(middle)) continue;
      expect_nearest(middle);
      expect_nearest(-middle);
      expect_nearest(std::nextafter(middle, 0.0F));
      expect_nearest(std::nextafter(middle, std::numeric_limits<float>::infinity()));
    }
  }
}

TEST(Narrowing, KeepsNansNans) {
  SplitMix64 random(1);
  for (int i = 0; i < 100000; ++i) {
    const auto bits = static_cast<std::uint32_t>(random.next()) | 0x7f800000u;
    const float value = as_float(bits);
    if (!std::isnan(value)) continue;
    const std::uint32_t half = float_to_half(value);
    const std::uint32_t bfloat = float_to_bfloat16(value);
    ASSERT_TRUE(kHalf.is_nan(half) && kBfloat.is_nan(bfloat)) << bits;
    ASSERT_EQ(half >> 15, bits >> 31);
    ASSERT_EQ(bfloat >> 15, bits >> 31);
    // The top ten bits of the payload stay, unless all are zero.
    const std::uint32_t payload = bits >> 13 & 0x3ff;
    ASSERT_EQ(half & 0x3ff, payload != 0 ? payload : 1);
  }
  EXPECT_TRUE(kHalf.is_nan(float_to_half(as_float(0x7f800001))));
  EXPECT_TRUE(kBfloat.is_nan(float_to_bfloat16(as_float(0xff800001))));
}

/// Stores a double as half and as bfloat16.
void expect_stored_once(double value) {
  for (const auto& [type, format] :
       {std::pair{DataType::kFloat16, kHalf}, std::pair{DataType::kBfloat16, kBfloat}}) {
    Bytes payload(2);
    store_value(type, payload, 0, value);
    const auto bits = load_le<std::uint16_t>(payload.data());
    ASSERT_EQ(bits, format.nearest(value)) << std::hexfloat << value;
    ASSERT_EQ(stored_value(type, value), format.value(bits)) << std::hexfloat << value;
  }
}

// A double just beside the middle of two neighbours is at that middle as a float32.
TEST(Narrowing, RoundsDoublesOnce) {
  for (const Format& format : {kHalf, kBfloat}) {
    for (std::uint32_t bits = 0; std::isfinite(format.value(bits)); ++bits) {
      const double low = format.value(bits);
      const double next = std::isfinite(format.value(bits + 1)) ? format.value(bits + 1)
                                                                : std::ldexp(1, format.bias() + 1);
      const double middle = (low + next) / 2;
      for (const double value :
           {middle, std::nextafter(middle, 0.0), std::nextafter(middle, 1e300)}) {
        expect_stored_once(value);
        expect_stored_once(-value);
      }
    }
  }
  for (const double value :
       {0.0, 1e-320, 1e-60, 1e60, 1e308, std::numeric_limits<double>::infinity()}) {
    expect_stored_once(value);
    expect_stored_once(-value);
  }
}

class ValueType : public testing::TestWithParam<DataType> {};

INSTANTIATE_TEST_SUITE_P(FloatTypes, ValueType,
                         testing::Values(DataType::kFloat, DataType::kFloat16, DataType::kBfloat16,
                                         DataType::kDouble),
                         [](const auto& test) { return data_type_name(test.param); });

TEST_P(ValueType, StoresAndLoadsWhatItHolds) {
  const std::vector<float> values = {0.0F,  -0.0F, 1.0F,
                                     -2.5F, 0.25F, std::numeric_limits<float>::infinity()};
  Bytes payload(values.size() * data_type_bits(GetParam()) / 8, 0xee);
  for (std::size_t i = 0; i < values.size(); ++i) store_value(GetParam(), payload, i, values[i]);
  const std::vector<float> loaded = load_floats(GetParam(), payload);
  ASSERT_EQ(loaded.size(), values.size());
  for (std::size_t i = 0; i < values.size(); ++i) EXPECT_EQ(bits_of(loaded[i]), bits_of(values[i]));
}

TEST_P(ValueType, StoresOneElementOnly) {
  const std::size_t width = data_type_bits(GetParam()) / 8;
  Bytes payload(3 * width, 0xee);
  store_value(GetParam(), payload, 1, 0.0);
  for (std::size_t i = 0; i < payload.size(); ++i) {
    EXPECT_EQ(payload[i], i / width == 1 ? 0 : 0xee) << i;
  }
}

TEST(LoadFloats, RoundsDoubles) {
  Bytes payload(8);
  store_value(DataType::kDouble, payload, 0, 0.1);
  EXPECT_EQ(load_le<double>(payload.data()), 0.1);
  EXPECT_EQ(load_floats(DataType::kDouble, payload).front(), 0.1F);
}

}  // namespace
}  // namespace qc::test
