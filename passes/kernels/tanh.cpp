#include "passes/kernels/tanh.h"

#include <array>
#include <cmath>

namespace qc {
namespace {

// exp(-y) for 0 <= y <= 44: y is n ln 2 + r with |r| <= ln 2 / 2, and exp(-r) its Taylor
// polynomial, whose remainder is below 2^-57.
double exp_of_negative(double y) noexcept {
  // ln 2 in two parts; the first ends in zeros, so its multiples are exact.
  constexpr double kLn2High = 0x1.62e42feep-1;
  constexpr double kLn2Low = 0x1.a39ef35793c76p-33;
  constexpr double kInverseLn2 = 0x1.71547652b82fep+0;
  constexpr std::array kInverseFactorials = {1.0 / 6227020800,
                                             1.0 / 479001600,
                                             1.0 / 39916800,
                                             1.0 / 3628800,
                                             1.0 / 362880,
                                             1.0 / 40320,
                                             1.0 / 5040,
                                             1.0 / 720,
                                             1.0 / 120,
                                             1.0 / 24,
                                             1.0 / 6,
                                             1.0 / 2,
                                             1.0};
  const double n = std::floor(y * kInverseLn2 + 0.5);
  const double r = -((y - n * kLn2High) - n * kLn2Low);
  double sum = 0;
  for (const double coefficient : kInverseFactorials) sum = (sum + coefficient) * r;
  return std::ldexp(1 + sum, -static_cast<int>(n));
}

// Lambert's continued fraction x / (1 + x^2 / (3 + x^2 / (5 + ...))), for small x.
double fraction(double x) noexcept {
  const double square = x * x;
  double rest = 19;
  for (double odd = 17; odd >= 1; odd -= 2) rest = odd + square / rest;
  return x / rest;
}

}  // namespace

double portable_tanh(double x) noexcept {
  constexpr double kSmall = 0.55;
  constexpr double kOne = 22;  // tanh rounds to 1 from 19.1 on
  const double magnitude = std::fabs(x);
  if (!(magnitude >= kSmall)) return fraction(x);
  if (magnitude >= kOne) return std::copysign(1.0, x);
  const double power = exp_of_negative(2 * magnitude);
  return std::copysign((1 - power) / (1 + power), x);
}

}  // namespace qc
