// The bits of one type as another: std::bit_cast, which not every C++20 library has.
#pragma once

#include <type_traits>

namespace qc {

template <typename To, typename From>
constexpr To bit_cast(const From& from) noexcept {
  static_assert(sizeof(To) == sizeof(From) && std::is_trivially_copyable_v<To> &&
                std::is_trivially_copyable_v<From>);
  return __builtin_bit_cast(To, from);
}

}  // namespace qc
