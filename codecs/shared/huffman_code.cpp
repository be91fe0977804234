#include "codecs/shared/huffman_code.h"

#include <array>
#include <cstddef>

namespace qc {

void canonical_codes(std::span<const std::uint8_t> lengths,
                     std::span<std::uint16_t> codes) noexcept {
  std::array<std::uint32_t, kMaxCodeLength + 1> with_length{};
  for (const std::uint8_t length : lengths) ++with_length[length];
  with_length[0] = 0;
  std::array<std::uint32_t, kMaxCodeLength + 1> code{};
  for (unsigned length = 1; length <= kMaxCodeLength; ++length) {
    code[length] = (code[length - 1] + with_length[length - 1]) << 1;
  }
  for (std::size_t symbol = 0; symbol < lengths.size(); ++symbol) {
    const unsigned length = lengths[symbol];
    codes[symbol] = 0;
    if (length == 0) continue;
    std::uint32_t forward = code[length]++;
    std::uint32_t reversed = 0;
    for (unsigned bit = 0; bit < length; ++bit) {
      reversed = (reversed << 1) | (forward & 1u);
      forward >>= 1;
    }
    codes[symbol] = static_cast<std::uint16_t>(reversed);
  }
}

}  // namespace qc
