// Signed numbers as unsigned ones: 0, -1, 1, -2, ... become 0, 1, 2, 3, ...
#pragma once

#include <cstdint>

namespace qc {

constexpr std::uint64_t zigzag(std::int64_t number) noexcept {
  return number >= 0 ? 2 * static_cast<std::uint64_t>(number)
                     : 2 * static_cast<std::uint64_t>(-number) - 1;
}

constexpr std::int64_t unzigzag(std::uint64_t code) noexcept {
  const auto half = static_cast<std::int64_t>((code + 1) / 2);
  return (code & 1) != 0 ? -half : half;
}

}  // namespace qc
