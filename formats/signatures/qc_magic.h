// The bytes that every .qc container starts with.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "core/bytes.h"

namespace qc {

inline constexpr std::array<std::uint8_t, 8> kQcMagic = {0x89, 'Q',  'C',  'F',
                                                         '\r', '\n', 0x1a, '\n'};

/// True when the bytes start like a .qc container.
inline bool is_qc(ByteView bytes) noexcept {
  return bytes.size() >= kQcMagic.size() &&
         std::equal(kQcMagic.begin(), kQcMagic.end(), bytes.begin());
}

}  // namespace qc
