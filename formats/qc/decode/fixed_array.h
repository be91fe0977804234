// Arrays in the memory of an allocator.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>

#include "codecs/shared/allocator.h"

namespace qc {

/// An array whose length is set once. Nothing here throws.
template <typename T>
class FixedArray {
  static_assert(std::is_trivially_destructible_v<T>);

 public:
  /// Empty. The allocator outlives the array.
  explicit FixedArray(Allocator& allocator) noexcept : allocator_(&allocator) {}
  FixedArray(FixedArray&& other) noexcept
      : allocator_(other.allocator_), items_(std::exchange(other.items_, {})) {}
  FixedArray& operator=(FixedArray&& other) noexcept {
    std::swap(allocator_, other.allocator_);
    std::swap(items_, other.items_);
    return *this;
  }
  ~FixedArray() { clear(); }

  /// `count` values as T() makes them; false when there is no memory for them. Of an empty array.
  [[nodiscard]] bool create(std::uint64_t count) noexcept {
    if (count == 0) return true;
    if (count > SIZE_MAX / sizeof(T)) return false;
    std::uint8_t* const memory = allocator_->allocate(count * sizeof(T));
    if (memory == nullptr) return false;
    T* const items = reinterpret_cast<T*>(memory);
    std::uninitialized_value_construct_n(items, static_cast<std::size_t>(count));
    items_ = {items, static_cast<std::size_t>(count)};
    return true;
  }

  void clear() noexcept {
    if (items_.empty()) return;
    allocator_->release(reinterpret_cast<std::uint8_t*>(items_.data()), items_.size_bytes());
    items_ = {};
  }

  std::span<T> span() noexcept { return items_; }
  std::span<const T> span() const noexcept { return items_; }
  std::size_t size() const noexcept { return items_.size(); }
  T& operator[](std::size_t index) noexcept { return items_[index]; }
  const T& operator[](std::size_t index) const noexcept { return items_[index]; }

 private:
  Allocator* allocator_;
  std::span<T> items_;
};

}  // namespace qc
