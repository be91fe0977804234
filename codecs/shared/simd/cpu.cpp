#include "codecs/shared/simd/cpu.h"

#include <algorithm>
#include <array>
#include <cstdlib>

namespace qc {
namespace {

constexpr std::array kLevels = {SimdLevel::kScalar, SimdLevel::kAvx2, SimdLevel::kAvx512};

SimdLevel detect() noexcept {
#if QC_X86_KERNELS
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("bmi2")) return SimdLevel::kScalar;
  const bool wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                    __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
                    __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vbmi2");
  return wide ? SimdLevel::kAvx512 : SimdLevel::kAvx2;
#else
  return SimdLevel::kScalar;
#endif
}

SimdLevel best_level() noexcept {
  static const SimdLevel kBest = detect();
  return kBest;
}

SimdLevel& current_level() noexcept {
  static SimdLevel level = [] {
    const char* wanted = std::getenv("QCOMPRESS_SIMD");
    for (const SimdLevel candidate : kLevels) {
      if (wanted != nullptr && simd_level_name(candidate) == wanted) {
        return std::min(candidate, best_level());
      }
    }
    return best_level();
  }();
  return level;
}

}  // namespace

SimdLevel simd_level() noexcept { return current_level(); }

std::span<const SimdLevel> available_simd_levels() noexcept {
  return std::span(kLevels).first(static_cast<std::size_t>(best_level()) + 1);
}

std::string_view simd_level_name(SimdLevel level) noexcept {
  switch (level) {
    case SimdLevel::kScalar:
      return "scalar";
    case SimdLevel::kAvx2:
      return "avx2";
    default:
      return "avx512";
  }
}

ScopedSimdLevel::ScopedSimdLevel(SimdLevel level) noexcept : before_(current_level()) {
  current_level() = level;
}

ScopedSimdLevel::~ScopedSimdLevel() { current_level() = before_; }

}  // namespace qc
