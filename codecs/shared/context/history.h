// Where the next element stands in its tensor, and what came before it there.
#pragma once

#include <cstdint>

#include "codecs/shared/arena.h"
#include "core/tensor.h"

namespace qc::context {

/// Goes through a run of elements of a grid, front to back. Of every element it keeps a class: 0
/// for a zero, otherwise 1 to 127 for how large it is, with the sign of the element.
class History {
 public:
  using Class = std::int8_t;

  /// False when there is no memory for `count` elements.
  bool create(const Grid& grid, std::uint64_t count, Arena& memory) noexcept {
    grid_ = grid;
    row_size_ = grid.columns * grid.taps;
    classes_ = memory.make_array<Class>(count);
    const std::uint64_t in_row = grid.first % row_size_;
    column_ = static_cast<std::uint32_t>(in_row / grid.taps);
    tap_ = static_cast<std::uint32_t>(in_row % grid.taps);
    in_line_ = static_cast<std::uint32_t>(tap_ % grid.width);
    return classes_ != nullptr;
  }

  void push(Class value) noexcept {
    classes_[position_++] = value;
    if (++in_line_ == grid_.width) in_line_ = 0;
    if (++tap_ < grid_.taps) return;
    tap_ = 0;
    in_line_ = 0;
    if (++column_ < grid_.columns) return;
    column_ = 0;
    ++row_;
  }

  std::uint32_t row() const noexcept { return row_; }  ///< begun since the start of the run
  std::uint32_t column() const noexcept { return column_; }
  std::uint32_t tap() const noexcept { return tap_; }  ///< element of a kernel
  /// Place of the column's tap among all of a row.
  std::uint32_t place() const noexcept {
    return static_cast<std::uint32_t>(column_ * grid_.taps + tap_);
  }
  /// The class of the element `steps` back; 0 before the run.
  int back(std::uint64_t steps) const noexcept {
    return steps <= position_ ? classes_[position_ - steps] : 0;
  }

  // Neighbours in the kernel; 0 where there is none.
  int left() const noexcept { return in_line_ > 0 ? back(1) : 0; }
  int up() const noexcept { return tap_ >= grid_.width ? back(grid_.width) : 0; }
  int up_left() const noexcept {
    return in_line_ > 0 && tap_ >= grid_.width ? back(grid_.width + 1) : 0;
  }
  int up_right() const noexcept {
    return tap_ >= grid_.width && in_line_ + 1 < grid_.width ? back(grid_.width - 1) : 0;
  }
  /// The same tap `steps` columns before, in the same row; 0 where there is none.
  int column_before(std::uint32_t steps) const noexcept {
    return column_ >= steps ? back(steps * grid_.taps) : 0;
  }
  /// The same column and tap `steps` rows before.
  int row_before(std::uint32_t steps) const noexcept { return back(steps * row_size_); }

 private:
  Grid grid_;
  std::uint64_t row_size_ = 1;
  Class* classes_ = nullptr;
  std::uint64_t position_ = 0;
  std::uint32_t row_ = 0;
  std::uint32_t column_ = 0;
  std::uint32_t tap_ = 0;
  std::uint32_t in_line_ = 0;
};

}  // namespace qc::context
