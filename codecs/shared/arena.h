// Memory that readers and models live in: taken bit by bit, given back all at once, never more than
// a budget.
#pragma once

#include <cstdint>
#include <new>
#include <type_traits>

#include "codecs/shared/allocator.h"
#include "core/bytes.h"

namespace qc {

/// The most memory that coding a tensor of `tensor_bytes` takes: inflated streams, which are values
/// of at most the tensor's size and positions of a byte an element, or what context models remember
/// of every element and every place in a row; and codebooks, code tables and readers. FORMAT.md,
/// section 8, promises that no tensor takes more.
std::uint64_t coding_budget(std::uint64_t tensor_bytes) noexcept;

/// Blocks of memory that are kept from one use to the next. Nothing here throws.
class Arena {
 public:
  explicit Arena(Allocator& allocator = heap()) noexcept : allocator_(&allocator) {}
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  /// Takes all memory back and allows so many bytes until the next time.
  void reset(std::uint64_t budget) noexcept;

  /// Memory until the next reset, aligned for any vector register; an empty span when the budget or
  /// the machine has no more.
  MutableBytes take(std::uint64_t size) noexcept;

  /// An object in that memory; null when there is none left. Its destructor never runs.
  template <typename T>
  T* make() noexcept {
    static_assert(std::is_trivially_destructible_v<T>);
    const MutableBytes memory = take(sizeof(T));
    return memory.empty() ? nullptr : new (memory.data()) T();
  }

  /// `count` values of an arithmetic type; null when there is no room.
  template <typename T>
  T* make_array(std::uint64_t count) noexcept {
    if (count > UINT64_MAX / sizeof(T)) return nullptr;
    const MutableBytes memory = take(count * sizeof(T));
    return memory.empty() ? nullptr : reinterpret_cast<T*>(memory.data());
  }

  /// Where the memory comes from.
  Allocator& allocator() const noexcept { return *allocator_; }

  /// Whether more was asked for than the budget had.
  bool ran_out() const noexcept { return ran_out_; }
  /// Whether the allocator had less than was asked for.
  bool was_refused() const noexcept { return was_refused_; }

 private:
  struct Block;

  void free(Block* block) noexcept;

  Allocator* allocator_;
  Block* blocks_ = nullptr;  // the newest first
  std::uint64_t budget_ = 0;
  bool ran_out_ = false;
  bool was_refused_ = false;
};

}  // namespace qc
