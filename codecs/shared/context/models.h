// What is coded of an element, each with the contexts that tell most about it: whether it is zero,
// its sign, and its magnitude as a rank or as a float. Contexts are the neighbours in the kernel,
// the same place in the rows (filters) and columns before, and statistics of row, column and tap.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstdlib>

#include "codecs/shared/context/history.h"
#include "codecs/shared/context/predictor.h"

namespace qc::context {

inline constexpr std::uint32_t kTaps = 64;  // that are told apart

inline std::uint32_t tap_class(const History& at) noexcept { return std::min(at.tap(), kTaps - 1); }

/// How many bits a number has, at most `most`.
inline std::uint32_t log_class(std::uint32_t number, std::uint32_t most) noexcept {
  return std::min(static_cast<std::uint32_t>(std::bit_width(number)), most);
}

/// How many of some elements were not zero.
struct Density {
  std::uint32_t ones = 0;
  std::uint32_t seen = 0;

  void add(bool one) noexcept {
    ones += one ? 1 : 0;
    ++seen;
  }

  /// The logit of the share, as if `weight` more elements had been seen with a share of `prior` /
  /// 65536.
  int logit(std::uint32_t prior, std::uint32_t weight) const noexcept {
    const std::uint64_t share =
        ((std::uint64_t{ones} << 16) + std::uint64_t{prior} * weight) / (seen + weight);
    return stretch(static_cast<int>(std::clamp<std::uint64_t>(share, 1, kOne - 1)));
  }
};

/// The mean of some levels.
struct Mean {
  std::uint32_t sum = 0;
  std::uint32_t seen = 0;

  void add(int level) noexcept {
    sum += static_cast<std::uint32_t>(level);
    ++seen;
  }

  int value(int prior, std::uint32_t weight) const noexcept {
    return static_cast<int>((sum + static_cast<std::uint32_t>(prior) * weight) / (seen + weight));
  }
};

/// Whether an element is other than zero.
class SignificanceModel {
 public:
  bool create(const Grid& grid, Arena& memory) noexcept {
    columns_ = make_filled<Density>(grid.columns, memory);
    places_ = make_filled<Density>(grid.columns * grid.taps, memory);
    taps_ = make_filled<Density>(kTaps, memory);
    return columns_ != nullptr && places_ != nullptr && taps_ != nullptr &&
           predictor_.create({32 * 16, kTaps * 8, 12 * 4 * 12, 8 * 8 * 9}, 10, 12, memory);
  }

  template <typename Coder>
  bool code(Coder& coder, bool significant, const History& at) {
    if (at.row() != row_number_) row_ = {};
    row_number_ = at.row();
    if (at.tap() == 0) in_kernel_ = 0;
    Density& column = columns_[at.column()];
    Density& place = places_[at.place()];
    Density& tap = taps_[tap_class(at)];
    const auto share = static_cast<std::uint32_t>(((std::uint64_t{2} * all_.ones + 1) << 15) /
                                                  (std::uint64_t{all_.seen} + 1));
    const std::uint32_t prior = std::clamp<std::uint32_t>(share, 64, kOne - 64);
    const int everywhere = stretch(static_cast<int>(prior));
    const std::array<int, 4> logits = {row_.logit(prior, 12), column.logit(prior, 8),
                                       place.logit(prior, 6), tap.logit(prior, 20)};
    const auto relative = [&](int logit) {
      return static_cast<std::uint32_t>(std::clamp((logit - everywhere + 6 * 64) >> 6, 0, 11));
    };
    const auto is_set = [](int value) { return value != 0 ? 1u : 0u; };
    const auto size = [](int value, int most) {
      return static_cast<std::uint32_t>(std::min(std::abs(value), most));
    };
    const int left = at.left();
    const int up = at.up();
    const std::uint32_t around = is_set(at.row_before(1)) | is_set(at.row_before(2)) << 1 |
                                 is_set(at.column_before(1)) << 2 |
                                 is_set(at.column_before(2)) << 3 | is_set(at.row_before(3)) << 4;
    significant = predictor_.code(
        coder, significant,
        {around * 16 + std::min(in_kernel_, 15u), tap_class(at) * 8 + std::min(in_kernel_, 7u),
         (relative(logits[2]) * 4 + is_set(left) + 2 * is_set(up)) * 12 + relative(logits[0]),
         (size(left, 7) * 8 + size(at.column_before(1), 7)) * 9 + size(at.row_before(1), 8)},
        logits, log_class(at.row(), 9), log_class(column.seen + in_kernel_, 11));
    for (Density* density : {&all_, &row_, &column, &place, &tap}) density->add(significant);
    in_kernel_ += significant ? 1 : 0;
    return significant;
  }

 private:
  Predictor<4, 4> predictor_;
  Density* columns_ = nullptr;
  Density* places_ = nullptr;
  Density* taps_ = nullptr;
  Density all_;
  Density row_;
  std::uint32_t row_number_ = 0;
  std::uint32_t in_kernel_ = 0;
};

/// Whether an element that is not zero is negative.
class SignModel {
 public:
  bool create(const Grid& grid, Arena& memory) noexcept {
    balance_ = make_filled<std::int32_t>(grid.columns, memory);
    return balance_ != nullptr && predictor_.create({81, 81, 3 * kTaps}, 1, 1, memory);
  }

  template <typename Coder>
  bool code(Coder& coder, bool negative, const History& at) {
    const auto trit = [](int value) { return value > 0 ? 2u : value < 0 ? 0u : 1u; };
    std::int32_t& balance = balance_[at.column()];
    const std::uint32_t kernel = trit(at.left()) * 27 + trit(at.up()) * 9;
    negative = predictor_.code(coder, negative,
                               {kernel + trit(at.row_before(1)) * 3 + trit(at.column_before(1)),
                                kernel + trit(at.up_left()) * 3 + trit(at.up_right()),
                                tap_class(at) * 3 + trit(balance / 2)},
                               {}, 0, 0);
    balance += negative ? -1 : 1;
    return negative;
  }

 private:
  Predictor<3, 0> predictor_;
  std::int32_t* balance_ = nullptr;
};

/// How large the elements of a row, a column, and a place in the rows have been.
class LevelMeans {
 public:
  bool create(const Grid& grid, Arena& memory) noexcept {
    columns_ = make_filled<Mean>(grid.columns, memory);
    places_ = make_filled<Mean>(grid.columns * grid.taps, memory);
    return columns_ != nullptr && places_ != nullptr;
  }

  /// Looks at the means for the next element.
  void look(const History& at, int start) noexcept {
    if (at.row() != row_number_) row_ = {};
    row_number_ = at.row();
    all = all_.seen > 0 ? all_.value(0, 0) : start;
    row = row_.value(all, 2);
    column = columns_[at.column()].value(all, 3);
    place = places_[at.place()].value(all, 3);
  }

  /// Adds the level of the element that was looked at.
  void add(const History& at, int level) noexcept {
    for (Mean* mean : {&all_, &row_, &columns_[at.column()], &places_[at.place()]}) {
      mean->add(level);
    }
  }

  int all = 0;
  int row = 0;
  int column = 0;
  int place = 0;

 private:
  Mean* columns_ = nullptr;
  Mean* places_ = nullptr;
  Mean all_;
  Mean row_;
  std::uint32_t row_number_ = 0;
};

}  // namespace qc::context
