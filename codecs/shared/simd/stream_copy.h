// Stores that leave the caches alone.
#pragma once

#include <cstddef>
#include <cstdint>

namespace qc {

/// How results are stored.
enum class StoreMode {
  kCached,     ///< they are read again soon
  kStreaming,  ///< past the caches: they wait in memory
};

/// As memcpy, with stores that bypass the caches where the machine has them: for results too large
/// to be read back from there. The stores are done when stream_fence() was called.
void stream_copy(std::uint8_t* to, const std::uint8_t* from, std::size_t size) noexcept;

void stream_fence() noexcept;

}  // namespace qc
