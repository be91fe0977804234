#include "codecs/shared/simd/stream_copy.h"

#include <algorithm>
#include <cstring>

#include "codecs/shared/simd/intrinsics.h"

namespace qc {

#if QC_X86_KERNELS

void stream_copy(std::uint8_t* to, const std::uint8_t* from, std::size_t size) noexcept {
  constexpr std::size_t kLine = 64;
  const auto address = reinterpret_cast<std::uintptr_t>(to);
  const std::size_t head = std::min(size, (kLine - address % kLine) % kLine);
  std::memcpy(to, from, head);
  std::size_t at = head;
  for (; at + kLine <= size; at += kLine) {
    const auto* source = reinterpret_cast<const __m128i*>(from + at);
    auto* target = reinterpret_cast<__m128i*>(to + at);
    for (int i = 0; i < 4; ++i) _mm_stream_si128(target + i, _mm_loadu_si128(source + i));
  }
  std::memcpy(to + at, from + at, size - at);
}

void stream_fence() noexcept { _mm_sfence(); }

#else

void stream_copy(std::uint8_t* to, const std::uint8_t* from, std::size_t size) noexcept {
  std::memcpy(to, from, size);
}

void stream_fence() noexcept {}

#endif

}  // namespace qc
