#include "codecs/decode_context.h"

#include <zstd.h>

#include <algorithm>

namespace qc {
namespace {

constexpr std::uint64_t kAlignment = 64;
constexpr std::uint64_t kMinBlock = std::uint64_t{64} << 10;
// Decode tables and reader objects, whatever the size of the tensor.
constexpr std::uint64_t kFixedBudget = std::uint64_t{1} << 20;

}  // namespace

DecodeContext::~DecodeContext() { ZSTD_freeDCtx(zstd_); }

void DecodeContext::FreeAligned::operator()(std::uint8_t* memory) const noexcept {
  ::operator delete(memory, std::align_val_t(kAlignment));
}

ZSTD_DCtx_s* DecodeContext::zstd() noexcept {
  if (zstd_ == nullptr) zstd_ = ZSTD_createDCtx();
  return zstd_;
}

void DecodeContext::reset(std::uint64_t tensor_bytes) noexcept {
  for (Block& block : blocks_) block.used = 0;
  // Inflated streams: values of at most the tensor's size, and positions of a byte an element; or
  // what context models remember of every element and every place in a row.
  budget_ = 5 * std::min(tensor_bytes, std::uint64_t{1} << 60) + kFixedBudget;
  is_capped_ = budget_ > most_;
  if (is_capped_) budget_ = most_;
  wanted_more_ = false;
  reason_ = nullptr;
  stats = nullptr;
  depth = 0;
}

MutableBytes DecodeContext::take(std::uint64_t size) noexcept {
  const std::uint64_t rounded =
      (std::max<std::uint64_t>(size, 1) + kAlignment - 1) & ~(kAlignment - 1);
  if (rounded < size || rounded > budget_) {
    wanted_more_ |= is_capped_;
    return {};
  }
  for (Block& block : blocks_) {
    if (block.size - block.used < rounded) continue;
    budget_ -= rounded;
    std::uint8_t* at = block.memory.get() + block.used;
    block.used += rounded;
    return {at, static_cast<std::size_t>(size)};
  }
  // Too small now, and the next time: kept, they would add up to far more than any budget.
  std::erase_if(blocks_, [](const Block& block) { return block.used == 0; });
  const std::uint64_t block_size = std::max(rounded, kMinBlock);
  auto* memory = static_cast<std::uint8_t*>(::operator new(
      static_cast<std::size_t>(block_size), std::align_val_t(kAlignment), std::nothrow));
  if (memory == nullptr) return {};
  std::unique_ptr<std::uint8_t[], FreeAligned> owner(memory);
  if (blocks_.size() == blocks_.capacity()) {
    try {
      blocks_.reserve(2 * blocks_.size() + 8);
    } catch (const std::bad_alloc&) {
      return {};
    }
  }
  blocks_.push_back({std::move(owner), block_size, rounded});
  budget_ -= rounded;
  return {memory, static_cast<std::size_t>(size)};
}

}  // namespace qc
