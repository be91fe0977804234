#include "codecs/shared/simd/cpu.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>

namespace qc {
namespace {

// Levels of the architecture, the lowest first.
#if QC_X86_KERNELS
constexpr std::array kLevels = {SimdLevel::kScalar, SimdLevel::kAvx2, SimdLevel::kAvx512};
#elif QC_NEON_KERNELS
constexpr std::array kLevels = {SimdLevel::kScalar, SimdLevel::kNeon};
#else
constexpr std::array kLevels = {SimdLevel::kScalar};
#endif

SimdLevel detect() noexcept {
#if QC_X86_KERNELS
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("bmi2")) return SimdLevel::kScalar;
  const bool wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                    __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
                    __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vbmi2");
  return wide ? SimdLevel::kAvx512 : SimdLevel::kAvx2;
#else
  return kLevels.back();
#endif
}

// A level that is found out when it is first asked for, at worst by several threads, which find the
// same: a local static would need the C++ runtime's library.
class LazyLevel {
 public:
  template <typename Find>
  SimdLevel get(Find&& find) noexcept {
    int level = level_.load();
    if (level == kUnknown) level_.store(level = static_cast<int>(find()));
    return static_cast<SimdLevel>(level);
  }
  void set(SimdLevel level) noexcept { level_.store(static_cast<int>(level)); }

 private:
  static constexpr int kUnknown = -1;
  std::atomic<int> level_ = kUnknown;
};

constinit LazyLevel machine_level;
constinit LazyLevel current_level;

SimdLevel best_level() noexcept { return machine_level.get(detect); }

SimdLevel wanted_level() noexcept {
  const char* wanted = std::getenv("QCOMPRESS_SIMD");
  for (const SimdLevel candidate : kLevels) {
    if (wanted != nullptr && simd_level_name(candidate) == wanted) {
      return std::min(candidate, best_level());
    }
  }
  return best_level();
}

}  // namespace

SimdLevel simd_level() noexcept { return current_level.get(wanted_level); }

std::span<const SimdLevel> available_simd_levels() noexcept {
  const auto* best = std::find(kLevels.begin(), kLevels.end(), best_level());
  return {kLevels.begin(), best + 1};
}

std::string_view simd_level_name(SimdLevel level) noexcept {
  switch (level) {
    case SimdLevel::kScalar:
      return "scalar";
    case SimdLevel::kAvx2:
      return "avx2";
    case SimdLevel::kAvx512:
      return "avx512";
    default:
      return "neon";
  }
}

ScopedSimdLevel::ScopedSimdLevel(SimdLevel level) noexcept : before_(simd_level()) {
  current_level.set(level);
}

ScopedSimdLevel::~ScopedSimdLevel() { current_level.set(before_); }

}  // namespace qc
