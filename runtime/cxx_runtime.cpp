// What compilers call of the C++ library, which this library does without, and its own heap.
#include <cstdlib>

#include "codecs/shared/allocator.h"

extern "C" [[gnu::visibility("hidden")]] void __cxa_pure_virtual() { std::abort(); }

namespace qc {
namespace {

// Nobody asks for it: all memory comes from the caller.
class NoHeap final : public Allocator {
 public:
  std::uint8_t* allocate(std::uint64_t /*size*/) noexcept override { return nullptr; }
  void release(std::uint8_t* /*memory*/, std::uint64_t /*size*/) noexcept override {}
};

constinit NoHeap no_heap;

}  // namespace

Allocator& heap() noexcept { return no_heap; }

}  // namespace qc
