// Elements as floats: zero or not, sign, exponent and first mantissa bits. The bits below are as
// good as random and not modelled.
#pragma once

#include "codecs/shared/context/models.h"

namespace qc::context {

/// The modelled part of a float.
struct FloatHead {
  bool zero = false;  ///< all bits are zero
  bool negative = false;
  std::uint32_t exponent = 0;
  std::uint32_t mantissa = 0;  ///< its first kHeadBits bits
};

/// Mantissa bits that are modelled.
inline constexpr unsigned kHeadBits = 3;

class FloatModel {
 public:
  /// For `count` floats with exponents of at most `top` and `exponent_bits` bits.
  bool create(std::uint32_t top, unsigned exponent_bits, bool has_zeros, const Grid& grid,
              std::uint64_t count, Arena& memory) noexcept {
    top_ = top;
    exponent_bits_ = exponent_bits;
    has_zeros_ = has_zeros;
    return history_.create(grid, count, memory) && significance_.create(grid, memory) &&
           sign_.create(grid, memory) && means_.create(grid, memory) &&
           octave_.create({kOctaves * kSteps, kOctaves * kSteps, kOctaves * kSteps * 3,
                           kOctaves * 64, kOctaves * kTaps},
                          kOctaves, 12, memory) &&
           mantissa_.create({8 * kOctaves, 8 * kSteps, 8 * kSteps}, 8, 1, memory);
  }

  /// Codes the next float and returns it. What a decoder is given is not looked at.
  template <typename Coder>
  FloatHead code(Coder& coder, const FloatHead& given) {
    FloatHead head;
    head.zero = has_zeros_ && !significance_.code(coder, !given.zero, history_);
    if (head.zero) {
      history_.push(0);
      return head;
    }
    means_.look(history_, kTopLevel - 24);
    const Levels levels = look_around();
    const std::uint32_t octave = code_octave(coder, top_ - given.exponent, levels);
    head.exponent = top_ - std::min(octave, top_);
    const std::uint32_t at = std::min(octave, kOctaves - 1);
    std::uint32_t node = 1;
    for (unsigned bit = kHeadBits; bit-- > 0;) {
      const bool one =
          mantissa_.code(coder, ((given.mantissa >> bit) & 1) != 0,
                         {node * kOctaves + at, node * kSteps + step(levels.expected, at),
                          node * kSteps + step(levels.nearby, at)},
                         {}, node, 0);
      node = 2 * node + (one ? 1 : 0);
    }
    head.mantissa = node - (1u << kHeadBits);
    head.negative = sign_.code(coder, given.negative, history_);
    const int level = std::max(kTopLevel - 8 * static_cast<int>(std::min(octave, 100u)) -
                                   (7 - static_cast<int>(head.mantissa)),
                               0);
    means_.add(history_, level);
    history_.push(static_cast<History::Class>(head.negative ? -1 - level : 1 + level));
    return head;
  }

 private:
  static constexpr std::uint32_t kOctaves = 24;  // below the top that are told apart
  static constexpr int kTopLevel = 126;          // levels are eighths of octaves, roughly
  static constexpr int kStepCount = 64;
  static constexpr std::uint32_t kSteps = kStepCount;

  // Where a level is beside the least of an octave, in quarters of octaves.
  static std::uint32_t step(int level, std::uint32_t octave) noexcept {
    const int least = kTopLevel - 7 - 8 * static_cast<int>(octave);
    return static_cast<std::uint32_t>(
        std::clamp((level - least + kStepCount) >> 1, 0, kStepCount - 1));
  }
  static std::uint32_t coarse_step(int level, std::uint32_t octave) noexcept {
    const int least = kTopLevel - 7 - 8 * static_cast<int>(octave);
    return static_cast<std::uint32_t>(std::clamp((level - least + 36) >> 3, 0, 7));
  }

  // The level of a neighbour, or the mean where there is none.
  int level_of(int neighbour) const noexcept {
    return neighbour != 0 ? std::abs(neighbour) - 1 : means_.all;
  }

  // What to expect of the next float.
  struct Levels {
    int expected;  // by its row and place
    int beside;    // of the element before
    int over;      // of the one above in the kernel, or in the column before
    int nearby;    // mean of these two and two more neighbours
  };

  Levels look_around() const noexcept {
    const int up = history_.up();
    Levels levels{};
    levels.expected = means_.row + means_.place - means_.all;
    levels.beside = level_of(history_.back(1));
    levels.over = level_of(up != 0 ? up : history_.column_before(1));
    levels.nearby = (levels.beside + level_of(history_.row_before(1)) + levels.over +
                     level_of(history_.back(2))) >>
                    2;
    return levels;
  }

  // How many octaves below the top, one by one; beyond the last a number of exponent_bits_ bits.
  template <typename Coder>
  std::uint32_t code_octave(Coder& coder, std::uint32_t octave, const Levels& levels) {
    const std::uint32_t unusual = means_.place > means_.all + 4 ? 1
                                  : means_.place < means_.all   ? 2
                                                                : 0;
    for (std::uint32_t at = 0; at + 1 < kOctaves; ++at) {
      const bool here = octave_.code(
          coder, octave == at,
          {at * kSteps + step(levels.expected, at), at * kSteps + step(levels.nearby, at),
           (at * kSteps + step(means_.row, at)) * 3 + unusual,
           at * 64 + coarse_step(levels.beside, at) * 8 + coarse_step(levels.over, at),
           at * kTaps + tap_class(history_)},
          {}, at, log_class(history_.row(), 11));
      if (here) return at;
    }
    std::uint32_t rest = octave - (kOctaves - 1);
    std::uint32_t found = 0;
    for (unsigned bit = exponent_bits_; bit-- > 0;) {
      found = 2 * found + (coder.code(((rest >> bit) & 1) != 0, kOne / 2) ? 1 : 0);
    }
    return kOctaves - 1 + found;
  }

  std::uint32_t top_ = 0;
  unsigned exponent_bits_ = 8;
  bool has_zeros_ = false;
  History history_;
  SignificanceModel significance_;
  SignModel sign_;
  LevelMeans means_;
  Predictor<5, 0> octave_;
  Predictor<3, 0> mantissa_;
};

}  // namespace qc::context
