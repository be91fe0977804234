// The hyperbolic tangent of weights against that of long doubles.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "passes/kernels/dorefa.h"
#include "passes/kernels/tanh.h"

namespace qc {
namespace {

float as_float(std::uint32_t bits) { return std::bit_cast<float>(bits); }

// Every 1009th float from 0 to 32, the borders between the methods and all floats near them.
template <typename Body>
void for_floats(const Body& body) {
  const auto end = std::bit_cast<std::uint32_t>(32.0F);
  for (std::uint32_t bits = 0; bits < end; bits += 1009) body(as_float(bits));
  for (const float border : {0.55F, 1.0F, 19.0F, 22.0F}) {
    const auto middle = std::bit_cast<std::uint32_t>(border);
    for (std::uint32_t bits = middle - 3000; bits < middle + 3000; ++bits) body(as_float(bits));
  }
}

TEST(PortableTanh, IsWithinThreeUnitsInTheLastPlace) {
  double worst = 0;
  for_floats([&](float x) {
    const long double exact = std::tanh(static_cast<long double>(x));
    const double value = portable_tanh(static_cast<double>(x));
    const auto nearest = static_cast<double>(exact);
    const double unit = std::nextafter(nearest, 2.0) - nearest;
    worst = std::max(worst, static_cast<double>(std::fabs(value - exact)) / unit);
  });
  EXPECT_LT(worst, 3);
}

TEST(PortableTanh, RisesWithItsArgument) {
  // From one float to the next, and so from any to any larger one.
  for (const float start : {0x1p-120F, 0x1p-20F, 0.1F, 0.5499F, 0.55F, 1.0F, 3.0F, 9.0F, 12.5F,
                            18.0F, 19.0F, 21.9999F}) {
    float x = start;
    for (int i = 0; i < 50000; ++i) {
      const float next = std::nextafter(x, 100.0F);
      ASSERT_LE(portable_tanh(static_cast<double>(x)), portable_tanh(static_cast<double>(next)))
          << std::hexfloat << x;
      x = next;
    }
  }
}

TEST(PortableTanh, IsOddAndBounded) {
  for_floats([](float x) {
    const double value = portable_tanh(static_cast<double>(x));
    ASSERT_EQ(portable_tanh(static_cast<double>(-x)), -value);
    ASSERT_LE(value, 1);
    ASSERT_LE(value, static_cast<double>(x));
  });
  EXPECT_TRUE(std::signbit(portable_tanh(-0.0)));
  EXPECT_EQ(portable_tanh(std::numeric_limits<double>::infinity()), 1);
  EXPECT_EQ(portable_tanh(-1e300), -1);
  EXPECT_TRUE(std::isnan(portable_tanh(std::numeric_limits<double>::quiet_NaN())));
}

// What the last bits of a C library's tanh must not decide.
TEST(PortableTanh, IsTheSameEverywhere) {
  const auto bits = [](double x) { return std::bit_cast<std::uint64_t>(portable_tanh(x)); };
  EXPECT_EQ(bits(0x1.99999ap-4), 0x3fb983d77fb56121u);
  EXPECT_EQ(bits(0x1.19999ap-1), 0x3fe00442fb0d8481u);
  EXPECT_EQ(bits(0x1p0), 0x3fe85efab514f394u);
  EXPECT_EQ(bits(0x1.4p3), 0x3feffffffdc96f35u);
  EXPECT_EQ(largest_tanh(std::vector<float>{0.5F, -1.0F}), portable_tanh(1));
}

}  // namespace
}  // namespace qc
