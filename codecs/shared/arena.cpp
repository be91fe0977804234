#include "codecs/shared/arena.h"

#include <algorithm>
#include <utility>

namespace qc {
namespace {

constexpr std::uint64_t kAlignment = 64;
constexpr std::uint64_t kMinBlock = std::uint64_t{64} << 10;
// Codebooks, code tables and readers, whatever the size of the tensor.
constexpr std::uint64_t kFixedBudget = std::uint64_t{1} << 20;

}  // namespace

std::uint64_t coding_budget(std::uint64_t tensor_bytes) noexcept {
  return 5 * std::min(tensor_bytes, std::uint64_t{1} << 60) + kFixedBudget;
}

// In front of its memory.
struct alignas(kAlignment) Arena::Block {
  Block* next;
  std::uint64_t size;  // without this
  std::uint64_t used;

  std::uint8_t* memory() noexcept { return reinterpret_cast<std::uint8_t*>(this + 1); }
};

Arena::~Arena() {
  while (blocks_ != nullptr) free(std::exchange(blocks_, blocks_->next));
}

void Arena::free(Block* block) noexcept {
  allocator_->release(reinterpret_cast<std::uint8_t*>(block), sizeof(Block) + block->size);
}

void Arena::reset(std::uint64_t budget) noexcept {
  for (Block* block = blocks_; block != nullptr; block = block->next) block->used = 0;
  budget_ = budget;
  ran_out_ = false;
  was_refused_ = false;
}

MutableBytes Arena::take(std::uint64_t size) noexcept {
  const std::uint64_t rounded =
      (std::max<std::uint64_t>(size, 1) + kAlignment - 1) & ~(kAlignment - 1);
  if (rounded < size || rounded > budget_) {
    ran_out_ = true;
    return {};
  }
  Block* found = blocks_;
  while (found != nullptr && found->size - found->used < rounded) found = found->next;
  if (found == nullptr) {
    // Too small now, and the next time: kept, they would add up to far more than any budget.
    for (Block** link = &blocks_; *link != nullptr;) {
      Block* const block = *link;
      if (block->used == 0) {
        *link = block->next;
        free(block);
      } else {
        link = &block->next;
      }
    }
    const std::uint64_t block_size = std::max(rounded, kMinBlock);
    std::uint8_t* const memory = allocator_->allocate(sizeof(Block) + block_size);
    if (memory == nullptr) {
      was_refused_ = true;
      return {};
    }
    found = new (memory) Block{blocks_, block_size, 0};
    blocks_ = found;
  }
  budget_ -= rounded;
  std::uint8_t* const at = found->memory() + found->used;
  found->used += rounded;
  return {at, static_cast<std::size_t>(size)};
}

}  // namespace qc
