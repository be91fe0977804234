// Which part of a sequence lies in windows that occurred before, told by hashes of the windows.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

namespace qc {

/// Spreads bits over a word: 2^64 divided by the golden ratio (Knuth, 6.4).
inline constexpr std::uint64_t kHashMultiplier = 0x9e3779b97f4a7c15u;

/// Takes the hashes of all windows of `window` elements from front to back, and counts the elements
/// covered by those that were seen. A newer window may take the place of an older one in the table,
/// which has 2^20 places at most.
class WindowCover {
 public:
  WindowCover(std::size_t count, std::size_t window)
      : window_(window),
        shift_(64 - std::clamp(static_cast<unsigned>(std::bit_width(count)), 8U, 20U)),
        tags_(std::size_t{1} << (64 - shift_)) {}

  /// The window that ends before element `end`.
  void add(std::size_t end, std::uint64_t hash) noexcept {
    const std::uint64_t mixed = hash * kHashMultiplier;
    std::uint32_t& tag = tags_[mixed >> shift_];
    const auto own = static_cast<std::uint32_t>(mixed) | 1;
    if (tag == own) {
      if (covered_to_ < end - window_) ++runs_;
      covered_ += end - std::max(covered_to_, end - window_);
      covered_to_ = end;
    }
    tag = own;
  }

  std::size_t covered() const noexcept { return covered_; }
  /// Stretches of covered elements.
  std::size_t runs() const noexcept { return runs_; }

 private:
  std::size_t window_;
  unsigned shift_;
  std::vector<std::uint32_t> tags_;
  std::size_t covered_to_ = 0;
  std::size_t covered_ = 0;
  std::size_t runs_ = 0;
};

}  // namespace qc
