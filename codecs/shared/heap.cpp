#include <new>

#include "codecs/shared/allocator.h"

namespace qc {
namespace {

constexpr std::align_val_t kAlignment{64};

class Heap final : public Allocator {
 public:
  std::uint8_t* allocate(std::uint64_t size) noexcept override {
    if (size > SIZE_MAX) return nullptr;
    return static_cast<std::uint8_t*>(
        ::operator new(static_cast<std::size_t>(size), kAlignment, std::nothrow));
  }

  void release(std::uint8_t* memory, std::uint64_t /*size*/) noexcept override {
    ::operator delete(memory, kAlignment);
  }
};

constinit Heap the_heap;

}  // namespace

Allocator& heap() noexcept { return the_heap; }

}  // namespace qc
