// Elements as ranks in a sorted codebook: zero or not, the side of zero, and the distance from it.
#pragma once

#include "codecs/shared/context/models.h"
#include "codecs/shared/symbol.h"

namespace qc::context {

/// A codebook around its zero.
struct RankShape {
  std::uint32_t below = 0;  ///< ranks below zero: the first ones
  bool has_zero = false;    ///< rank `below` is zero
  std::uint32_t above = 0;  ///< the ranks after it

  std::uint32_t first_above() const noexcept { return below + (has_zero ? 1 : 0); }
  std::uint32_t size() const noexcept { return first_above() + above; }
};

class RankModel {
 public:
  /// For `count` ranks of a codebook of at least one entry. False when there is no memory.
  bool create(const RankShape& shape, const Grid& grid, std::uint64_t count,
              Arena& memory) noexcept {
    shape_ = shape;
    farthest_ = std::max({shape.below, shape.above, 1u});
    return history_.create(grid, count, memory) && significance_.create(grid, memory) &&
           sign_.create(grid, memory) && means_.create(grid, memory) &&
           distance_.create({kNodes * 2, kNodes * 9, kNodes * 8, kNodes * 18}, kNodes, 10, memory);
  }

  /// Codes the next rank and returns it. What a decoder is given is not looked at.
  template <typename Coder>
  std::uint32_t code(Coder& coder, std::uint32_t rank) {
    if (shape_.has_zero && !significance_.code(coder, rank != shape_.below, history_)) {
      history_.push(0);
      return shape_.below;
    }
    const bool sided = shape_.below > 0 && shape_.above > 0;
    bool negative = rank < shape_.below;
    negative = sided ? sign_.code(coder, negative, history_) : shape_.below > 0;
    const std::uint32_t ranks = negative ? shape_.below : shape_.above;
    std::uint32_t distance = negative ? shape_.below - 1 - rank : rank - shape_.first_above();
    means_.look(history_, kLevels / 2);
    distance = code_distance(coder, distance, ranks, negative);
    const auto level = static_cast<int>(std::uint64_t{distance} * kLevels / farthest_);
    const int size = 1 + relative(level);
    means_.add(history_, level);
    history_.push(static_cast<History::Class>(negative ? -size : size));
    return negative ? shape_.below - 1 - distance : shape_.first_above() + distance;
  }

 private:
  static constexpr std::uint32_t kNodes = 256;  // of a tree that are told apart
  static constexpr int kLevels = 16;

  // A level beside the mean, 0 to 7.
  int relative(int level) const noexcept { return std::clamp((level - means_.all + 8) >> 1, 0, 7); }

  // Bit by bit, the highest first; bits that cannot be 1 are left out.
  template <typename Coder>
  std::uint32_t code_distance(Coder& coder, std::uint32_t distance, std::uint32_t ranks,
                              bool negative) {
    const auto size = [](int value) {
      return static_cast<std::uint32_t>(std::min(std::abs(value), 8));
    };
    const int left = history_.left();
    const int up = history_.up();
    const std::uint32_t before =
        size(history_.tap() > 0 ? history_.back(1) : history_.column_before(1));
    const std::uint32_t above = size(up != 0 ? up : history_.row_before(1));
    const auto expected = static_cast<std::uint32_t>(
        relative(means_.row + means_.column - means_.all + (means_.place - means_.all) / 2));
    const std::uint32_t opposite = negative != (left < 0) ? 1 : 0;
    std::uint32_t found = 0;
    std::uint32_t node = 1;
    for (int bit = static_cast<int>(std::bit_width(ranks - 1)) - 1; bit >= 0; --bit) {
      const std::uint32_t middle = found + (std::uint32_t{1} << bit);
      bool upper = false;
      if (middle < ranks) {
        const std::uint32_t at = std::min(node, kNodes - 1);
        upper = distance_.code(coder, ((distance >> bit) & 1) != 0,
                               {at * 2 + (negative ? 1 : 0), at * 9 + before, at * 8 + expected,
                                (at * 9 + above) * 2 + opposite},
                               {}, at, 0);
      }
      if (upper) found = middle;
      node = std::min(2 * node + (upper ? 1 : 0), kNodes);
    }
    return found;
  }

  RankShape shape_;
  std::uint32_t farthest_ = 1;
  History history_;
  SignificanceModel significance_;
  SignModel sign_;
  LevelMeans means_;
  Predictor<4, 0> distance_;
};

}  // namespace qc::context
