// Memory and bookkeeping that decoding borrows.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "codecs/shared/arena.h"

struct ZSTD_DCtx_s;

namespace qc {

/// Memory for decoding one tensor at a time; what a tensor may take is capped by a budget, so that
/// damaged input cannot ask for more. One per thread.
class DecodeContext : public Arena {
 public:
  /// No tensor may take more than `most` bytes beside `blocks`, whatever its size.
  explicit DecodeContext(std::uint64_t most = UINT64_MAX, Allocator& allocator = heap()) noexcept
      : Arena(allocator), blocks(allocator), most_(most) {}
  ~DecodeContext();

  /// Takes all memory back and sets the budget for a tensor of `tensor_bytes`.
  void reset(std::uint64_t tensor_bytes) noexcept {
    const std::uint64_t budget = coding_budget(tensor_bytes);
    is_capped_ = budget > most_;
    Arena::reset(std::min(budget, most_));
    blocks.reset(kBlockBudget);
    reason_ = nullptr;
    no_zstd_ = false;
    depth = 0;
  }

  /// zstd's own state, made when first asked for; null when there is no memory for it.
  ZSTD_DCtx_s* zstd() noexcept;

  /// Records why the input was refused; the first reason stays. Returns null for convenience.
  std::nullptr_t refuse(const char* reason) noexcept {
    if (reason_ == nullptr) reason_ = reason;
    return nullptr;
  }
  const char* reason() const noexcept { return reason_ ? reason_ : "damaged"; }
  /// Whether the tensor might have been decoded with more than the memory that was allowed.
  bool wanted_more() const noexcept { return is_capped_ && ran_out(); }
  /// Whether the tensor could not be decoded because the allocator had no more memory.
  bool was_starved() const noexcept { return was_refused() || blocks.was_refused() || no_zstd_; }

  unsigned depth = 0;  ///< of layouts inside layouts, while opening
  /// For what readers would else have on the stack: blocks of a size that does not depend on the
  /// input, so they are no part of the tensor's budget.
  Arena blocks;

 private:
  // 32 KiB each for the planes and a step of elements, and half of that for either narrowing.
  static constexpr std::uint64_t kBlockBudget = std::uint64_t{128} << 10;

  std::uint64_t most_;
  bool is_capped_ = false;  // the budget is less than the tensor could take
  std::uint8_t* zstd_memory_ = nullptr;
  ZSTD_DCtx_s* zstd_ = nullptr;
  bool no_zstd_ = false;  // there was no memory for its state
  const char* reason_ = nullptr;
};

}  // namespace qc
