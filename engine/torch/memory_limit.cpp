#include "engine/torch/memory_limit.h"

#include <ATen/ATen.h>
#include <c10/core/Allocator.h>
#include <c10/core/impl/alloc_cpu.h>
#include <fmt/format.h>
#include <malloc.h>

#include <atomic>

namespace qc::torch_engine {
namespace {

// Above that of libtorch's own allocators, which it takes the place of.
constexpr std::uint8_t kPriority = 255;

// libtorch's memory, counted. What malloc gave is asked again when memory is freed, so nothing is
// stored beside it.
class LimitedAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(std::size_t size) const override {
    const std::uint64_t limit = limit_;
    if (size > limit || used_ > limit - size) {
      throw MemoryLimitError(
          fmt::format("a tensor of {} bytes is wanted beside {} bytes of others, and the limit is "
                      "{}; --max-memory allows more",
                      size, used_.load(), limit));
    }
    void* memory = allocate_memory(size);
    used_ += ::malloc_usable_size(memory);
    return {memory, memory, &release, c10::Device(c10::DeviceType::CPU)};
  }

  c10::DeleterFnPtr raw_deleter() const override { return &release; }

  static void set_limit(std::uint64_t bytes) { limit_ = bytes; }

 private:
  static void* allocate_memory(std::size_t size) {
    try {
      return c10::alloc_cpu(size);
    } catch (const c10::Error&) {
      throw MemoryLimitError(
          fmt::format("a tensor of {} bytes is wanted, more than the machine has left", size));
    }
  }

  static void release(void* memory) {
    used_ -= ::malloc_usable_size(memory);
    c10::free_cpu(memory);
  }

  inline static std::atomic<std::uint64_t> limit_ = 0;
  inline static std::atomic<std::uint64_t> used_ = 0;
};

}  // namespace

void limit_tensor_memory(std::uint64_t bytes) {
  static LimitedAllocator allocator;
  LimitedAllocator::set_limit(bytes);
  // Only once: what this allocator gave must be released by it.
  static const bool kInstalled = [] {
    c10::SetAllocator(c10::DeviceType::CPU, &allocator, kPriority);
    return true;
  }();
  static_cast<void>(kInstalled);
}

}  // namespace qc::torch_engine
