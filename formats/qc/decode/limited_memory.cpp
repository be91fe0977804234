#include "formats/qc/decode/limited_memory.h"

namespace qc {

std::uint8_t* LimitedMemory::allocate(std::uint64_t size) noexcept {
  std::uint64_t used = used_.load();
  do {
    if (size > limit_ - used) {
      ran_out_.store(true);
      return nullptr;
    }
  } while (!used_.compare_exchange_weak(used, used + size));
  std::uint8_t* const memory = source_.allocate(size);
  if (memory == nullptr) used_.fetch_sub(size);
  return memory;
}

void LimitedMemory::release(std::uint8_t* memory, std::uint64_t size) noexcept {
  if (memory == nullptr) return;
  source_.release(memory, size);
  used_.fetch_sub(size);
}

}  // namespace qc
