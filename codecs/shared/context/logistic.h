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

/// 65536 / (1 + exp(-x)) for x = -8, -7.5, ..., 8; the second half mirrors the first.
inline constexpr std::array<int, 33> kKnots = [] {
  std::array<int, 33> knots = {22,   36,   60,   98,   162,   267,   439,   722,  1179,
                               1920, 3108, 4972, 7812, 11955, 17625, 24743, 32768};
  for (std::size_t i = 17; i < knots.size(); ++i) knots[i] = kOne - knots[32 - i];
  return knots;
}();

/// The probability at kMaxLogit + 1 + the logit, by linear interpolation.
constexpr int squash_at(std::size_t place) {
  const std::size_t at = place / 128;
  const auto along = static_cast<int>(place % 128);
  return (kKnots[at] * (128 - along) + kKnots[at + 1] * along + 64) / 128;
}

// What a page fetches is better without 8 kB of a table that takes no time to make.
#ifdef QC_TABLES_AT_START
#define QC_TABLE_CONSTEXPR
#else
#define QC_TABLE_CONSTEXPR constexpr
#endif

/// By probability / 16.
inline QC_TABLE_CONSTEXPR std::array<std::int16_t, 4096> make_stretch() {
  std::array<std::int16_t, 4096> logits{};
  std::size_t next = 0;
  for (std::size_t place = 0; place < 4096; ++place) {
    for (; next <= static_cast<std::size_t>(squash_at(place)) / 16; ++next) {
      logits[next] = static_cast<std::int16_t>(static_cast<int>(place) - 2048);
    }
  }
  for (; next < logits.size(); ++next) logits[next] = kMaxLogit;
  return logits;
}

inline const QC_TABLE_CONSTEXPR std::array<std::int16_t, 4096> kStretch = make_stretch();

}  // namespace detail

/// The probability for a logit.
inline int squash(int logit) noexcept {
  const int place = std::clamp(logit, -kMaxLogit, kMaxLogit) + 2048;
  return detail::squash_at(static_cast<std::size_t>(place));
}

/// The least logit whose probability is that of `p` or more, to 1/4096.
inline int stretch(int p) noexcept { return detail::kStretch[static_cast<std::size_t>(p) / 16]; }

}  // namespace qc::context
