// Probabilities and their logits in integers, the same on every machine (after PAQ's lpaq; Mahoney,
// "Adaptive weighing of context models for lossless data compression", 2005).
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace qc::context {

/// A probability is a number of 1/65536; a logit ln(p / (1 - p)) one of 1/256, within +-kMaxLogit.
inline constexpr int kMaxLogit = 2047;
inline constexpr int kOne = 1 << 16;

namespace detail {

/// 65536 / (1 + exp(-x)) for x = -8, -7.5, ..., 0; the other half is symmetric.
inline constexpr std::array<int, 17> kKnots = {
    22, 36, 60, 98, 162, 267, 439, 722, 1179, 1920, 3108, 4972, 7812, 11955, 17625, 24743, 32768};

constexpr int knot(std::size_t at) { return at <= 16 ? kKnots[at] : kOne - kKnots[32 - at]; }

struct Tables {
  std::array<std::uint16_t, 4096> squash{};  // by logit + 2048
  std::array<std::int16_t, 4096> stretch{};  // by probability / 16

  constexpr Tables() {
    std::size_t next = 0;
    for (std::size_t i = 0; i < squash.size(); ++i) {
      const std::size_t at = i / 128;
      const auto along = static_cast<int>(i % 128);
      const int p = (knot(at) * (128 - along) + knot(at + 1) * along + 64) / 128;
      squash[i] = static_cast<std::uint16_t>(p);
      for (; next <= static_cast<std::size_t>(p) / 16; ++next) {
        stretch[next] = static_cast<std::int16_t>(static_cast<int>(i) - 2048);
      }
    }
    for (; next < stretch.size(); ++next) stretch[next] = kMaxLogit;
  }
};

inline constexpr Tables kTables;

}  // namespace detail

/// The probability for a logit, by linear interpolation.
inline int squash(int logit) noexcept {
  const int place = std::clamp(logit, -kMaxLogit, kMaxLogit) + 2048;
  return detail::kTables.squash[static_cast<std::size_t>(place)];
}

/// The least logit whose probability is that of `p` or more, to 1/4096.
inline int stretch(int p) noexcept {
  return detail::kTables.stretch[static_cast<std::size_t>(p) / 16];
}

}  // namespace qc::context
